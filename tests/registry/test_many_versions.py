"""What a change costs does not grow with the versions that are there."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from classmark.database import Database
from classmark.registry import (
    Action,
    ModelReference,
    Registry,
    RetentionSettings,
    Status,
    Version,
    VersionDraft,
    ledger,
)

Draft = Callable[..., VersionDraft]
START = datetime(2024, 1, 1, tzinfo=UTC)
MANY = 60


def add(database: Database, patch: int) -> None:
    """A version without files, that is live for the time being if its number is even."""
    row = ledger.Entry(
        model="shelves",
        version=Version(1, 0, patch),
        status=Status.TESTING,
        digest=f"{patch:064x}",
        created_at=START,
        details={"labels": ["a"], "architecture": "linear", "dataset_fingerprint": "ab"},
    )
    with database.write() as session:
        ledger.add_version(session, row, ledger.Signature(Action.REGISTERED, "ada", "", START))
        if patch % 2 == 0:
            live = ledger.live_version(session, "shelves")
            signature = ledger.Signature(Action.PROMOTED, "ada", "", START)
            ledger.move_production(session, row, live, signature)


@pytest.fixture
def many(database: Database, registry: Registry) -> Registry:
    """v1.0.0 to v1.0.59; v1.0.58 is live."""
    for patch in range(MANY):
        add(database, patch)
    return registry


@contextmanager
def loaded() -> Iterator[list[object]]:
    """The versions that the database is asked for with all their details while the block runs."""
    found: list[object] = []

    def on_query(
        connection: Connection, _: object, statement: str, given: Any, *_more: object
    ) -> None:
        if statement.startswith("SELECT") and "model_versions.details" in statement:
            # Past SQLAlchemy, which would come here again.
            with closing(connection.connection.cursor()) as cursor:
                cursor.execute(f"SELECT model FROM ({statement}) AS asked", given)  # noqa: S608 (ours)
                found.extend(cursor.fetchall())

    event.listen(Engine, "before_cursor_execute", on_query)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", on_query)


def test_so_many_of_the_newest_are_told(many: Registry) -> None:
    assert [str(one.version) for one in many.versions("shelves", newest=3)] == [
        *("v1.0.57", "v1.0.58", "v1.0.59"),
    ]
    assert many.versions("shelves", newest=MANY + 1) == many.versions("shelves")
    assert many.version_count("shelves") == MANY
    assert many.version_count("drawers") == 0
    assert [one.sequence for one in many.history("shelves", newest=2)] == [89, 90]
    assert many.history("shelves", newest=999) == many.history("shelves")


@pytest.mark.parametrize("written", ["shelves@latest", "shelves@production", "shelves@v1.0.7"])
def test_a_version_is_found_without_loading_the_others(written: str, many: Registry) -> None:
    with loaded() as rows:
        many.resolve(ModelReference.parse(written))
    assert len(rows) == 1


def test_a_change_loads_only_what_it_is_about(many: Registry, draft: Draft) -> None:
    many.tidy("shelves")
    with loaded() as rows:
        new = many.register(draft())
        many.promote(ModelReference("shelves", new.version))
        many.archive(ModelReference("shelves", Version(1, 0, 7)))
        many.delete(ModelReference("shelves", Version(1, 0, 9)))
        assert not many.behind("shelves")
    assert len(rows) <= 20
    assert not many.check_history("shelves").problems


def test_retention_asks_its_rule_once_where_nobody_else_changes_anything(
    many: Registry, database: Database, home: Path
) -> None:
    later = Registry(
        database, home / "models", now=lambda: START + timedelta(days=9), actor="worker"
    )
    later.tidy("shelves")
    with loaded() as rows:
        done = list(later.retire("shelves", RetentionSettings(delete_after_days=1)))
    assert len(done) == MANY - 4
    assert {one.action for one in done} == {Action.ARCHIVED, Action.DELETED}
    # All of them to plan with, then a few for each that goes.
    assert len(rows) <= MANY + 4 * len(done)
    assert not many.behind("shelves")
    assert not many.check_history("shelves").problems
