"""The database: SQLite by default, PostgreSQL by URL; the same code on both.

Every write is one transaction that takes SQLite's write lock at its start (`BEGIN IMMEDIATE`), so
that what was read in it can't change before it commits. On PostgreSQL unique constraints decide who
was first. Reads take a snapshot and wait for nobody.
"""

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import (
    URL,
    DateTime,
    Dialect,
    Engine,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import (
    TimeoutError as PoolTimeoutError,
)
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from classmark.errors import (
    ConflictError,
    DatabaseUnavailableError,
    MissingExtraError,
    SettingError,
)

# The newest migration under migrations/versions; a test holds the two together.
SCHEMA = "0006"
# How long a writer waits for another one before it gives up.
_BUSY_SECONDS = 30.0
# How long a server may take to answer a statement; it gives up waiting for a lock before that.
_ANSWER_SECONDS = 30.0
# What a reader asks of PostgreSQL; SQLite's reads are like that anyway.
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# PostgreSQL's codes of errors that don't blame the statement: what we may do there is less than we
# need, the server is a standby, and a transaction in which we were silent for too long.
_SERVER_REFUSES = {"42501", "25006", "25P03"}
_REMEDIES = {
    "sqlite": "Check that it can be written to, then try again.",
    "postgresql": "Check that it runs, that address, user, password and name in database_url are"
    " right, and that the user may create tables there; then try again.",
}
# Any number, as long as it is always this one: who holds it may migrate.
_MIGRATION_LOCK = 2_079_514_369


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
        url: As SQLAlchemy writes it: `sqlite:////path/file.db`, `postgresql://user@host/name`.

    Raises:
        SettingError: The URL is none, or of a database that we don't know.
        MissingExtraError: It is PostgreSQL, and its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._url = _checked_url(url)
        self._engine = _engine(self._url)
        self._to_read, self._to_write = (self._connectable(writes=it) for it in (False, True))
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
            connectable = self._to_write if writes else self._to_read
            with Session(connectable, expire_on_commit=False) as session:
                yield session
        except SQLAlchemyError as error:
            if not _is_unavailable(error):
                raise
            raise self._unavailable(getattr(error, "orig", None) or error) from error

    def _connectable(self, *, writes: bool) -> Engine:
        snapshot = {} if writes or self._engine.dialect.name == "sqlite" else _SNAPSHOT
        return self._engine.execution_options(classmark_writes=writes, **snapshot)

    def _unavailable(self, reason: object) -> DatabaseUnavailableError:
        return DatabaseUnavailableError(
            f"The database {_shown(self._url)} does not answer ({reason}).",
            remedy=_REMEDIES[self._url.get_backend_name()],
        )

    def _bring_up_to_date(self) -> None:
        if self._is_current:
            return
        if self._url.get_backend_name() == "sqlite" and self._url.database:
            try:
                Path(self._url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise self._unavailable(error) from error
        with self._to_read.connect() as connection:
            found = _schema_of(connection)
        if found != SCHEMA:
            self._migrate()
        self._is_current = True

    def _migrate(self) -> None:
        # A change of a large table may take its time.
        engine = _engine(self._url, answer_seconds=math.inf)
        try:
            _migrate(engine)
        finally:
            engine.dispose()


def _checked_url(given: str) -> URL:
    try:
        url = make_url(given)
        if url.drivername in {"postgresql", "postgres"}:
            url = url.set(drivername="postgresql+psycopg")
        url.get_dialect()
    except (ArgumentError, ValueError) as error:
        raise SettingError(
            f"The database URL can't be used ({error}).",
            remedy="Write it as sqlite:////path/file.db or postgresql://user@host/name; leave it"
            " out for the default.",
        ) from error
    is_file = url.database not in {None, "", ":memory:"}
    if url.drivername == "postgresql+psycopg":
        if find_spec("psycopg") is None:
            raise MissingExtraError("PostgreSQL", extra="postgres")
        return url
    if url.drivername in {"sqlite", "sqlite+pysqlite"} and is_file:
        return url
    raise SettingError(
        f"The database URL {_shown(url)} can't be used.",
        remedy="Name a file of SQLite, sqlite:////path/file.db, or a PostgreSQL database,"
        " postgresql://user@host/name.",
    )


def _shown(url: URL) -> str:
    # A password may stand among the parameters, too.
    return url.set(query={}).render_as_string()


def _is_unavailable(error: SQLAlchemyError) -> bool:
    """Whether the database itself is the trouble, and not what was asked of it."""
    # DatabaseError's subclasses blame the statement; itself it is a file that is no database.
    return (
        isinstance(error, OperationalError | InterfaceError | PoolTimeoutError)
        or type(error) is DatabaseError
        or getattr(getattr(error, "orig", None), "sqlstate", None) in _SERVER_REFUSES
    )


def _engine(url: URL, *, answer_seconds: float = _ANSWER_SECONDS) -> Engine:
    if url.get_backend_name() != "sqlite":
        from classmark.postgresql import postgresql_engine  # noqa: PLC0415 (needs an extra)

        return postgresql_engine(url, answer_seconds=answer_seconds)
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _on_sqlite_connect)
    event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(connection: sqlite3.Connection, _: object) -> None:
    # The driver's own transaction handling would begin too late and end DDL too early.
    connection.isolation_level = None
    _use_write_ahead_log(connection)
    # FULL: what was told to be done is on the disk, whatever happens to the machine.
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch it on; SQLite itself does not wait here while another process does the same."""
    give_up_at = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


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
        if connection.dialect.name == "postgresql":
            # Who else migrates may take its time; a table that is in use may not.
            connection.execute(text("SET LOCAL lock_timeout TO 0"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
        # The lock is held: whoever waited here may find the work done.
        found = _schema_of(connection)
        if found is not None and found > SCHEMA:
            raise ConflictError(
                f"The database has schema {found}; this release knows {SCHEMA} at most.",
                remedy="Use the release that wrote it, or a newer one.",
            )
        if found != SCHEMA:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
