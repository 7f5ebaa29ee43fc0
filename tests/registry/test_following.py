"""Places elsewhere follow what is live here, and none of them holds a change up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from classmark.database import Database
from classmark.errors import PromotionRefusedError, UnavailableError
from classmark.registry import ModelReference, ModelState, RegisteredVersion, Registry, VersionDraft

Draft = Callable[..., VersionDraft]


class Watcher:
    """Writes down what it is told; it can be away, or not be ready."""

    name = "the watcher"

    def __init__(self) -> None:
        self.told: list[ModelState] = []
        self.is_away = False
        self.is_ready = True

    def prepare(self, version: RegisteredVersion) -> None:
        if not self.is_ready:
            raise UnavailableError(f"{version.name} can't be brought.", remedy="Wait.")

    def follow(self, state: ModelState) -> None:
        if self.is_away:
            raise UnavailableError("Nobody answers.", remedy="Wait.")
        self.told.append(state)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def registry(
    database: Database, home: Path, clock: Callable[[], datetime], watcher: Watcher
) -> Registry:
    return Registry(database, home / "models", now=clock, actor="ada", followers=[watcher])


def test_every_change_is_told_with_the_whole_state(
    registry: Registry, watcher: Watcher, draft: Draft
) -> None:
    first, second = registry.register(draft()), registry.register(draft())
    registry.promote(ModelReference("shelves", second.version))
    registry.archive(ModelReference("shelves", first.version))
    registry.delete(ModelReference("shelves", first.version))
    assert [state.sequence for state in watcher.told] == [3, 4, 5]
    last = watcher.told[-1]
    live, begun = last.versions[0], registry.history("shelves")[0]
    assert last == ModelState(
        "shelves",
        (live,),
        live,
        (first.version,),
        sequence=5,
        history=begun.digest,
        deleted_digests=frozenset({first.digest}),
    )
    assert last.live is not None
    assert last.live.version == second.version


def test_who_is_away_holds_nothing_up_and_makes_up_for_it(
    registry: Registry, watcher: Watcher, draft: Draft, caplog: pytest.LogCaptureFixture
) -> None:
    watcher.is_away = True
    registry.register(draft())
    live = registry.promote(ModelReference("shelves", role="latest"))
    assert "the watcher does not follow the change of shelves yet" in caplog.text
    watcher.is_away = False
    registry.register(draft())
    registry.archive(ModelReference("shelves", role="latest"))
    assert [state.live for state in watcher.told] == [replace(live)]


def test_what_cannot_be_prepared_does_not_go_live(
    registry: Registry, watcher: Watcher, draft: Draft
) -> None:
    registry.register(draft())
    watcher.is_ready = False
    with pytest.raises(UnavailableError, match="can't be brought"):
        registry.promote(ModelReference("shelves", role="latest"))
    assert registry.state("shelves").live is None


def test_a_refused_change_is_not_told(registry: Registry, watcher: Watcher, draft: Draft) -> None:
    registry.register(draft())
    registry.promote(ModelReference("shelves", role="latest"))
    with pytest.raises(PromotionRefusedError):
        registry.promote(ModelReference("shelves", role="latest"))
    assert len(watcher.told) == 1
