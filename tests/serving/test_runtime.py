"""Only what is intact is loaded."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.serving.conftest import LABELS

from classmark.database import Database
from classmark.errors import TamperedVersionError, UnknownModelError, UnknownVersionError
from classmark.registry import ModelReference, Registry
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


def test_what_does_not_exist_is_not_found(registry: Registry) -> None:
    with pytest.raises(UnknownModelError):
        load_served_model(registry, ModelReference.parse("boxes@production"))
    with pytest.raises(UnknownVersionError):
        load_served_model(registry, ModelReference.parse("shelves@v1.0.1"))
