"""A history that was changed later on is found out."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from classmark.database import Database
from classmark.registry import (
    Action,
    ModelReference,
    Registry,
    Version,
    VersionDraft,
    VersionEvent,
    live_at,
)
from classmark.registry.chain import GENESIS, breaks, link

Draft = Callable[..., VersionDraft]
START = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def history(length: int) -> list[VersionEvent]:
    """Versions that go live one after the other, chained."""
    events: list[VersionEvent] = []
    for number in range(1, length + 1):
        event = VersionEvent(
            sequence=number,
            action=Action.PROMOTED,
            version=f"v1.0.{number}",
            production_before=f"v1.0.{number - 1}" if number > 1 else None,
            production_after=f"v1.0.{number}",
            actor="ada",
            reason=f"the {number}th",
            at=START + timedelta(hours=number),
            manifest=f"{number:064x}",
            digest="",
        )
        before = events[-1].digest if events else GENESIS
        events.append(replace(event, digest=link("shelves", before, event)))
    return events


CHANGES = st.sampled_from(
    [
        {"version": "v9.9.9"},
        {"production_after": "v9.9.9"},
        {"actor": "eve"},
        {"reason": "a better one"},
        {"at": START},
        {"manifest": "f" * 64},
        {"digest": "f" * 64},
        {"action": Action.ROLLED_BACK},
        {"production_before": None},
    ]
)


def test_a_history_that_nobody_touched_is_whole() -> None:
    assert not list(breaks("shelves", history(12)))
    assert not list(breaks("shelves", []))


@given(st.integers(2, 12), CHANGES)
def test_one_field_changed_anywhere_is_found(number: int, change: dict[str, object]) -> None:
    events = history(12)
    events[number - 1] = replace(events[number - 1], **change)  # type: ignore[arg-type]
    assert list(breaks("shelves", events)) == [f"Event {number} is not what was written."]


@given(st.integers(1, 11))
def test_an_event_that_is_gone_is_found(number: int) -> None:
    events = history(12)
    del events[number - 1]
    assert list(breaks("shelves", events)) == [f"Event {number} is not there."]


@given(st.permutations(range(6)))
def test_another_order_is_found(order: list[int]) -> None:
    events = history(6)
    moved = [replace(events[old], sequence=new) for new, old in enumerate(order, start=1)]
    assert bool(list(breaks("shelves", moved))) == (order != sorted(order))


def test_the_history_of_another_model_is_found() -> None:
    assert list(breaks("drawers", history(3)))


def test_the_zone_that_a_database_gives_back_changes_nothing() -> None:
    event = history(1)[0]
    elsewhere = replace(event, at=event.at.astimezone(timezone(timedelta(hours=5))))
    assert link("shelves", GENESIS, elsewhere) == event.digest


@given(st.integers(-2, 14 * 60))
def test_what_was_live_is_what_the_last_event_made_live(minutes: int) -> None:
    events = history(12)
    found = live_at(events, START + timedelta(minutes=minutes))
    assert found == (events[min(minutes // 60, 12) - 1] if minutes >= 60 else None)


@pytest.fixture
def moved(registry: Registry, draft: Draft) -> Registry:
    """Two versions, the second live after the first."""
    for _ in range(2):
        registry.register(draft())
    for number in (Version(1, 0, 0), Version(1, 0, 1)):
        registry.promote(ModelReference("shelves", number), "better")
    return registry


def test_a_registry_s_own_history_is_whole(moved: Registry) -> None:
    found = moved.check_history("shelves")
    assert (found.events, found.problems) == (4, ())
    assert found.digest == moved.history("shelves")[-1].digest
    moved.rollback("shelves")
    assert not moved.check_history("shelves", noted=found.digest).problems


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE version_events SET actor = 'eve' WHERE sequence = 3", "Event 3 is not what"),
        ("DELETE FROM version_events WHERE sequence = 2", "Event 2 is not there"),
        ("DELETE FROM version_events WHERE sequence = 4", "The JSON view has a digest"),
        (
            "UPDATE model_versions SET digest = 'forged' WHERE patch = 0",
            "shelves_v1.0.0 does not have the manifest that was registered",
        ),
        ("DELETE FROM model_versions WHERE patch = 0", "v1.0.0 was registered, and is not there"),
        (
            "UPDATE model_versions SET status = 'archived'",
            "shelves_v1.0.1 is archived, and was left as production",
        ),
        (
            "UPDATE model_versions SET minor = 7 WHERE patch = 0",
            "shelves_v1.7.0 was never registered",
        ),
    ],
)
def test_what_is_changed_in_the_database_is_found(
    statement: str, told: str, moved: Registry, database: Database
) -> None:
    with database.write() as session:
        session.execute(text(statement))
    assert told in " ".join(moved.check_history("shelves").problems)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE version_events SET action = 'forged' WHERE sequence = 2",
        "UPDATE model_versions SET status = 'forged' WHERE patch = 0",
    ],
)
def test_what_no_release_would_write_is_found(
    statement: str, moved: Registry, database: Database
) -> None:
    with database.write() as session:
        session.execute(text(statement))
    (problem,) = moved.check_history("shelves").problems
    assert "A row holds what nobody wrote" in problem


@pytest.mark.parametrize("either_url", ["sqlite"], indirect=True)
def test_a_moment_that_is_none_is_found(moved: Registry, database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE version_events SET at = 'yesterday' WHERE sequence = 2"))
    (problem,) = moved.check_history("shelves").problems
    assert "A row holds what nobody wrote" in problem


def test_another_manifest_is_found_after_the_next_event_too(
    moved: Registry, database: Database, draft: Draft
) -> None:
    with database.write() as session:
        session.execute(text("UPDATE model_versions SET digest = 'forged' WHERE patch = 0"))
    moved.register(draft())
    moved.archive(ModelReference("shelves", Version(1, 0, 2)))
    row = "UPDATE model_versions SET digest = 'forged' WHERE patch = 2"
    with database.write() as session:
        session.execute(text(row))
    moved.delete(ModelReference("shelves", Version(1, 0, 2)))
    told = " ".join(moved.check_history("shelves").problems)
    assert "shelves_v1.0.0 does not have the manifest that was registered" in told
    assert "Event 7 has another manifest of v1.0.2 than it began with" in told


def test_what_was_lost_stays_told_after_the_next_change(
    moved: Registry, database: Database
) -> None:
    with database.write() as session:
        session.execute(text("DELETE FROM version_events WHERE sequence = 4"))
        session.execute(text("UPDATE model_versions SET status = 'testing' WHERE patch = 1"))
        session.execute(text("UPDATE model_versions SET status = 'production' WHERE patch = 0"))
    for _ in range(2):
        (problem,) = moved.check_history("shelves").problems
        assert "The JSON view has a digest that no event has" in problem
        moved.tidy("shelves")


def test_a_history_made_anew_is_found_by_a_digest_that_was_noted(
    moved: Registry, database: Database, home: Path
) -> None:
    noted = moved.check_history("shelves").digest
    event = moved.history("shelves")[-1]
    forged = replace(event, actor="eve")
    forged = replace(forged, digest=link("shelves", moved.history("shelves")[-2].digest, forged))
    with database.write() as session:
        session.execute(
            text("UPDATE version_events SET actor = 'eve', digest = :digest WHERE sequence = 4"),
            {"digest": forged.digest},
        )
    view = home / "models" / "shelves" / "version_registry.json"
    view.write_bytes(orjson.dumps(orjson.loads(view.read_bytes()) | {"history_digest": None}))
    assert not moved.check_history("shelves").problems
    found = moved.check_history("shelves", noted).problems
    assert found == (
        "What was noted has a digest that no event has: events were removed or made anew.",
    )


@pytest.mark.parametrize("view", [None, b"", b"{", b"[]", b"{}"])
def test_a_view_that_tells_nothing_hinders_nothing(
    view: bytes | None, moved: Registry, home: Path
) -> None:
    path = home / "models" / "shelves" / "version_registry.json"
    path.unlink() if view is None else path.write_bytes(view)
    assert not moved.check_history("shelves").problems


def test_a_clock_that_was_set_back_does_not_reorder_the_history(
    database: Database, home: Path, draft: Draft
) -> None:
    clock = iter([START, START, START - timedelta(days=1)])
    registry = Registry(database, home / "models", now=lambda: next(clock), actor="ada")
    registry.register(draft())
    registry.promote(ModelReference("shelves", role="latest"))
    assert [event.at for event in registry.history("shelves")] == [START, START]
    assert not registry.check_history("shelves").problems


def test_a_deleted_view_and_folder_do_not_hinder_the_check(moved: Registry, home: Path) -> None:
    shutil.rmtree(home / "models")
    assert not moved.check_history("shelves").problems
