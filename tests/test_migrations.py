"""Every schema there has been comes up to the present one, whole or not at all."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import (
    Connection,
    MetaData,
    TextClause,
    create_engine,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from classmark.access import KeyStore
from classmark.database import SCHEMA, Database
from classmark.documents import HarvestStore
from classmark.predictions import PredictionLog
from classmark.registry import Registry

NOON = datetime(2024, 5, 6, 12, 0, 0, 123456, tzinfo=UTC)
SCHEMAS = [f"{number:04d}" for number in range(1, int(SCHEMA) + 1)]
VERSION = {"model": "m", "major": 1, "minor": 0, "created_at": NOON, "details": {"né": [1, None]}}
EVENT = {"actor": "ada", "reason": 'né "1"\t', "at": NOON}
# What stood in each table when it was new; columns that came later are left out.
ROWS = {
    "model_versions": [
        {**VERSION, "patch": 0, "status": "production", "digest": "aaaa"},
        {**VERSION, "patch": 1, "status": "testing", "digest": "bbbb"},
    ],
    "version_events": [
        {**EVENT, "model": "m", "sequence": 1, "action": "registered", "version": "v1.0.0"},
        {**EVENT, "model": "m", "sequence": 2, "action": "registered", "version": "v1.0.1"},
        {
            **EVENT,
            "model": "m",
            "sequence": 3,
            "action": "promoted",
            "version": "v1.0.0",
            "production_after": "v1.0.0",
        },
    ],
    "predictions": [
        {
            "id": "a",
            "model": "m",
            "version": "v1.0.0",
            "text": "né \N{GRINNING FACE}",
            "label": "cs.DB",
            "confidence": 0.1 + 0.2,
            "latency_ms": 1.5,
            "user_id": None,
            "at": NOON,
        }
    ],
    "feedback": [{"prediction_id": "a", "label": "cs.AI", "user_id": "ada", "at": NOON}],
    "harvests": [
        {
            "id": 7,
            "name": "papers",
            "source": "arxiv",
            "query": {
                "terms": "né",
                "categories": ["cs.DB"],
                "per_category": 5,
                "total": None,
                "since": "2024-01-01",
                "until": None,
                "redact": False,
            },
            "cursor": {"start": 1},
            "pages": 1,
            "papers": 1,
            "started_at": NOON,
            "changed_at": NOON,
        }
    ],
    "harvest_pages": [
        {"harvest_id": 7, "number": 1, "cursor": {"start": 1}, "answer": b"\0\xff", "at": NOON}
    ],
    "harvest_papers": [
        {"harvest_id": 7, "source_id": "2401.1", "page": 1, "version": 2, "record": {"title": "é"}}
    ],
    "api_keys": [
        {
            "id": "abcdefgh",
            "name": "né desk",
            "scopes": ["predict", "feedback"],
            "digest": "d" * 64,
            "made_by": "ada",
            "made_at": NOON,
        }
    ],
    "studies": [{"name": "s", "definition": {"seed": 7}, "at": NOON}],
    "study_log": [{"study": "s", "sequence": 1, "record": {"op_code": 0}}],
}
# Forks a process that migrates and kills itself before its statement number 1, 2, 3 ..., until one
# comes to its end; after each it says what the database is like then.
KILL_AT_EACH_STATEMENT = """
import os, signal, sys
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine
from alembic import command
from classmark.database import Database
url, own = sys.argv[1:]
def migrate(killed_at):
    statements = iter(range(1, killed_at + 1))
    def count(*_):
        if next(statements) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)
    with Database(url).read():
        os._exit(0)
def schema():
    engine = create_engine(own)
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
for number in range(1, 1000):
    child = os.fork()
    if not child:
        migrate(number)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(code, schema(), flush=True)
    if code == 0:
        break
"""
MIGRATE_AT_ONCE = """
import os, sys
from alembic import command
from classmark.database import Database
waiting, go = os.pipe()
children = []
for _ in range(4):
    child = os.fork()
    if not child:
        os.close(go)
        os.read(waiting, 1)
        with Database(sys.argv[1]).read():
            os._exit(0)
    children.append(child)
