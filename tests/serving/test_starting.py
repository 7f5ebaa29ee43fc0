"""What a worker begins with: what is live now, whatever happened since the server began."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving.conftest import LABELS, now

from classmark.database import Database
from classmark.errors import ClassmarkError, TamperedVersionError
from classmark.registry import Lineage, ModelReference, Registry, Version, VersionDraft
from classmark.serving import Beginning, Fallback, load_for_worker

NUMBERS = ("v1.0.0", "v1.0.1", "v1.0.2")
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, artifact: Path) -> Path:
    """A home where three versions were live, the last one still is."""
    home = tmp_path_factory.mktemp("three") / "home"
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    found = Registry(database, home / "models", now=now, actor="ada")
    for _ in NUMBERS:
        metadata = {"dataset": {"fingerprint": "00"}, "metrics": {}}
        draft = VersionDraft("shelves", artifact, Lineage("linear", LABELS, "00"), metadata)
        found.promote(ModelReference("shelves", found.register(draft).version))
    database.close()
    return home


@pytest.fixture
def home(three: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(three, tmp_path / "home", symlinks=True))


@pytest.fixture
def registry(home: Path) -> Iterator[Registry]:
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    yield Registry(database, home / "models", now=now, actor="ada")
    database.close()


def damage(home: Path, *numbers: str) -> None:
    for number in numbers:
        path = home / "models" / "shelves" / f"shelves_{number}" / WEIGHTS
        path.write_bytes(path.read_bytes()[:-1])


def began_with(number: str, fallback: Fallback | None = None) -> Beginning:
    return Beginning(ModelReference("shelves", Version.parse(number)), fallback)


def begun(
    registry: Registry, beginning: Beginning, *, falls_back: bool = True
) -> tuple[str, Fallback | None]:
    served = load_for_worker(registry, beginning, falls_back=falls_back)
    return str(served.version.version), served.fallback


def test_it_begins_with_what_is_live_and_not_with_what_was(registry: Registry) -> None:
    assert begun(registry, began_with("v1.0.0")) == ("v1.0.2", None)
    registry.rollback("shelves", Version(1, 0, 1))
    assert begun(registry, began_with("v1.0.0")) == ("v1.0.1", None)


def test_what_the_server_could_not_load_is_not_tried_again(registry: Registry, home: Path) -> None:
    known = Fallback("v1.0.2", "The process that loaded it was ended.")
    assert begun(registry, began_with("v1.0.0", known)) == ("v1.0.0", known)
    registry.rollback("shelves", Version(1, 0, 1))
    assert begun(registry, began_with("v1.0.0", known)) == ("v1.0.1", None)
    damage(home, "v1.0.0")
    assert begun(registry, began_with("v1.0.0", known)) == ("v1.0.1", None)


@pytest.mark.parametrize(("falls_back", "number"), [(True, "v1.0.1"), (False, "v1.0.0")])
def test_where_the_live_one_can_not_be_loaded_another_one_answers(
    falls_back: bool,
    number: str,
    registry: Registry,
    home: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    damage(home, "v1.0.2")
    found, fallback = begun(registry, began_with("v1.0.0"), falls_back=falls_back)
    assert found == number
    assert fallback is not None
    assert fallback.wanted == "v1.0.2"
    assert WEIGHTS in fallback.why
    assert f"shelves_{number} answers in its place" in caplog.text
    # The server as a whole tells the history once.
    assert {event.action for event in registry.history("shelves")} == {"registered", "promoted"}


def test_what_the_server_began_with_is_the_last_resort(registry: Registry, home: Path) -> None:
    damage(home, "v1.0.1", "v1.0.2")
    registry.rollback("shelves", Version(1, 0, 0))
    number, fallback = begun(registry, began_with("v1.0.0"))
    assert (number, fallback) == ("v1.0.0", None)
    damage(home, "v1.0.0")
    with pytest.raises(TamperedVersionError):
        begun(registry, began_with("v1.0.0"))
    with pytest.raises(ClassmarkError, match=r"shelves_v1\.0\.1"):
        begun(registry, began_with("v1.0.1"))
