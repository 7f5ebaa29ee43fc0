"""kill -9 of a server under load: is every answered prediction in the log exactly once?

Usage: python benchmarks/kill_server.py [--rounds 20] [--clients 8] [--family linear]

Each round starts `classmark serve` on one home, lets the clients ask as fast as they can, kills the
server without warning after a random time, and starts it again. At the end the log must hold each
prediction that was answered with 200 exactly once, and no text twice.
"""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import create_engine, text

CLASSMARK = [sys.executable, "-m", "classmark"]


def make_home(home: Path, family: str) -> None:
    """A home with one version of a model in production."""
    source = home / "samples.jsonl"
    source.parent.mkdir(parents=True)
    code = (
        "import json; from classmark.documents import sample_documents as s\n"
        "for d in s(): print(json.dumps({'id': d.id, 'text': d.text, 'label': d.label}))"
    )
    source.write_bytes(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    )
    for command in (
        ["prepare", str(source), "--name", "samples"],
        ["train", "samples", "--model", "m", "--family", family],
        ["promote", "m@latest"],
    ):
        subprocess.run([*CLASSMARK, *command, "--home", str(home)], check=True, capture_output=True)


def start_server(home: Path, port: int) -> subprocess.Popen[bytes]:
    """A server that answers."""
    command = [*CLASSMARK, "serve", "--home", str(home), "--port", str(port), "--no-ui"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return server
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server does not come up")


class Client(threading.Thread):
    """Asks until the connection breaks; remembers what was answered with 200."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._prefix = name
        self.answered: list[str] = []

    def run(self) -> None:
        """Ask as fast as answers come."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        number = 0
        try:
            while True:
                texts = [
                    f"{self._prefix} asks {number} {part}" for part in range(random.randint(1, 4))
                ]
                body = json.dumps({"texts": texts})
                connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                content = response.read()
                if response.status == 200:
                    self.answered += [one["id"] for one in json.loads(content)["predictions"]]
                number += 1
        except (OSError, http.client.HTTPException):
            connection.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Run the rounds and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--family", default="linear")
    arguments = parser.parse_args()
    answered: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        make_home(home, arguments.family)
        port = free_port()
        for number in range(arguments.rounds):
            server = start_server(home, port)
            clients = [Client(port, f"round {number} client {n}") for n in range(arguments.clients)]
            for client in clients:
                client.start()
            time.sleep(random.uniform(0.2, 2.0))
            os.kill(server.pid, signal.SIGKILL)
            server.wait()
            for client in clients:
                client.join()
                answered += client.answered
        server = start_server(home, port)
        time.sleep(2)
        server.terminate()
        server.wait()
        with create_engine(f"sqlite:///{home / 'classmark.db'}").connect() as connection:
            rows = connection.execute(text("SELECT id, text FROM predictions")).all()
        left = list((home / "spool").iterdir())
    logged = Counter(row.id for row in rows)
    texts = Counter(row.text for row in rows)
    result = {
        "rounds": arguments.rounds,
        "clients": arguments.clients,
        "answered_with_200": len(answered),
        "logged": len(rows),
        "lost": sum(logged[one] == 0 for one in answered),
        "doubled": sum(count > 1 for count in texts.values()),
        "left_in_spool": len(left),
    }
    print(json.dumps(result, indent=2))
    if result["lost"] or result["doubled"] or left:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
