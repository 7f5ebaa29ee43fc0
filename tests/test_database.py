"""One transaction a change: whole or not at all, whoever else is there."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, create_engine, func, inspect, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from classmark.database import SCHEMA, Base, Database, UtcTime
from classmark.errors import ConflictError, DatabaseUnavailableError, SettingError
from classmark.registry import Registry

TABLES_LIVE_IN = ("classmark.predictions", "classmark.registry", "classmark.training.tuning.tables")
INSERT = text(
    "INSERT INTO predictions (id, model, version, text, label, confidence, latency_ms, at)"
    " VALUES (:id, 'm', 'v1.0.0', 'text', 'label', 0.5, 1.0, '2024-01-01 00:00:00.000000')"
)
OLD_HISTORY = (
    """
    INSERT INTO model_versions
        (model, major, minor, patch, status, digest, created_at, details)
    VALUES
        ('m', 1, 0, 0, 'production', 'aaaa', '2024-01-01 00:00:00.000000', '{}'),
        ('m', 1, 0, 1, 'testing', 'bbbb', '2024-01-02 00:00:00.000000', '{}'),
        ('n', 1, 0, 0, 'testing', 'cccc', '2024-01-02 00:00:00.000000', '{}')
    """,
    """
    INSERT INTO version_events
        (model, sequence, action, version, production_after, actor, reason, at)
    VALUES
        ('m', 1, 'registered', 'v1.0.0', NULL, 'ada', 'né "1"', '2024-01-01 00:00:00.000000'),
        ('n', 1, 'registered', 'v1.0.0', NULL, 'ada', '', '2024-01-02 00:00:00.000000'),
        ('m', 2, 'registered', 'v1.0.1', NULL, 'ada', '\t', '2024-01-02 00:00:00.123456'),
        ('m', 3, 'promoted', 'v1.0.0', 'v1.0.0', 'ada', '', '2024-01-03 00:00:00.000000')
    """,
)
OPEN_AND_WRITE = """
import sys
from classmark.database import Database
from sqlalchemy import text
database = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
with database.write() as session:
    session.execute(text(sys.argv[2]), {"id": sys.argv[3]})
with database.read() as session:
    print(session.scalar(text("SELECT count(*) FROM predictions")))
