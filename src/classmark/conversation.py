"""A process of ours that is talked with, and that can hold up nobody; both of its ends."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TextIO

_READ_AT_ONCE = 65536


class Conversation:
    """A process that is told and answers, one JSON object a line; nothing takes for ever.

    Args:
        command: Of the process.
        environment: Of the process.
        timeout_seconds: For each message and each answer.

    Raises:
        OSError: The process can't be started.
    """

    def __init__(
        self, command: Sequence[str], environment: dict[str, str], timeout_seconds: float
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self.is_open = True
        self._left = b""
        self._socket, theirs = socket.socketpair()
        try:
            # In a session of its own: Ctrl+C is for us, and what it means is told.
            self._process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except OSError:
            self._socket.close()
            raise
        finally:
            theirs.close()

    def send(self, message: Mapping[str, Any]) -> None:
        """Tell it something; what it has not read yet waits in the socket."""
        self._socket.settimeout(self.timeout_seconds)
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def answer(self, within_seconds: float | None = None) -> dict[str, Any]:
        """What it says next.

        Args:
            within_seconds: How long to wait for it; None waits as long as for everything else.

        Raises:
            TimeoutError: Nothing in time.
            OSError: It ended.
            ValueError: It ended in the middle of a line.
        """
        patience = self.timeout_seconds if within_seconds is None else within_seconds
        end = time.monotonic() + patience
        while b"\n" not in self._left:
            self._socket.settimeout(max(0.001, end - time.monotonic()))
            read = self._socket.recv(_READ_AT_ONCE)
            if not read:
                raise ConnectionResetError
            self._left += read
        line, _, self._left = self._left.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """Say no more; what was told is still worked off, and then the process ends by itself."""
        if self.is_open:
            self.is_open = False
            self._socket.close()
            # Killed in the middle, it might leave a store that nobody can use.
            threading.Thread(target=self._process.wait, daemon=True).start()


def heard(given: TextIO) -> Iterator[dict[str, Any]]:
    """In the process: what it is told, until there is no more."""
    # Whoever is killed before it has read what it was told resets the socket, or cuts a line off.
    with suppress(ConnectionResetError, ValueError):
        yield from map(json.loads, given)


def tell(told: TextIO, **message: Any) -> None:
    """In the process: answer."""
    # Whoever is told may have gone.
    with suppress(OSError):
        told.write(json.dumps(message) + "\n")
        told.flush()


def own_channel() -> TextIO:
    """In the process: where answers go, apart from what libraries print to standard output."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel
