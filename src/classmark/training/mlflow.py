"""Runs kept by MLflow: embedded in the home, or on a server.

MLflow works in a process of its own. Nothing of it is imported here; a server that hangs holds up
nobody; its settings are that process's environment; and a training that is killed leaves a run that
says so, as its process outlives it.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import URL

from classmark.conversation import Conversation
from classmark.mlflow_server import MlflowServer, mlflow_environment, without_secrets
from classmark.models import Milestone
from classmark.training.tracking import (
    BrokenRun,
    RunEnd,
    RunLink,
    RunStart,
    RunStatus,
    TrackedRun,
    Tracker,
)

_STATUSES = {
    RunStatus.FINISHED: "FINISHED",
    RunStatus.FAILED: "FAILED",
    RunStatus.KILLED: "KILLED",
}
# -P: no module of the folder in which it lies, one of which is called like MLflow.
_PROCESS = (sys.executable, "-P", str(Path(__file__).with_name("mlflow_process.py")))
# A database on the disk does not hang, but its tables may have to be made first.
_LOCAL_SECONDS = 30.0


class MlflowTracker(Tracker):
    """Keeps runs with MLflow.

    Args:
        folder: Where the embedded store lies; made when it is first written to.
        uri: Of a server (http, https) or of another SQLite file, in place of the embedded store.
        timeout_seconds: How long a server is waited for, at the start of a run and at its end.
        process: The command of the process that talks with MLflow.
    """

    def __init__(
        self,
        folder: Path,
        uri: str = "",
        *,
        timeout_seconds: float = 5.0,
        process: Sequence[str] = _PROCESS,
    ) -> None:
        self._store = _store(folder, uri, timeout_seconds)
        self._folder = folder
        self._process = process

    def start(self, start: RunStart) -> TrackedRun:
        """A run in the experiment of its name."""
        store = self._store
        environment = os.environ | store.environment
        try:
            if store.artifacts:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            talk = Conversation(self._process, environment, store.timeout_seconds)
        except OSError as error:
            return BrokenRun(RunLink(store.uri, None, f"it could not be started ({error})"))
        run = _MlflowRun(store.uri, talk, environment)
        run.begin(start, store)
        return run


@dataclass(frozen=True, slots=True)
class _Store:
    """Where runs are kept.

    Attributes:
        uri: Without name and password.
        artifacts: In the home, where files of runs go; None leaves that to the server.
        lock: A file that who makes the store holds; None leaves that to the server.
        timeout_seconds: How long to wait for it.
        environment: What the process that talks with MLflow must have.
    """

    uri: str
    artifacts: str | None
    lock: str | None
    timeout_seconds: float
    environment: Mapping[str, str]


def _store(folder: Path, uri: str, timeout_seconds: float) -> _Store:
    if urlsplit(uri).scheme in {"http", "https"}:
        server = MlflowServer.at(uri, timeout_seconds)
        return _Store(server.uri, None, None, timeout_seconds, server.environment)
    database = str(folder.absolute() / "mlflow.db")
    return _Store(
        uri=uri or URL.create("sqlite", database=database).render_as_string(),
        artifacts=(folder.absolute() / "artifacts").as_uri(),
        lock=str(folder.absolute() / ".lock"),
        timeout_seconds=max(_LOCAL_SECONDS, timeout_seconds),
        # A lock of its own lies where temporary files do.
        environment={**mlflow_environment(timeout_seconds), "TMPDIR": str(folder.absolute())},
    )


class _MlflowRun(TrackedRun):
    """A run whose record is kept by another process."""

    def __init__(self, uri: str, talk: Conversation, environment: Mapping[str, str]) -> None:
        self._uri = uri
        self._talk = talk
        self._environment = environment
        self._run_id: str | None = None
        self._problem = ""

    def begin(self, start: RunStart, store: _Store) -> None:
        tags = dict(start.tags)
        if "git_commit" in tags:
            tags["mlflow.source.git.commit"] = tags["git_commit"]
        self._tell(
            begin={
                "uri": self._uri,
                "artifacts": store.artifacts and f"{store.artifacts}/{start.experiment}",
                "lock": store.lock,
                "experiment": start.experiment,
                "name": start.name,
                "parameters": {key: str(value) for key, value in start.parameters.items()},
                "tags": tags,
            }
        )

    def record(self, milestone: Milestone) -> None:
        self._tell(milestone=_numbers({"epoch": milestone.epoch, **milestone.metrics}))

    def link(self) -> RunLink | None:
        if self._run_id is None:
            self._run_id = self._hear().get("run_id")
        return RunLink(self._uri, self._run_id, self._problem)

    def end(self, end: RunEnd) -> None:
        self.link()
        self._tell(
            end={
                "status": _STATUSES[end.status],
                "metrics": _numbers(end.metrics),
                "name": end.name,
                "files": [str(path.absolute()) for path in end.files],
            }
        )
        self._hear()
        self._talk.close()

    def _tell(self, **message: Any) -> None:
        if self._talk.is_open:
            try:
                self._talk.send(message)
            except OSError:
                # It ended, or has not worked off what it was told long ago.
                self._problem = self._problem or "it takes no more"
                self._talk.close()

    def _hear(self) -> Mapping[str, Any]:
        """The next answer; empty where none comes, and then no other is waited for."""
        answer: Mapping[str, Any] = {}
        if self._problem or not self._talk.is_open:
            return answer
        try:
            answer = self._talk.answer()
        except TimeoutError:
            self._problem = f"it did not answer within {self._talk.timeout_seconds:g} s"
        except (OSError, ValueError):
            self._problem = "the process that talks with it ended"
        else:
            self._problem = without_secrets(answer.get("problem", ""), self._environment)
        return answer


def _numbers(metrics: Mapping[str, float]) -> dict[str, float]:
    return {key: float(value) for key, value in metrics.items()}
