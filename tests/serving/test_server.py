"""The port is ours before anything is loaded."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from classmark.errors import PortInUseError, SettingError
from classmark.serving import Address, listening_socket

HERE = "127.0.0.1"
SERVE = """
import asyncio, os, sys
from fastapi import FastAPI
from classmark.serving import Address, listening_socket, run_server

def make_app():
    app = FastAPI()
    @app.get("/")
    async def slow(seconds: float = 0.0):
        if seconds:
            open("asked", "w").close()
        await asyncio.sleep(seconds)
        return os.getpid()
    return app

if __name__ == "__main__":
    workers = int(sys.argv[1])
    with listening_socket(Address("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        run_server(make_app() if workers == 1 else "app:make_app", listener, workers=workers)
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with listening_socket(Address(HERE, 0)) as listener:
        yield listener


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def test_a_port_that_another_process_listens_on_is_told(listener: socket.socket) -> None:
    with pytest.raises(PortInUseError, match=str(port_of(listener))) as told:
        listening_socket(Address(HERE, port_of(listener)))
    assert "--port" in told.value.remedy


def test_the_port_is_ours_against_servers_that_share_addresses(listener: socket.socket) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind((HERE, port_of(listener)))


def test_who_connects_before_the_model_is_loaded_waits(listener: socket.socket) -> None:
    with socket.create_connection((HERE, port_of(listener)), timeout=5):
        pass


def test_a_port_can_be_used_again_at_once(listener: socket.socket) -> None:
    port = port_of(listener)
    with socket.create_connection((HERE, port), timeout=5):
        accepted, _ = listener.accept()
        accepted.close()  # our side closes first and so waits for stray packets
    listener.close()
    with listening_socket(Address(HERE, port)) as again:
        assert port_of(again) == port


@pytest.mark.parametrize(
    "address",
    [
        Address("203.0.113.7", 0),
        Address("256.256.256.256", 0),
        Address("no such host", 0),
        Address("a" * 300, 0),
        Address("a..b", 0),
        Address("\x00", 0),
        Address("2001:db8::7", 0),
        Address(HERE, 65_536),
        Address(HERE, -1),
    ],
)
def test_what_is_no_address_of_this_machine_is_an_error_of_the_setting(address: Address) -> None:
    with pytest.raises(SettingError) as told:
        listening_socket(address)
    assert "--port" in told.value.remedy


def test_a_refused_socket_is_closed() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for address in (Address("203.0.113.7", 0), Address(HERE, 65_536), Address("a" * 300, 0)):
        with pytest.raises(SettingError):
            listening_socket(address)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("127.0.0.1", 8000), "http://127.0.0.1:8000"),
        (Address("0.0.0.0", 8000), "http://127.0.0.1:8000"),  # noqa: S104 (shown)
        (Address("", 8000), "http://127.0.0.1:8000"),
        (Address("::1", 8000), "http://[::1]:8000"),
        (Address("example.org", 80), "http://example.org:80"),
    ],
)
def test_an_address_is_shown_as_a_browser_takes_it(address: Address, url: str) -> None:
    assert address.url == url


@pytest.mark.parametrize("workers", [1, 2])
def test_requests_in_flight_are_answered_before_the_server_stops(
    workers: int, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(SERVE, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "app.py", str(workers)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        url = f"http://{HERE}:{server.stdout.readline().strip()}"
        assert httpx.get(url, timeout=30).status_code == 200
        answers: list[int] = []

        def ask() -> None:
            answers.append(httpx.get(url, params={"seconds": 1}, timeout=30).status_code)

        asking = threading.Thread(target=ask)
        asking.start()
        while not (tmp_path / "asked").exists():
            time.sleep(0.01)
        server.send_signal(signal.SIGTERM)
        asking.join()
        assert answers == [200]
        server.wait(timeout=20)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
