"""Places elsewhere follow what is live here, and none of them holds a change up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from classmark.database import Database
from classmark.errors import ConflictError, PromotionRefusedError, UnavailableError
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


@pytest.fixture
def beside(
    database: Database, home: Path, clock: Callable[[], datetime]
) -> Callable[[Watcher], Registry]:
    """The same versions, and who follows them alone."""
    return lambda watcher: Registry(
        database, home / "models", now=clock, actor="bob", followers=[watcher]
    )


def test_every_change_is_told_with_the_whole_state(
    registry: Registry, watcher: Watcher, draft: Draft
) -> None:
    first, second = registry.register(draft()), registry.register(draft())
    registry.promote(ModelReference("shelves", second.version))
    registry.archive(ModelReference("shelves", first.version))
    registry.delete(ModelReference("shelves", first.version))
    assert [state.sequence for state in watcher.told] == [3, 4, 5]
    last = watcher.told[-1]
    live, history = last.versions[0], registry.history("shelves")
    assert last == ModelState(
        "shelves",
        (live,),
        live,
        (first.version,),
        sequence=5,
        history=history[0].digest,
        deleted_digests=frozenset({first.digest}),
        event=history[-1].digest,
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


def test_a_refused_change_is_told_too(registry: Registry, watcher: Watcher, draft: Draft) -> None:
    """What is refused as done may have been done by a process that died before it told."""
    registry.register(draft())
    registry.promote(ModelReference("shelves", role="latest"))
    watcher.told.clear()
    with pytest.raises(PromotionRefusedError):
        registry.promote(ModelReference("shelves", role="latest"))
    assert [state.live is not None for state in watcher.told] == [True]


def test_others_than_the_live_one_are_told_without_how_they_were_made(
    registry: Registry, draft: Draft
) -> None:
    registry.register(draft())
    live = registry.promote(ModelReference("shelves", role="latest"))
    second = registry.register(draft())
    assert registry.state("shelves").versions == (live, replace(second, metadata={}))


class Late(Watcher):
    """Somebody else changes the model, and tells first."""

    def __init__(self, change: Callable[[], object]) -> None:
        super().__init__()
        self._change = iter([change])

    def follow(self, state: ModelState) -> None:
        for change in self._change:
            change()
            raise ConflictError("There is a newer one.", remedy="Look again.")
        super().follow(state)


def test_a_state_that_came_late_is_taken_anew(
    registry: Registry,
    beside: Callable[[Watcher], Registry],
    draft: Draft,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = registry.register(draft()), registry.register(draft())
    late = Late(lambda: registry.archive(ModelReference("shelves", second.version)))
    beside(late).promote(ModelReference("shelves", first.version))
    assert [state.sequence for state in late.told] == [4]
    assert caplog.text == ""


class Broken(Watcher):
    """Fails as nobody foresaw."""

    def prepare(self, version: RegisteredVersion) -> None:
        raise KeyError(version.name)

    def follow(self, state: ModelState) -> None:
        raise KeyError(state.model)


def test_who_fails_as_nobody_foresaw_holds_nothing_up(
    registry: Registry,
    beside: Callable[[Watcher], Registry],
    draft: Draft,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = registry.register(draft()), registry.register(draft())
    registry.promote(ModelReference("shelves", first.version))
    registry.promote(ModelReference("shelves", second.version))
    broken = beside(Broken())
    assert broken.rollback("shelves").version == first.version
    assert "goes live all the same. KeyError: 'shelves_v1.0.0'" in caplog.text
    assert "does not follow the change of shelves yet: KeyError: 'shelves'" in caplog.text
    broken.delete(ModelReference("shelves", second.version))
    assert not second.folder.exists()
    (lag,) = broken.catch_up()
    assert (lag.behind, lag.problem) == ((), "KeyError: 'shelves'")
    assert broken.catch_up(dry_run=True) == []


class Looking(Watcher):
    """Looks at a folder when it is told."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.was_there: list[bool] = []

    def follow(self, state: ModelState) -> None:
        super().follow(state)
        self.was_there.append(self._folder.exists())


def test_files_are_gone_before_anybody_is_told(
    registry: Registry, beside: Callable[[Watcher], Registry], draft: Draft
) -> None:
    version = registry.register(draft())
    looking = Looking(version.folder)
    beside(looking).delete(ModelReference("shelves", version.version))
    assert looking.was_there == [False]
