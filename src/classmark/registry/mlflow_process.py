"""The process that talks with MLflow's model registry: one JSON object a line, in and out.

Each message has one verb and gets one answer: what was found, or a `problem`.

It is run as a file, so that nothing of the rooms is imported with it.

MLflow has no uniqueness that would serve us. A model there may get two versions of ours with the
same number, if two machines publish it at once; each then keeps the older and removes the other.
Nor can a tag be changed only if it is still what it was; who wrote one looks again afterwards.
"""

import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from classmark.conversation import heard, own_channel, tell
from classmark.mlflow_server import described

_ALIAS = "production"
# On the model: the number of the last event that was followed, and the version live after it.
_SEQUENCE = "classmark.sequence"
_VERSION = "classmark.version"
_DIGEST = "classmark.digest"
_STATUS = "classmark.status"
# On a run that was made for a publication alone.
_PUBLICATION = "classmark.publication"
_LOADER = "classmark.serving.pyfunc"
_EXAMPLE = "A short text about the thing that is to be sorted."
_LOOKS = 5


class Mirror:
    """What can be done with MLflow's registry.

    Args:
        client: An `MlflowClient`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.verbs: Mapping[str, Callable[..., dict[str, Any]]] = {
            "look": self.look,
            "publish": self.publish,
            "follow": self.follow,
            "remove": self.remove,
        }

    def look(self, model: str) -> dict[str, Any]:
        """Which versions of a model are there, and how far it follows."""
        found = self._model(model)
        if found is None:
            return {"exists": False, "sequence": None, "digests": {}}
        told = _followed(found)
        return {
            "exists": True,
            "sequence": told and told[0],
            "digests": {
                number: versions[0].tags.get(_DIGEST, "")
                for number, versions in self._versions(model).items()
            },
        }

    def publish(self, **facts: Any) -> dict[str, Any]:
        """Let the model have a version; the digest of the one that it has then."""
        model, number = facts["model"], facts["tags"][_VERSION]
        with _ignored("RESOURCE_ALREADY_EXISTS"):
            self._client.create_registered_model(model, tags={_SEQUENCE: "0"})
        with _patient(facts["patience_seconds"]), self._run(facts) as run_id:
            path = f"classmark/{facts['name']}-{uuid.uuid4().hex[:8]}"
            with TemporaryDirectory() as folder:
                _save(Path(folder) / "model", facts)
                self._client.log_artifacts(run_id, str(Path(folder) / "model"), path)
            self._client.create_model_version(
                model,
                f"runs:/{run_id}/{path}",
                run_id,
                tags=facts["tags"],
                description=facts["description"],
                await_creation_for=ceil(facts["patience_seconds"]),
            )
        first, *others = self._versions(model)[number]
        for other in others:
            self._remove(other)
        return {"digest": first.tags.get(_DIGEST, "")}

    def follow(
        self,
        model: str,
        sequence: int,
        live: str | None,
        deleted: Sequence[str],
        statuses: Mapping[str, str],
    ) -> dict[str, Any]:
        """Take over a state, unless a newer one was."""
        wanted = sequence, live
        for _ in range(_LOOKS):
            told = _followed(self._model(model)) or (0, None)
            if told[0] < sequence:
                self._client.set_registered_model_tag(model, _SEQUENCE, f"{sequence} {live or '-'}")
            elif told[0] > sequence:
                # Somebody else was faster. What is live is what that one says.
                wanted = told
            self._point(model, wanted[1])
            if _followed(self._model(model)) == wanted:
                break
        self.remove(model, deleted)
        for number, (version, *_) in self._versions(model).items():
            status = statuses.get(number)
            if status and version.tags.get(_STATUS) != status:
                self._client.set_model_version_tag(model, version.version, _STATUS, status)
        return {}

    def remove(self, model: str, versions: Sequence[str]) -> dict[str, Any]:
        """Remove versions with their files."""
        present = self._versions(model)
        for version in (one for number in versions for one in present.get(number, [])):
            self._remove(version)
        return {}

    def _model(self, name: str) -> Any:
        with _ignored("RESOURCE_DOES_NOT_EXIST"):
            return self._client.get_registered_model(name)
        return None

    def _versions(self, model: str) -> dict[str, list[Any]]:
        """The versions that we published, by our number; of several the oldest first."""
        found: dict[str, list[Any]] = {}
        token = None
        while True:
            page = self._client.search_model_versions(f"name='{model}'", page_token=token)
            for version in page:
                if _VERSION in version.tags:
                    found.setdefault(version.tags[_VERSION], []).append(version)
            token = page.token
            if not token:
                break
        return {
            number: sorted(same, key=lambda one: int(one.version)) for number, same in found.items()
        }

    def _point(self, model: str, live: str | None) -> None:
        pointed = self._model(model).aliases.get(_ALIAS)
        published = self._versions(model)
        if live in published:
            target = published[live][0].version
            if str(pointed) != str(target):
                self._client.set_registered_model_alias(model, _ALIAS, target)
        elif pointed is not None:
            self._client.delete_registered_model_alias(model, _ALIAS)

    def _remove(self, version: Any) -> None:
        """A version, and then what it left: a publication is over before its files are gone."""
        with _ignored("RESOURCE_DOES_NOT_EXIST"):
            self._client.delete_model_version(version.name, version.version)
        run_id, _, path = version.source.removeprefix("runs:/").partition("/")
        with _ignored("RESOURCE_DOES_NOT_EXIST"):
            self._discard(self._client.get_run(run_id), path)

    def _discard(self, run: Any, path: str) -> None:
        from mlflow.store.artifact import artifact_repository_registry  # noqa: PLC0415 (heavy)

        root = artifact_repository_registry.get_artifact_repository(run.info.artifact_uri)
        root.delete_artifacts(path)
        if _PUBLICATION in run.data.tags:
            self._client.delete_run(run.info.run_id)

    @contextmanager
    def _run(self, facts: Mapping[str, Any]) -> Iterator[str]:
        """The run that a version came from, if it is there; else one for its publication."""
        if facts["run_id"] and self._is_there(facts["run_id"]):
            yield facts["run_id"]
            return
        run_id = self._client.create_run(
            self._experiment(facts["model"]),
            run_name=f"publication of {facts['name']}",
            tags={_PUBLICATION: facts["name"]},
        ).info.run_id
        status = "FAILED"
        try:
            yield run_id
            status = "FINISHED"
        finally:
            self._client.set_terminated(run_id, status)

    def _is_there(self, run_id: str) -> bool:
        with _ignored("RESOURCE_DOES_NOT_EXIST"):
            return bool(self._client.get_run(run_id).info.lifecycle_stage == "active")
        return False

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            with _ignored("RESOURCE_ALREADY_EXISTS"):
                return str(self._client.create_experiment(name))
            found = self._client.get_experiment_by_name(name)
        return str(found.experiment_id)


def _followed(model: Any) -> tuple[int, str | None] | None:
    """What a model's tag says; None if it has none."""
    written = model.tags.get(_SEQUENCE) if model else None
    if written is None:
        return None
    sequence, _, live = written.partition(" ")
    return int(sequence), live if live not in {"", "-"} else None


