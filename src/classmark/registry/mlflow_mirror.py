"""Versions published to an MLflow model registry, which follows what is live here.

MLflow works in a process of its own, as for the record of runs: nothing of it is imported here, and
no call of it holds anybody up for longer than is said.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self
from urllib.request import getproxies

from classmark import __version__
from classmark.conversation import Conversation
from classmark.errors import (
    ConflictError,
    MissingExtraError,
    SettingError,
    UnavailableError,
    VersionExistsError,
)
from classmark.mlflow_server import MlflowServer, is_away, without_secrets
from classmark.registry.card import model_card
from classmark.registry.following import ModelState
from classmark.registry.gate import Status
from classmark.registry.integrity import verify_manifest
from classmark.registry.records import RegisteredVersion
from classmark.registry.storage import folder_megabytes

# -P: no module of the folder in which it lies.
_PROCESS = (sys.executable, "-P", str(Path(__file__).with_name("mlflow_process.py")))
# Importing MLflow asks nobody, but takes its time on a busy machine.
_START_SECONDS = 60.0
# How long an upload is waited for beside the timeout; slower lines count as no answer.
_SECONDS_A_MEGABYTE = 1.0
_LONGEST_DESCRIPTION = 5000


@dataclass(frozen=True, slots=True)
class MirrorSettings:
    """Where versions are published beside this home.

    Attributes:
        mlflow_uri: Of an MLflow server (http, https); empty publishes nothing. It may hold a name
            and password and is therefore never shown as it is.
        timeout_seconds: How long each answer of the server is waited for.
    """

    mlflow_uri: str = field(default="", repr=False)
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What MLflow has of a model.

    Attributes:
        sequence: The number of the last event that it followed; None if it has no such model.
        digests: Of the manifests of the versions that are published.
    """

    sequence: int | None
    digests: Mapping[str, str]

    def has(self, version: RegisteredVersion) -> bool:
        """Whether a version is published.

        Raises:
            VersionExistsError: Another one is, under its name.
        """
        digest = self.digests.get(str(version.version))
        if digest not in {None, version.digest}:
            raise _taken(version)
        return digest is not None


class MlflowMirror:
    """Publishes versions to the model registry of an MLflow server, and follows what is live.

    Args:
        settings: Where the server is.
        process: The command of the process that talks with it.
    """

    name = "MLflow"

    def __init__(self, settings: MirrorSettings, *, process: Sequence[str] = _PROCESS) -> None:
        self._server = MlflowServer.at(settings.mlflow_uri, settings.timeout_seconds)
        self._timeout_seconds = settings.timeout_seconds
        self._process = process

    def prepare(self, version: RegisteredVersion) -> None:
        """Nothing: a version goes live whether MLflow is there or not."""

    def publish(self, version: RegisteredVersion) -> None:
        """Let MLflow have a version; if it has it already, nothing is done.

        Raises:
            VersionExistsError: It has another one under this name.
            ConflictError: It has a model of this name that classmark did not make.
            SettingError: The version predicts tables.
            TamperedVersionError: The version is not intact.
            UnavailableError: MLflow does not answer, or refuses.
            MissingExtraError: MLflow is not installed here.
        """
        with self._talk() as talk:
            if not talk.look(version.model).has(version):
                self._publish(talk, version)

    def unpublish(self, version: RegisteredVersion) -> bool:
        """Remove a version from MLflow, with its files; if it is not there, nothing is done.

        Returns:
            Whether it was there.

        Raises:
            ConflictError: It is live, or MLflow has another version under its name.
            UnavailableError: MLflow does not answer, or refuses.
        """
        if version.status is Status.PRODUCTION:
            raise ConflictError(
                f"{version.name} is live, and what is live stays published.",
                remedy="Put another version live first: classmark promote, or classmark rollback.",
            )
        with self._talk() as talk:
            is_there = talk.look(version.model).has(version)
            if is_there:
                talk.ask("remove", model=version.model, versions=[str(version.version)])
        return is_there

    def follow(self, state: ModelState) -> None:
        """Point the alias to what is live, publish it if need be, remove what was deleted.

        Raises:
            ClassmarkError: As `publish`.
        """
        with self._talk() as talk:
            seen = talk.look(state.model)
            if (seen.sequence or 0) > state.sequence:
                return
            if state.live is not None and not seen.has(state.live):
                self._publish(talk, state.live)
            elif seen.sequence is None:
                return
            talk.ask(
                "follow",
                model=state.model,
                sequence=state.sequence,
                live=str(state.live.version) if state.live else None,
                deleted=[str(version) for version in state.deleted],
                statuses={str(one.version): one.status.value for one in state.versions},
            )

    def _publish(self, talk: "_Talk", version: RegisteredVersion) -> None:
        if version.is_of_table:
            raise SettingError(
                f"{version.name} predicts tables, and only what classifies texts is published.",
                remedy="Leave it here: classmark predict MODEL@REF --file rows.csv",
            )
        verify_manifest(version.folder, version.digest)
        patience = self._timeout_seconds + _SECONDS_A_MEGABYTE * folder_megabytes(version.folder)
        kept = talk.ask("publish", patience, **self._facts(version), patience_seconds=patience)
        if kept["digest"] != version.digest:
            raise _taken(version)

    def _facts(self, version: RegisteredVersion) -> dict[str, Any]:
        """What MLflow is told of a version."""
        card, _, _ = model_card(version.metadata).partition("\n## Intended use")
        record = version.metadata.get("tracking") or {}
        is_here = str(record.get("uri", "")).rstrip("/") == self._server.uri.rstrip("/")
        return {
            "model": version.model,
            "name": version.name,
            "folder": str(version.folder.absolute()),
            "labels": list(version.metadata["labels"]),
            "description": card[:_LONGEST_DESCRIPTION],
            "run_id": record.get("run_id") if is_here else None,
            "requirement": f"classmark=={__version__}",
            "tags": {
                "classmark.version": str(version.version),
                "classmark.digest": version.digest,
                "classmark.status": version.status.value,
                "classmark.dataset_fingerprint": version.metadata["dataset_fingerprint"],
            },
        }

    def _talk(self) -> "_Talk":
        if find_spec("mlflow") is None:
            raise MissingExtraError("Publishing to MLflow", extra="tracking")
        return _Talk(self._server, self._process, self._timeout_seconds)


