"""Only what is intact is loaded."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.serving.conftest import LABELS

from classmark.database import Database
from classmark.errors import (
    IntegrityError,
    TamperedVersionError,
    UnknownModelError,
    UnknownVersionError,
    UntrustedVersionError,
)
from classmark.registry import Lineage, ModelReference, Registry, Trust, VersionDraft
from classmark.serving import ServedModel, load_served_model


@pytest.fixture
def registry(shared_home: Path, tmp_path: Path) -> Iterator[Registry]:
    """A copy of the home, to be tampered with."""
    shutil.copytree(shared_home, tmp_path / "home", symlinks=True)
    database = Database(f"sqlite:///{tmp_path / 'home' / 'classmark.db'}")
    yield Registry(database, tmp_path / "home" / "models", now=lambda: datetime.now(UTC), actor="a")
    database.close()


@pytest.mark.parametrize("reference", ["production", "latest", "v1.0.0"])
def test_a_version_is_found_by_name_and_role_and_answers(
    reference: str, registry: Registry, served: ServedModel
) -> None:
    found = load_served_model(registry, ModelReference.parse(f"shelves@{reference}"))
    assert found.version.name == "shelves_v1.0.0"
    assert found.classifier.labels == LABELS
    text = "An index for range joins."
    assert found.classifier.classify(text) == served.classifier.classify(text)


def test_what_was_tampered_with_is_never_loaded(registry: Registry) -> None:
    reference = ModelReference.parse("shelves@production")
    folder = registry.resolve(reference).folder
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with pytest.raises(TamperedVersionError, match=path.name):
            load_served_model(registry, reference)
        path.write_bytes(content)
    assert load_served_model(registry, reference).version.folder == folder


def test_a_pickle_that_the_manifest_knows_of_is_not_run(
    registry: Registry, artifact: Path, tmp_path: Path
) -> None:
    canary, poisoned = tmp_path / "canary", tmp_path / "poisoned"
    shutil.copytree(artifact, poisoned)
    payload = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
    names = ("model.pkl", "model.joblib", "pytorch_model.bin", "calibration.pkl", "vocabulary.pkl")
    for name in names:
        (poisoned / name).write_bytes(payload)
    code = f"open({str(canary)!r}, 'w').close()"
    for name in ("__init__.py", "tokenizer.py", "config.py", "sitecustomize.py"):
        (poisoned / name).write_text(code)
    metadata = {"dataset": {"fingerprint": "00"}}
    registry.register(VersionDraft("boxes", poisoned, Lineage("linear", LABELS, "00"), metadata))
    found = load_served_model(registry, ModelReference.parse("boxes@latest"))
    assert set(names) <= {path.name for path in found.version.folder.iterdir()}
    assert not canary.exists()


def test_what_nobody_vouched_for_is_not_loaded_where_that_is_required(
    registry: Registry, tmp_path: Path
) -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    key = tmp_path / "public.pem"
    key.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(UntrustedVersionError, match="not signed"):
        load_served_model(
            registry.trusting(Trust(key, required=True)),
            ModelReference.parse("shelves@production"),
        )


def test_what_does_not_exist_is_not_found(registry: Registry) -> None:
    with pytest.raises(UnknownModelError):
        load_served_model(registry, ModelReference.parse("boxes@production"))
    with pytest.raises(UnknownVersionError):
        load_served_model(registry, ModelReference.parse("shelves@v1.0.1"))


def test_what_answers_otherwise_than_where_it_was_trained_is_not_loaded(
    registry: Registry, artifact: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(artifact, tmp_path / "other"))
    kept = orjson.loads((other / "examples.json").read_bytes())
    kept["probabilities"][0] = list(reversed(kept["probabilities"][0]))
    (other / "examples.json").write_bytes(orjson.dumps(kept))
    metadata = {"dataset": {"fingerprint": "00"}}
    registry.register(VersionDraft("boxes", other, Lineage("linear", LABELS, "00"), metadata))
    with pytest.raises(IntegrityError, match="off what it was when trained"):
        load_served_model(registry, ModelReference.parse("boxes@latest"))


def test_one_core_has_no_second_way(served: ServedModel) -> None:
    assert served.on_cores(1).alone is None
    assert served.on_cores(2).alone is None, "the linear family answers on one core anyway"
