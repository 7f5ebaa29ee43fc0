"""Several replicas behind nginx, with the configuration that we ship; one of them is killed."""

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from classmark.assembly import open_home
from classmark.predictions import Spool

pytestmark = pytest.mark.slow

# Server of conftest.py, which pytest alone can import.
Serving = Callable[..., AbstractContextManager[Any]]

CONFIGURATION = Path(__file__).parents[2] / "deploy/nginx/classmark.conf"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
AROUND = """
daemon off;
error_log errors.txt;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {ours}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def nginx(configuration: str, folder: Path) -> Iterator[None]:
    folder.mkdir()
    (folder / "nginx.conf").write_text(AROUND.format(ours=configuration))
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


@dataclass
class Client:
    """Asks as fast as answers come, until it is told to stop."""

    url: str
    is_over: threading.Event = field(default_factory=threading.Event)
    answered: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=40) as client:
            while not self.is_over.is_set():
                answer = client.post("/predict", json={"texts": ["A table of tuples"]})
                if answer.status_code == 200:
                    self.answered.append(answer.json()["predictions"][0]["id"])
                else:
                    self.failed.append(answer.text)


def wait_for(url: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(url)


@pytest.mark.skipif(not Path(NGINX).exists(), reason="nginx is not installed")
@pytest.mark.parametrize("kills", [1, pytest.param(12, marks=pytest.mark.heavy)])
def test_a_killed_replica_costs_no_answer(
    kills: int, home: Path, serving: Serving, tmp_path: Path
) -> None:
    ports = {name: free_port() for name in ("8000", "8001", "8002")}
    configuration = CONFIGURATION.read_text()
    for shipped, port in ports.items():
        configuration = configuration.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{port}")
    url = f"http://127.0.0.1:{ports['8000']}"

    with ExitStack() as stack:
        stack.enter_context(serving(home, "--no-ui", "--port", str(ports["8001"])))
        stack.enter_context(nginx(configuration, tmp_path / "nginx"))
        clients = [Client(url) for _ in range(4)]
        threads = [threading.Thread(target=client.run) for client in clients]
        wait_for(url)
        for thread in threads:
            thread.start()
        for number in range(kills):
            with serving(home, "--no-ui", "--port", str(ports["8002"])) as replica:
                time.sleep(1 if kills == 1 else 5)
                replica.process.send_signal(signal.SIGKILL)
                replica.process.wait()
            time.sleep(0.5 * (number + 1 == kills))
        for client in clients:
            client.is_over.set()
        for thread in threads:
            thread.join()
        assert httpx.get(f"{url}/metrics").status_code == 404

    assert [failure for client in clients for failure in client.failed] == []
    answered = [one for client in clients for one in client.answered]
    assert len(answered) > 100
    place = open_home(home)
    spool = Spool(home / "spool", place.log)
    spool.drain()
    spool.close()
    assert all(place.log.find(one) for one in answered)
    place.database.close()
