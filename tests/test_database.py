"""One transaction a change: whole or not at all, whoever else is there."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    Table,
    create_engine,
    func,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from classmark.database import SCHEMA, Base, Database, UtcTime
from classmark.errors import ConflictError, DatabaseUnavailableError, SettingError
from classmark.postgresql import postgresql_engine

TABLES_LIVE_IN = (
    "classmark.access",
    "classmark.predictions",
    "classmark.registry",
    "classmark.training.tuning.tables",
)
INSERT = text(
    "INSERT INTO predictions (id, model, version, text, label, confidence, latency_ms, at)"
    " VALUES (:id, 'm', 'v1.0.0', 'text', 'label', 0.5, 1.0, '2024-01-01 00:00:00.000000')"
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
def path(home: Path) -> Path:
    return home / "classmark.db"


@pytest.fixture
def database_url(either_url: str) -> str:
    """What a database promises, both of them do."""
    return either_url


only_sqlite = pytest.mark.parametrize("either_url", ["sqlite"], indirect=True)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection of our own, beside that of the database."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def rows(session: Session) -> int:
    return session.scalar(text("SELECT count(*) FROM predictions")) or 0


def test_the_schema_that_is_asked_for_is_alembic_s_head() -> None:
    config = Config()
    config.set_main_option("script_location", "classmark:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]


def test_the_migrated_schema_is_the_one_that_the_tables_declare(
    database: Database, database_url: str
) -> None:
    for room in TABLES_LIVE_IN:
        import_module(room)
    with database.read() as session:
        assert rows(session) == 0
    with connected(database_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        differences = compare_metadata(context, Base.metadata)
    assert differences == []


def test_declared_constraints_are_in_the_database(database: Database, database_url: str) -> None:
    with database.read() as session:
        assert rows(session) == 0
    with connected(database_url) as connection:
        found = inspect(connection)
        for name, table in Base.metadata.tables.items():
            declared = {constraint.name for constraint in table.constraints if constraint.name}
            present = {it["name"] for it in found.get_unique_constraints(name)}
            present |= {it["name"] for it in found.get_foreign_keys(name)}
            assert declared == present


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


@only_sqlite
def test_the_folder_of_the_database_is_its_owner_s_alone(database: Database, path: Path) -> None:
    with database.read() as session:
        rows(session)
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_write_is_kept(database: Database, database_url: str) -> None:
    with database.write() as session:
        session.execute(INSERT, {"id": "a"})
    again = Database(database_url)
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


@only_sqlite
def test_what_a_read_changes_is_not_kept(database: Database) -> None:
    with database.read() as session:
        session.execute(INSERT, {"id": "a"})
    with database.read() as session:
        assert rows(session) == 0


def test_on_postgresql_a_read_changes_nothing(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with pytest.raises(DatabaseUnavailableError, match="read-only"), database.read() as session:
        session.execute(INSERT, {"id": "a"})
    database.close()


def test_a_mistake_in_a_statement_is_not_blamed_on_the_database(
    database: Database, either_url: str
) -> None:
    # SQLite calls almost everything operational; a value that is not there it does not.
    statement = "SELECT ?" if either_url.startswith("sqlite") else "SELECT nosuch"
    with pytest.raises(ProgrammingError), database.read() as session:
        session.connection().exec_driver_sql(statement, ())


def test_foreign_keys_are_enforced(database: Database) -> None:
    orphan = text(
        "INSERT INTO feedback (prediction_id, label, at) VALUES ('no', 'l', '2024-01-01 00:00:00')"
    )
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(orphan)


@only_sqlite
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


def test_a_reader_that_comes_new_waits_for_no_writer(database: Database, database_url: str) -> None:
    read: list[int] = []

    def read_elsewhere() -> None:
        newcomer = Database(database_url)
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


def test_every_moment_comes_back_as_the_same_moment_in_utc(database: Database) -> None:
    @given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES))  # noqa: DTZ001
    def holds(moment: datetime) -> None:
        kept = kept_moment(database, moment)
        assert kept == moment
        assert kept.tzinfo is UTC

    holds()


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
        "mysql://user@host/name?password=secret",
        "postgresql://user:secret@host:port/name",
        "postgresql+psycopg2://user:secret@host/name",
        "postgresql+asyncpg://user:secret@host/name",
        "sqlite+aiosqlite:////path/file.db",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_a_url_that_can_t_be_used_is_an_error_of_the_setting(url: str) -> None:
    with pytest.raises(SettingError) as told:
        Database(url)
    assert "sqlite:////path/file.db" in told.value.remedy
    assert "postgresql://user@host/name" in told.value.remedy
    assert "secret" not in str(told.value)


NOT_INSTALLED = """
import sys
from importlib.machinery import PathFinder
class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "psycopg" else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Without
from classmark.database import Database
try:
    Database("postgresql://user:secret@host/name")
