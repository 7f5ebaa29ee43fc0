"""Which versions may answer in place of the live one."""

import pytest
from tests.registry.conftest import Draft

from classmark.registry import Action, ModelReference, Registry, Version, earlier_live


def tried(registry: Registry) -> list[str]:
    found = earlier_live(registry.versions("shelves"), registry.history("shelves"))
    return [str(one.version) for one in found]


@pytest.fixture
def live(registry: Registry, draft: Draft) -> Registry:
    """v1.0.0, v1.0.1 and v1.0.2 were live in turn; v1.0.3 never was."""
    for number in range(4):
        version = registry.register(draft()).version
        if number < 3:
            registry.promote(ModelReference("shelves", version))
    return registry


def test_those_that_were_live_are_tried_the_last_one_first(live: Registry) -> None:
    assert tried(live) == ["v1.0.1", "v1.0.0"]


def test_one_that_was_left_by_a_rollback_is_not_tried(live: Registry) -> None:
    live.rollback("shelves")
    assert tried(live) == ["v1.0.0"]


def test_one_that_was_live_twice_is_tried_once(live: Registry) -> None:
    live.rollback("shelves", Version(1, 0, 0))
    live.promote(ModelReference("shelves", Version(1, 0, 3)))
    assert tried(live) == ["v1.0.0", "v1.0.2", "v1.0.1"]


def test_one_that_was_deleted_is_not_tried(live: Registry) -> None:
    live.delete(ModelReference("shelves", Version(1, 0, 1)))
    assert tried(live) == ["v1.0.0"]


def test_where_nothing_is_live_nothing_is_tried(registry: Registry, draft: Draft) -> None:
    registry.register(draft())
    assert tried(registry) == []


def test_the_history_tells_of_a_fallback_and_nothing_else_changes(live: Registry) -> None:
    before = live.versions("shelves")
    answering = live.resolve(ModelReference("shelves", Version(1, 0, 1)))
    live.note_fallback(answering, "v1.0.2 can't be loaded")
    last = live.history("shelves")[-1]
    assert (last.action, last.version) == (Action.FELL_BACK, "v1.0.1")
    assert last.production_before == last.production_after == "v1.0.2"
    assert live.versions("shelves") == before
    assert live.check_history("shelves").problems == ()
    assert tried(live) == ["v1.0.1", "v1.0.0"]
    assert live.rollback("shelves").version == Version(1, 0, 1)
