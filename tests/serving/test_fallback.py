"""Which version is loaded, whatever of them can be."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.serving.conftest import LABELS, now

from classmark.database import Database
from classmark.errors import (
    ClassmarkError,
    DatabaseUnavailableError,
    IntegrityError,
    UnavailableError,
)
from classmark.registry import Lineage, ModelReference, RegisteredVersion, Registry, VersionDraft
from classmark.serving import load_or_fall_back

NUMBERS = ("v1.0.0", "v1.0.1", "v1.0.2")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, artifact: Path) -> Iterator[Registry]:
    """Three versions were live, the last one still is; nothing of it is changed."""
    home = tmp_path_factory.mktemp("three") / "home"
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    found = Registry(database, home / "models", now=now, actor="ada")
    for _ in NUMBERS:
        metadata = {"dataset": {"fingerprint": "00"}, "metrics": {}}
        draft = VersionDraft("shelves", artifact, Lineage("linear", LABELS, "00"), metadata)
        found.promote(ModelReference("shelves", found.register(draft).version))
    yield found
    database.close()


def live(registry: Registry) -> RegisteredVersion:
    return registry.resolve(ModelReference("shelves", role="production"))


def loading(
    broken: dict[str, ClassmarkError], tried: list[str]
) -> Callable[[RegisteredVersion], str]:
    """What loads all versions but those that are broken."""

    def load(version: RegisteredVersion) -> str:
        number = str(version.version)
        tried.append(number)
        if number in broken:
            raise broken[number]
        return number

    return load


@pytest.mark.parametrize("loads", list(itertools.product([True, False], repeat=3)))
def test_the_newest_that_loads_answers_and_each_is_tried_once(
    loads: tuple[bool, ...], registry: Registry
) -> None:
    broken: dict[str, ClassmarkError] = {
        number: IntegrityError(f"{live(registry).folder} {number} is broken.", remedy="Mend it.")
        for number, good in zip(NUMBERS, loads, strict=True)
        if not good
    }
    tried: list[str] = []
    load = loading(broken, tried)
    newest_first = NUMBERS[::-1]
    if not any(loads):
        with pytest.raises(IntegrityError) as refused:
            load_or_fall_back(registry, live(registry), load)
        assert all(f"{number} is broken" in refused.value.message for number in NUMBERS)
        assert tried == list(newest_first)
        return
    loaded, fallback = load_or_fall_back(registry, live(registry), load)
    assert loaded == next(number for number in newest_first if number not in broken)
    assert tried == list(newest_first[: newest_first.index(loaded) + 1])
    assert (fallback is None) == (loaded == "v1.0.2")
    if fallback is not None:
        assert fallback.wanted == "v1.0.2"
        assert all(f"{number} is broken" in fallback.why for number in tried[:-1])
        assert str(live(registry).folder.parent) not in fallback.why


def test_a_lack_of_memory_is_a_reason_and_an_absent_database_is_none(registry: Registry) -> None:
    tried: list[str] = []
    lack = UnavailableError("There is not enough memory.", remedy="Stop something else.")
    loaded, _ = load_or_fall_back(registry, live(registry), loading({"v1.0.2": lack}, tried))
    assert loaded == "v1.0.1"
    tried.clear()
    away = DatabaseUnavailableError("The database is away.", remedy="Wait.")
    with pytest.raises(DatabaseUnavailableError):
        load_or_fall_back(registry, live(registry), loading({"v1.0.2": away}, tried))
    assert tried == ["v1.0.2"]


def test_what_is_told_fits_a_line_and_an_environment(registry: Registry) -> None:
    odd = IntegrityError("a\x00b\nc \ud800 " + "d" * 5000, remedy="Mend it.")
    _, fallback = load_or_fall_back(registry, live(registry), loading({"v1.0.2": odd}, []))
    assert fallback is not None
    assert fallback.why.encode()
    assert "\x00" not in fallback.why
    assert "\n" not in fallback.why
    assert len(fallback.why) <= 500