os.close(go)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'classmark.db'}"
        return
    server = request.getfixturevalue("postgresql")
    with server.fresh() as name:
        yield server.url(name)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def up_to_date(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database of the present schema with rows, which nobody changes."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('present') / 'classmark.db'}"
        make_old(url, SCHEMA)
        yield url
        return
    server = request.getfixturevalue("postgresql")
    with server.fresh() as name:
        make_old(server.url(name), SCHEMA)
        yield server.url(name)


def own(url: str) -> str:
    return url.replace("postgresql:", "postgresql+psycopg:")


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(own(url))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def make_old(url: str, schema: str) -> None:
    """A database as a release with that schema left it."""
    config = Config()
    config.set_main_option("script_location", "classmark:migrations")
    config.set_main_option("path_separator", "os")
    with connected(url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, schema)
        for name, rows in ROWS.items():
            _fill(connection, name, rows)


def _fill(connection: Connection, name: str, rows: list[dict[str, object]]) -> None:
    if not inspect(connection).has_table(name):
        return
    tables = MetaData()
    tables.reflect(connection, only=[name])
    table = tables.tables[name]
    # Of the present schema: a chain must not be empty, whatever it holds.
    later = {it: "?" for it in ("manifest", "digest") if name == "version_events" and it in table.c}
    for row in rows:
        connection.execute(insert(table), {**row, **later})


def contents(url: str) -> dict[str, list[dict[str, object]]]:
    """Every row of every table."""
    tables = MetaData()
    with connected(url) as connection:
        tables.reflect(connection)
        return {
            name: [
                dict(row)
                for row in connection.execute(
                    select(table).order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for name, table in sorted(tables.tables.items())
        }


def covers(before: dict[str, object], after: dict[str, object]) -> bool:
    return before.items() <= after.items()


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_schema_there_has_been_comes_up_with_all_its_rows(
    url: str, schema: str, tmp_path: Path
) -> None:
    make_old(url, schema)
    before = contents(url)
    database = Database(url)
    log = PredictionLog(database)
    found = log.find("a")
    assert (found.text, found.confidence, found.at) == ("né \N{GRINNING FACE}", 0.1 + 0.2, NOON)
    assert [(it.label, it.labels, it.at) for it in log.feedback("a")] == [("cs.AI", None, NOON)]
    registry = Registry(database, tmp_path / "models", now=lambda: NOON, actor="ada")
    assert [str(version.version) for version in registry.versions("m")] == ["v1.0.0", "v1.0.1"]
    assert registry.versions("m")[0].metadata == {"né": [1, None]}
    if schema < "0005":
        assert not registry.check_history("m").problems
        assert [event.manifest for event in registry.history("m")] == ["aaaa", "bbbb", "aaaa"]
    keys = KeyStore(database, now=lambda: NOON, actor="ada")
    assert [key.name for key in keys.made()] == (["né desk"] if schema >= "0006" else [])
    if schema >= "0002":
        (harvest,) = HarvestStore(database, now=lambda: NOON).harvests()
        assert (harvest.name, harvest.query.terms, harvest.pages) == ("papers", "né", 1)
    database.close()
    after = contents(url)
    for name in before.keys() - {"alembic_version"}:
        assert len(after[name]) == len(before[name])
        assert all(map(covers, before[name], after[name]))
    assert after["alembic_version"] == [{"version_num": SCHEMA}]


def test_a_migration_that_is_killed_at_any_statement_has_not_been(url: str) -> None:
    make_old(url, "0001")
    before = contents(url)
    done = subprocess.run(
        [sys.executable, "-c", KILL_AT_EACH_STATEMENT, url, own(url)],
        capture_output=True,
        text=True,
        check=True,
    )
    *killed, last = done.stdout.splitlines()
    assert len(killed) > 15
    assert set(killed) == {f"{-signal.SIGKILL} 0001"}
    assert last == f"0 {SCHEMA}"
    after = contents(url)
    assert all(map(covers, before["predictions"], after["predictions"]))
    assert len(after["version_events"]) == 3


def test_processes_that_migrate_at_once_do_it_once(url: str) -> None:
    make_old(url, "0001")
    done = subprocess.run(
        [sys.executable, "-c", MIGRATE_AT_ONCE, url], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[0, 0, 0, 0]\n"
    after = contents(url)
    assert after["alembic_version"] == [{"version_num": SCHEMA}]
    assert len(after["version_events"]) == 3


ADD_VERSION = text(
    "INSERT INTO model_versions (model, major, minor, patch, status, digest, created_at, details)"
    " VALUES (:model, :major, 0, :patch, :status, 'cccc', '2024-05-06 12:00:00', '{}')"
)
ADD_EVENT = text(
    "INSERT INTO version_events (model, sequence, action, version, actor, reason, at, manifest,"
    " digest) VALUES ('m', :sequence, 'promoted', 'v1.0.1', 'eve', '', '2024-05-06', '', '')"
)
ADD_FEEDBACK = text(
    "INSERT INTO feedback (prediction_id, label, at, request_key)"
    " VALUES ('a', 'x', '2024-05-06', 'k'), ('a', 'x', '2024-05-06', :request)"
)
SET_STATUS = text("UPDATE model_versions SET status = :status WHERE patch = 1")
SET_PATCH = text("UPDATE model_versions SET patch = :patch WHERE patch = 1")


@pytest.mark.parametrize(
    ("statement", "values", "is_allowed"),
    [
        (ADD_VERSION, {"model": "m", "major": 1, "patch": 0, "status": "testing"}, False),
        (ADD_VERSION, {"model": "m", "major": 2, "patch": 0, "status": "production"}, False),
        (ADD_VERSION, {"model": "m", "major": 2, "patch": 0, "status": "testing"}, True),
        (ADD_VERSION, {"model": "n", "major": 1, "patch": 0, "status": "production"}, True),
        (SET_STATUS, {"status": "production"}, False),
        (SET_STATUS, {"status": "archived"}, True),
        (SET_PATCH, {"patch": 0}, False),
        (SET_PATCH, {"patch": 2}, True),
        (ADD_FEEDBACK, {"request": "k"}, False),
        (ADD_FEEDBACK, {"request": "l"}, True),
        (ADD_FEEDBACK, {"request": None}, True),
        (ADD_EVENT, {"sequence": 3}, False),
        (ADD_EVENT, {"sequence": 4}, True),
    ],
)
def test_the_database_itself_allows_one_production_and_one_row_a_version(
    up_to_date: str, statement: TextClause, values: dict[str, object], *, is_allowed: bool
) -> None:
    expected = nullcontext() if is_allowed else pytest.raises(IntegrityError)
    with expected, connected(up_to_date) as connection:
        connection.execute(statement, values)
        connection.rollback()
