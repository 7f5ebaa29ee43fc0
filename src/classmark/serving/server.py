"""The server process: the port is ours before anything is loaded, and workers share it."""

import errno
import gc
import ipaddress
import socket
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from classmark.errors import PortInUseError, SettingError
from classmark.serving.connections import PatientConfig

# How long requests in flight may still take when the server is told to stop.
_GRACE_SECONDS = 30
# Between two looks of the collector of garbage, some 20 requests; Python's own are 700, one or two.
_NEW_OBJECTS = 10_000
# Connections that wait to be accepted; what uvicorn asks for, too.
_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """As a browser takes it."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", ""} else self.host  # noqa: S104 (shown)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback


def listening_socket(address: Address) -> socket.socket:
    """A listening socket that workers can share; who connects before they run waits.

    Raises:
        PortInUseError: Somebody else listens there.
        SettingError: The address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
        # Bound alone, another process could still take the port while our model loads.
        listener.listen(_BACKLOG)
    except (OSError, OverflowError, TypeError, ValueError) as error:
        listener.close()
        raise _refusal(address, error) from error
    listener.set_inheritable(True)
    return listener


def _refusal(address: Address, error: Exception) -> PortInUseError | SettingError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return PortInUseError(
            f"Port {address.port} of {address.host} is in use.",
            remedy="Stop what listens there, or choose another one with --port.",
        )
    reason = getattr(error, "strerror", None) or error
    return SettingError(
        f"{address.host}:{address.port} can't be listened on ({reason}).",
        remedy="Give an address of this machine with --host and a free port with --port.",
    )


def run_server(
    app: FastAPI | str, listener: socket.socket, *, workers: int, client_seconds: float = 30.0
) -> None:
    """Serve until a signal says stop; requests in flight are answered first.

    Args:
        app: The app itself for one worker, "module:function" that makes it for several.
        listener: As `listening_socket` gives it.
        workers: Processes.
        client_seconds: For a request to arrive, and for a part of an answer to be taken.
    """
    config = PatientConfig(
        app,
        client_seconds=client_seconds,
        factory=isinstance(app, str),
        workers=workers,
        log_level="warning",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    if workers > 1:
        Multiprocess(config, sockets=[listener]).run()
    else:
        uvicorn.Server(config).run(sockets=[listener])


def collect_garbage_seldom() -> None:
    """Let the collector pass over all that a server has loaded, and come less often.

    What is loaded stays to the end: to look at its hundreds of thousands of objects again holds up
    every answer for a tenth of a second. And a request leaves hardly any cycles behind.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