class _Talk:
    """The conversation with MLflow's process, as long as the block lasts."""

    def __init__(self, server: MlflowServer, process: Sequence[str], seconds: float) -> None:
        self._server = server
        self._environment = os.environ | server.environment
        # Behind a proxy the server itself may be out of reach.
        if not getproxies() and is_away(server.uri, seconds):
            raise self._lost("it can't be reached")
        try:
            self._conversation = Conversation(process, self._environment, seconds)
        except OSError as error:
            raise self._lost(f"its process could not be started ({error})") from error

    def __enter__(self) -> Self:
        try:
            self.ask("begin", _START_SECONDS, uri=self._server.uri)
        except UnavailableError:
            self._conversation.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._conversation.close()

    def look(self, model: str) -> _Seen:
        """What MLflow has of a model.

        Raises:
            ConflictError: It has a model of this name that classmark did not make.
            UnavailableError: It does not answer.
        """
        found = self.ask("look", model=model)
        if found["exists"] and found["sequence"] is None:
            raise ConflictError(
                f"MLflow at {self._server.uri} has a model {model!r} that classmark did not make.",
                remedy="Rename that one, or name another server with mirror.mlflow_uri.",
            )
        return _Seen(found["sequence"], found["digests"])

    def ask(self, verb: str, within_seconds: float | None = None, **what: Any) -> dict[str, Any]:
        """What MLflow's process says when it has done something.

        Raises:
            UnavailableError: It could not, or said nothing in time.
        """
        try:
            self._conversation.send({verb: what})
            answer = self._conversation.answer(within_seconds)
        except TimeoutError as error:
            raise self._lost(
                "it did not answer in time, which mirror.timeout_seconds sets"
            ) from error
        except (OSError, ValueError) as error:
            raise self._lost("the process that talks with it ended") from error
        if "problem" in answer:
            raise self._lost(without_secrets(answer["problem"], self._environment))
        return answer

    def _lost(self, problem: str) -> UnavailableError:
        return UnavailableError(
            f"MLflow at {self._server.uri} can't be used: {problem}.",
            remedy="The next change of the model, or classmark publish, makes up for it.",
        )


def _taken(version: RegisteredVersion) -> VersionExistsError:
    return VersionExistsError(
        f"MLflow has another {version.model} {version.version} than this one.",
        remedy="Two homes can't share a model's name there: rename one, or take another server.",
    )
