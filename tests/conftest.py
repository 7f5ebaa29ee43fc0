"""What all tests share: how hypothesis looks, a home with its database, a trained artifact, MLflow.

And a PostgreSQL of their own, which is started when the first test asks for it.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from tests.training.tracking_server import TrackingServer

from classmark.database import Database
from classmark.documents import sample_documents
from classmark.models import LabelledTexts, TrainingData, family_class
from classmark.progress import Silent

# The same examples in every run, and no clock: a slow machine fails nothing.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "search", settings.get_profile("house"), derandomize=False, max_examples=3000
)
settings.load_profile("house")


def pytest_configure() -> None:
    # A shell's background job ignores Ctrl+C, and so would every process that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def database_url(home: Path) -> str:
    """Where the test's state is; a room whose database matters asks for PostgreSQL too."""
    return f"sqlite:///{home / 'classmark.db'}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server of the tests' own.

    Attributes:
        folder: Where its data is.
        port: Where it listens.
        numbers: For the names of databases.
    """

    folder: Path
    port: int
    numbers: Iterator[int]

    def url(self, database: str, *, user: str = "tester", password: str = "s3cret") -> str:  # noqa: S107 (of a server that nobody else reaches)
        """As a user would write it."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def program(self, name: str) -> str:
        """One of PostgreSQL's own programs, of the same release."""
        found = _program(name)
        assert found, name
        return found

    def do(self, statement: str, database: str = "postgres") -> None:
        """Run a statement as the superuser, outside of a transaction."""
        url = self.url(database).replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    @contextmanager
    def fresh(self, template: str = "template1") -> Iterator[str]:
        """The name of a new database, which is gone when the block ends."""
        name = f"fresh{next(self.numbers)}"
        self.do(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield name
        finally:
            self.do(f"DROP DATABASE {name} WITH (FORCE)")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children")
        # The first one makes the others, so it goes first.
        os.kill(first, number)
        for process in map(int, children.read_text().split()):
            # One that serves a connection may have ended meanwhile.
            with suppress(ProcessLookupError):
                os.kill(process, number)

    @property
    def user(self) -> str | None:
        """Who runs it: PostgreSQL refuses to run as root."""
        return "postgres" if os.geteuid() == 0 else None

    @property
    def command(self) -> list[str]:
        """What runs it."""
        quick = {"fsync": "off", "full_page_writes": "off", "unix_socket_directories": ""}
        own = {"listen_addresses": "127.0.0.1", "port": self.port, "max_connections": 200}
        options = [f"--{name}={value}" for name, value in (quick | own).items()]
        return [self.program("postgres"), "-D", str(self.folder / "data"), *options]

    def wait(self) -> None:
        """Until it answers."""
        give_up_at = time.monotonic() + 60
        while True:
            try:
                self.do("SELECT 1")
            except OperationalError:
                assert time.monotonic() < give_up_at, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return


def _program(name: str) -> str | None:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(debian[-1]) if debian else shutil.which(name)


def _without_postgres() -> NoReturn:
    reason = "PostgreSQL is not there; install it: bash scripts/install-system-packages.sh"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A server with one database, `migrated`, which is a template of what tests get."""
    if _program("initdb") is None or _program("postgres") is None:
        _without_postgres()
    with running_postgres() as server:
        yield server


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server with that database, for scripts, too."""
    with tempfile.TemporaryDirectory(prefix="classmark-postgres-") as name, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = PostgresServer(Path(name), free.getsockname()[1], count())
        # pytest's own folders are closed to everybody else.
        if server.user:
            shutil.chown(name, server.user)
        (server.folder / "password").write_text("s3cret", encoding="ascii")
        (server.folder / "password").chmod(0o644)
        data = server.folder / "data"
        options = ("-U", "tester", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync")
        password = f"--pwfile={server.folder / 'password'}"
        subprocess.run(
            [server.program("initdb"), "-D", str(data), *options, password],
            check=True,
            capture_output=True,
            user=server.user,
            cwd=name,
        )
        free.close()
        with _running(server):
            yield server


@contextmanager
def _running(server: PostgresServer) -> Iterator[None]:
    # The shell waits for its input to end, and so ends the server when we are killed, too.
    script = '"$@" & server=$!; read -r _; kill -QUIT $server; wait $server'
    command = ["sh", "-c", script, "sh", *server.command]
    with (
        (server.folder / "log").open("wb") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            user=server.user,
            cwd=server.folder,
            # A signal to all of our processes must not end the shell before the server.
            start_new_session=True,
        ) as process,
    ):
        try:
            server.wait()
            server.do("CREATE DATABASE migrated")
            database = Database(server.url("migrated"))
            with database.read():
                database.close()
            yield
        finally:
            assert process.stdin
            process.stdin.close()


@pytest.fixture
def postgresql_url(postgresql: PostgresServer) -> Iterator[str]:
    """A database of the test's own, whose schema is up to date."""
    with postgresql.fresh("migrated") as name:
        yield postgresql.url(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def either_url(request: pytest.FixtureRequest, home: Path) -> str:
    """A database of the test's own, of each kind."""
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgresql_url")
        return found
    return f"sqlite:///{home / 'classmark.db'}"


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What training wrote for 30 sample documents of cs.CL, cs.CV and cs.DB."""
    labels_kept = ("cs.CL", "cs.CV", "cs.DB")
    chosen = [d for d in sample_documents() if d.label in labels_kept and int(d.id[-2:]) <= 10]
    texts, labels = [d.text for d in chosen], [d.label or "" for d in chosen]
    data = TrainingData(
        train=LabelledTexts(texts, labels), validation=LabelledTexts(texts[::5], labels[::5])
    )
    folder = tmp_path_factory.mktemp("artifact")
    family_class("linear").with_parameters({}).train(data, folder, Silent())
    return folder


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    """An MLflow server that answers; whoever stops it lets it go on."""
    with TrackingServer(tmp_path_factory.mktemp("server")) as server:
        yield server