"""


class InterruptionError(Exception):
    """The block ends badly."""


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "classmark.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database(url_of(path))
    yield database
    database.close()


def rows(session: Session) -> int:
    return session.scalar(text("SELECT count(*) FROM predictions")) or 0


def test_the_schema_that_is_asked_for_is_alembic_s_head() -> None:
    config = Config()
    config.set_main_option("script_location", "classmark:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]


def test_the_migrated_schema_is_the_one_that_the_tables_declare(
    database: Database, path: Path
) -> None:
    for room in TABLES_LIVE_IN:
        import_module(room)
    with database.read() as session:
        assert rows(session) == 0
    engine = create_engine(url_of(path))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        differences = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert differences == []


def test_declared_constraints_are_in_the_database(database: Database, path: Path) -> None:
    with database.read() as session:
        assert rows(session) == 0
    engine = create_engine(url_of(path))
    found = inspect(engine)
    for name, table in Base.metadata.tables.items():
        declared = {constraint.name for constraint in table.constraints if constraint.name}
        present = {it["name"] for it in found.get_unique_constraints(name)}
        present |= {it["name"] for it in found.get_foreign_keys(name)}
        assert declared == present
    engine.dispose()


def test_eight_processes_open_one_fresh_home_at_once(path: Path) -> None:
    waiting, go = os.pipe()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_AND_WRITE, url_of(path), INSERT.text, str(number)],
            stdin=waiting,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    os.close(waiting)
    assert [process.stdout and process.stdout.readline() for process in processes] == [
        "ready\n"
    ] * 8
    os.close(go)
    said = [process.communicate() for process in processes]
    assert [error for _, error in said] == [""] * 8
    assert max(int(count) for count, _ in said) == 8


def test_the_folder_of_the_database_is_its_owner_s_alone(database: Database, path: Path) -> None:
    with database.read() as session:
        rows(session)
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_write_is_kept(database: Database, path: Path) -> None:
    with database.write() as session:
        session.execute(INSERT, {"id": "a"})
    again = Database(url_of(path))
    with again.read() as session:
        assert rows(session) == 1
    again.close()


def test_a_write_that_raises_changes_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.execute(INSERT, {"id": "a"})
            session.flush()
            raise InterruptionError

    with pytest.raises(InterruptionError):
        fail()
    with database.read() as session:
        assert rows(session) == 0


def test_a_write_that_breaks_a_rule_changes_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.execute(INSERT, {"id": "a"})
            session.execute(INSERT, {"id": "a"})

    with pytest.raises(IntegrityError):
        fail()
    with database.read() as session:
        assert rows(session) == 0


def test_what_a_read_changes_is_not_kept(database: Database) -> None:
    with database.read() as session:
        session.execute(INSERT, {"id": "a"})
    with database.read() as session:
        assert rows(session) == 0


def test_a_mistake_in_a_statement_is_not_blamed_on_the_database(database: Database) -> None:
    with pytest.raises(ProgrammingError), database.read() as session:
        session.connection().exec_driver_sql("SELECT ?", ())


def test_foreign_keys_are_enforced(database: Database) -> None:
    orphan = text(
        "INSERT INTO feedback (prediction_id, label, at) VALUES ('no', 'l', '2024-01-01 00:00:00')"
    )
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(orphan)


def test_what_was_read_in_a_write_can_t_change_before_it_commits(database: Database) -> None:
    def add_one_more() -> None:
        with database.write() as session:
            session.execute(INSERT, {"id": str(rows(session))})

    threads = [threading.Thread(target=add_one_more) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert rows(session) == 16


def test_readers_wait_for_no_writer_and_see_what_was_before(database: Database) -> None:
    with database.write() as writing:
        writing.execute(INSERT, {"id": "a"})
        writing.flush()
        with database.read() as session:
            assert rows(session) == 0
    with database.read() as session:
        assert rows(session) == 1


def test_a_reader_that_comes_new_waits_for_no_writer(path: Path, database: Database) -> None:
    read: list[int] = []

    def read_elsewhere() -> None:
        newcomer = Database(url_of(path))
        with newcomer.read() as session:
            read.append(rows(session))
        newcomer.close()

    with database.write() as writing:
        writing.execute(INSERT, {"id": "a"})
        writing.flush()
        reader = threading.Thread(target=read_elsewhere)
        reader.start()
        reader.join(timeout=10)
        assert read == [0]
    reader.join()


def test_a_reader_sees_one_state_for_as_long_as_it_reads(database: Database) -> None:
    with database.read() as session:
        assert rows(session) == 0
        with database.write() as writing:
            writing.execute(INSERT, {"id": "a"})
        assert rows(session) == 0


MOMENTS = Table("moments", MetaData(), Column("at", UtcTime))


def kept_moment(database: Database, at: datetime | None) -> datetime | None:
    with database.write() as session:
        session.execute(CreateTable(MOMENTS, if_not_exists=True))
        session.execute(MOMENTS.delete())
        session.execute(MOMENTS.insert(), {"at": at})
    with database.read() as session:
        return session.scalar(select(MOMENTS.c.at))


ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def test_every_moment_comes_back_as_the_same_moment_in_utc(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    database = Database(url_of(tmp_path_factory.mktemp("moments") / "classmark.db"))

    @given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES))  # noqa: DTZ001
    def holds(moment: datetime) -> None:
        kept = kept_moment(database, moment)
        assert kept == moment
        assert kept.tzinfo is UTC

    holds()
    database.close()


def test_no_moment_comes_back_as_none(database: Database) -> None:
    assert kept_moment(database, None) is None


def test_moments_are_compared_as_moments(database: Database) -> None:
    noon = datetime(2024, 5, 6, 12, tzinfo=UTC)
    kept_moment(database, noon)
    with database.read() as session:
        for hours in (-5, 0, 9):
            elsewhere = noon.astimezone(timezone(timedelta(hours=hours)))
            query = select(func.count()).select_from(MOMENTS)
            assert session.scalar(query.where(MOMENTS.c.at <= elsewhere)) == 1
            assert session.scalar(query.where(MOMENTS.c.at < elsewhere)) == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "classmark.db",
        "nosuch://host/name",
        "mysql://user:secret@host/name",
        "postgresql://user:secret@host:port/name",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_a_url_that_can_t_be_used_is_an_error_of_the_setting(url: str) -> None:
    with pytest.raises(SettingError) as told:
        Database(url)
    assert "sqlite:////path/file.db" in told.value.remedy
    assert "secret" not in str(told.value)


def attempt(url: str) -> None:
    database = Database(url)
    try:
        with database.write() as session:
            session.execute(INSERT, {"id": "a"})
    finally:
        database.close()


def test_a_database_that_can_t_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("no folder", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "note.db").write_text("no database " * 100, encoding="utf-8")
    for name in ("note/classmark.db", "note/deep/classmark.db", "folder", "note.db"):
        with pytest.raises(DatabaseUnavailableError, match=name):
            attempt(url_of(tmp_path / name))


def test_a_folder_that_can_t_be_made_is_unavailable() -> None:
    with pytest.raises(DatabaseUnavailableError, match="/proc/classmark"):
        attempt("sqlite:////proc/classmark/classmark.db")


def test_a_database_that_answers_later_is_used_later(path: Path, database: Database) -> None:
    path.mkdir(parents=True)
    with pytest.raises(DatabaseUnavailableError), database.read():
        pass
    path.rmdir()
    with database.write() as session:
        session.execute(INSERT, {"id": "a"})
        assert rows(session) == 1


def test_the_schema_of_a_newer_release_is_left_alone(path: Path, database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    older = Database(url_of(path))
    with pytest.raises(ConflictError, match="9999"), older.read():
        pass
    older.close()


def test_a_history_that_was_there_before_is_chained(path: Path, database: Database) -> None:
    path.parent.mkdir(parents=True)
    engine = create_engine(url_of(path))
    config = Config()
    config.set_main_option("script_location", "classmark:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for statement in OLD_HISTORY:
            connection.execute(text(statement))
    engine.dispose()
    registry = Registry(database, path.parent / "models", now=datetime.now, actor="ada")
    assert not registry.check_history("m").problems
    assert [event.manifest for event in registry.history("m")] == ["aaaa", "bbbb", "aaaa"]
    assert not registry.check_history("n").problems
