"""How a server of MLflow is reached by a process of ours that talks with it."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Self
from urllib.parse import unquote, urlsplit

_LONGEST_PROBLEM = 300
_SECRETS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


@dataclass(frozen=True, slots=True)
class MlflowServer:
    """An address, and what a process must have in its environment to use it.

    Attributes:
        uri: Without name and password.
        environment: These among it, and how patient the process is.
    """

    uri: str
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def at(cls, uri: str, timeout_seconds: float) -> Self:
        """The server at an address of http or https."""
        environment = mlflow_environment(timeout_seconds)
        parts = urlsplit(uri)
        # Name and password go beside the address, so that no message can hold them.
        if parts.username is not None:
            environment["MLFLOW_TRACKING_USERNAME"] = unquote(parts.username)
            environment["MLFLOW_TRACKING_PASSWORD"] = unquote(parts.password or "")
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        return cls(bare.geturl(), environment)


def is_away(uri: str, seconds: float) -> bool:
    """Whether nobody takes a connection there: that is known long before MLflow is imported.

    Args:
        uri: Of a server.
        seconds: How long it is waited for.
    """
    parts = urlsplit(uri)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), seconds).close()
    except OSError:
        return True
    return False


def mlflow_environment(timeout_seconds: float) -> dict[str, str]:
    """What every process has in its environment that talks with MLflow."""
    return {
        # It would tell its makers of every run.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, ceil(timeout_seconds))),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        # Git is asked by us.
        "GIT_PYTHON_REFRESH": "quiet",
    }


def without_secrets(text: str, environment: Mapping[str, str]) -> str:
    """A text of a process that had this environment, with name and password blotted out."""
    for name in _SECRETS:
        if environment.get(name):
            text = text.replace(environment[name], "***")
    return text


def is_server(uri: str) -> bool:
    """Whether an address is one of http or https that leads to a host, and nothing more."""
    try:
        parts = urlsplit(uri)
        # Asked for, it raises where it is none.
        _ = parts.port
    except ValueError:
        return False
    plain = not parts.query and not parts.fragment
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and plain


def described(error: BaseException) -> str:
    """What MLflow raised, in one line; its cause where a store only wraps it."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed: pip install 'classmark[tracking]'"
    cause: BaseException | None = error
    while cause is not None:
        # By name: requests is MLflow's, not ours.
        if type(cause).__name__ in {"ConnectionError", "ConnectTimeout", "ReadTimeout"}:
            return "it can't be reached"
        cause = cause.__cause__ or cause.__context__
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST_PROBLEM]
