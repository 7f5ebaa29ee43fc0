"""A real MLflow server on a loopback port, with SQLite behind it unless something else is named."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

_START_SECONDS = 120


class TrackingServer:
    """The server as long as the block lasts.

    Args:
        folder: Where its database and files lie.
        backend: The URL of another database.
        destination: The URL of another place for files.
    """

    def __init__(self, folder: Path, *, backend: str = "", destination: str = "") -> None:
        self.database = folder / "server.db"
        self.artifacts = folder / "server-artifacts"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
            *("--port", str(port), "--workers", "1"),
            *("--backend-store-uri", backend or f"sqlite:///{self.database}"),
            *("--artifacts-destination", destination or str(self.artifacts)),
        ]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ
            | {
                "MLFLOW_DISABLE_TELEMETRY": "true",
                # Processes of its own that nothing here asks for.
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "TMPDIR": str(folder),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with urlopen(f"{self.url}/health", timeout=5):  # noqa: S310 (our own address)
                    return self
            except (URLError, OSError):
                time.sleep(0.2)
        self.__exit__(None, None, None)
        raise AssertionError("the MLflow server does not come up")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.tell(signal.SIGKILL)
        self._process.wait(timeout=30)

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes."""
        os.killpg(self._process.pid, number)
