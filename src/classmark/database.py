"""The database: SQLite by default, PostgreSQL by URL; the same code on both.

Every write is one transaction that takes SQLite's write lock at its start (`BEGIN IMMEDIATE`), so
that what was read in it can't change before it commits. Reads take a snapshot and wait for nobody.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from classmark.errors import DatabaseUnavailableError, SettingError

# The newest migration under migrations/versions; a test holds the two together.
SCHEMA = "0001"
# How long a writer waits for another one before it gives up.
_BUSY_SECONDS = 30.0


class Base(DeclarativeBase):
    """What every table derives from."""


class UtcTime(TypeDecorator[datetime]):
    """A moment with its zone, in UTC; SQLite alone would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """Transactions on one database, whose schema is brought up to date at first use.

    Args:
        url: As SQLAlchemy writes it: `sqlite:////path/file.db`, `postgresql+psycopg://...`.
    """

    def __init__(self, url: str) -> None:
        try:
            self._url = make_url(url)
            self._engine = _engine(url)
        except (ArgumentError, ModuleNotFoundError) as error:
            raise SettingError(
                f"The database URL can't be used ({error}).",
                remedy="Write it as sqlite:////path/file.db; leave it out for the default.",
            ) from error
        self._is_current = False

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and writes nothing."""
        with self._session(writes=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when the block ends well, and else changes nothing."""
        with self._session(writes=True) as session:
            yield session
            session.commit()

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    @contextmanager
    def _session(self, *, writes: bool) -> Iterator[Session]:
        try:
            self._bring_up_to_date()
            bind = self._engine.execution_options(classmark_writes=writes)
            with Session(bind, expire_on_commit=False) as session:
                yield session
        except OperationalError as error:
            raise DatabaseUnavailableError(
                f"The database {self._url.render_as_string()} does not answer ({error.orig}).",
                remedy="Check that it runs and can be written to, then try again.",
            ) from error

    def _bring_up_to_date(self) -> None:
        if self._is_current:
            return
        if self._url.get_backend_name() == "sqlite" and self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._engine.connect() as connection:
            found = _schema_of(connection)
        if found != SCHEMA:
            _migrate(self._engine)
        self._is_current = True


def _engine(url: str) -> Engine:
    engine = create_engine(url, connect_args=_connect_args(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _connect_args(url: str) -> dict[str, Any]:
    return {"timeout": _BUSY_SECONDS} if url.startswith("sqlite") else {}


def _on_sqlite_connect(connection: sqlite3.Connection, _: object) -> None:
    # The driver's own transaction handling would begin too late and end DDL too early.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("classmark_writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")


def _schema_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(engine: Engine) -> None:
    """Run the migrations that are missing, all in one transaction."""
    from alembic import command  # noqa: PLC0415 (an up-to-date database never needs it)
    from alembic.config import Config  # noqa: PLC0415 (as above)

    config = Config()
    config.set_main_option("script_location", "classmark:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        # The lock is held: whoever waited here may find the work done.
        if _schema_of(connection) != SCHEMA:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