except Exception as error:
    print(type(error).__name__, error)
"""


def test_without_its_driver_postgresql_names_the_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOT_INSTALLED], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("MissingExtraError PostgreSQL")
    assert "pip install 'classmark[postgres]'" in done.stdout
    assert "secret" not in done.stdout + done.stderr


def test_a_server_that_refuses_is_told_with_its_reason_and_without_the_password(
    postgresql: Any,
) -> None:
    postgresql.do("CREATE ROLE guest LOGIN PASSWORD 's3cret'")
    for url, reason in (
        (postgresql.url("migrated", password="wr0ng"), "password authentication failed"),  # noqa: S106 (of nobody)
        (postgresql.url("nosuch") + "?password=s3cret", 'database "nosuch" does not exist'),
        (postgresql.url("nosuch"), 'database "nosuch" does not exist'),
        (postgresql.url("migrated", user="guest"), "permission denied"),
        (postgresql.url("migrated").replace(str(postgresql.port), "1"), "refused"),
        (postgresql.url("migrated").replace("127.0.0.1", "nosuch.invalid"), "nosuch.invalid"),
    ):
        with pytest.raises(DatabaseUnavailableError, match=reason) as told:
            attempt(url)
        assert "database_url" in told.value.remedy
        assert "s3cret" not in str(told.value)
        assert "wr0ng" not in str(told.value)


def test_postgresql_of_either_name_is_reached_by_its_newer_driver(
    postgresql_url: str,
) -> None:
    for name in ("postgresql", "postgres", "postgresql+psycopg"):
        database = Database(postgresql_url.replace("postgresql:", f"{name}:"))
        with database.read() as session:
            assert session.get_bind().dialect.driver == "psycopg"
        database.close()


def test_what_the_url_says_of_a_connection_comes_before_our_own(postgresql_url: str) -> None:
    for parameters, wanted in (("", "20s"), ("?options=-c%20lock_timeout%3D7s", "7s")):
        database = Database(postgresql_url + parameters)
        with database.read() as session:
            assert session.scalar(text("SHOW lock_timeout")) == wanted
        database.close()


def test_a_server_that_does_not_answer_is_given_up_and_used_again_later(
    postgresql: Any, postgresql_url: str
) -> None:
    url = make_url(postgresql_url).set(drivername="postgresql+psycopg")
    engine = postgresql_engine(url, answer_seconds=1.0)

    def ask() -> None:
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM predictions")) == 0

    ask()
    postgresql.signal(signal.SIGSTOP)
    try:
        for reason in ("no answer within 1 seconds|timeout", "timeout"):
            with pytest.raises(OperationalError, match=reason):
                ask()
    finally:
        postgresql.signal(signal.SIGCONT)
    ask()
    engine.dispose()


def test_connections_that_a_server_closed_are_made_anew(
    postgresql: Any, postgresql_url: str
) -> None:
    database = Database(postgresql_url)
    with database.read() as session:
        assert rows(session) == 0
    postgresql.do(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'fresh%'"
    )
    with database.read() as session:
        assert rows(session) == 0
    database.close()


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


@only_sqlite
def test_a_database_that_answers_later_is_used_later(path: Path, database: Database) -> None:
    path.mkdir(parents=True)
    with pytest.raises(DatabaseUnavailableError), database.read():
        pass
    path.rmdir()
    with database.write() as session:
        session.execute(INSERT, {"id": "a"})
        assert rows(session) == 1


def test_the_schema_of_a_newer_release_is_left_alone(database: Database, database_url: str) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    older = Database(database_url)
    with pytest.raises(ConflictError, match="9999"), older.read():
        pass
    older.close()