def _save(folder: Path, facts: Mapping[str, Any]) -> None:
    """A version as MLflow loads it: nothing of it is a pickle."""
    import pandas as pd  # noqa: PLC0415 (heavy)
    from mlflow import pyfunc  # noqa: PLC0415 (heavy)
    from mlflow.models import ModelSignature  # noqa: PLC0415 (heavy)
    from mlflow.types.schema import Array, ColSpec, DataType, Schema  # noqa: PLC0415 (heavy)

    outputs = [
        ColSpec(DataType.string, "label"),
        ColSpec(DataType.double, "confidence"),
        ColSpec(DataType.boolean, "abstained"),
        ColSpec(Array(DataType.string), "labels"),
        *(ColSpec(DataType.double, f"probability_{label}") for label in facts["labels"]),
    ]
    pyfunc.save_model(
        folder,
        loader_module=_LOADER,
        data_path=facts["folder"],
        signature=ModelSignature(Schema([ColSpec(DataType.string, "text")]), Schema(outputs)),
        input_example=pd.DataFrame({"text": [_EXAMPLE]}),
        pip_requirements=[facts["requirement"]],
        model_config={"digest": facts["tags"][_DIGEST]},
    )


@contextmanager
def _patient(seconds: float) -> Iterator[None]:
    """Let MLflow wait longer for an answer: one that comes after a whole upload."""
    name = "MLFLOW_HTTP_REQUEST_TIMEOUT"
    before = os.environ[name]
    os.environ[name] = str(ceil(seconds))
    try:
        yield
    finally:
        os.environ[name] = before


class _ignored:  # noqa: N801 (it reads like contextlib.suppress)
    """Lets pass that something is there already, or no more."""

    def __init__(self, code: str) -> None:
        self._code = code

    def __enter__(self) -> None:
        """MLflow is asked in the block."""

    def __exit__(self, kind: object, error: object, traceback: object) -> bool:
        return getattr(error, "error_code", None) == self._code


def main(given: TextIO, told: TextIO) -> None:
    """Do what is asked, until nobody asks."""
    mirror: Mirror | None = None
    for message in heard(given):
        ((verb, what),) = message.items()
        try:
            answer: dict[str, Any] = {}
            if mirror is None:
                mirror = _begun(**what)
            else:
                answer = mirror.verbs[verb](**what)
        except Exception as error:  # noqa: BLE001 (each store has errors of its own)
            tell(told, problem=described(error))
        else:
            tell(told, **answer)


def _begun(uri: str) -> Mirror:
    from mlflow import MlflowClient, set_registry_uri, set_tracking_uri  # noqa: PLC0415 (heavy)

    # Artifacts are asked for at the address of all of MLflow, not at that of a client.
    set_tracking_uri(uri)
    set_registry_uri(uri)
    return Mirror(MlflowClient(uri, uri))


if __name__ == "__main__":
    main(sys.stdin, own_channel())
