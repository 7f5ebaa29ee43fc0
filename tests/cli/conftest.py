"""The real `classmark`, in a process of its own or in this one, and a home that it made."""

import gc
import io
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from pathlib import Path

import orjson
import pytest

from classmark.cli import main
from classmark.documents import sample_documents

Done = subprocess.CompletedProcess[str]
# Arguments of a command -> how it ended.
Classmark = Callable[..., Done]
# A folder -> each path in it and what stands there.
Look = Callable[[Path], dict[str, object]]

LABELS = ("cs.AI", "cs.CV", "cs.DB")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of every process here: settings of whoever runs the tests play no part.

    Runs are not tracked unless a test says so: MLflow takes its time.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CLASSMARK_")}
    own = {"TMPDIR": str(tmp_path_factory.mktemp("tmp")), "COLUMNS": "200"}
    return ours | own | {"CLASSMARK_TRACKING__ENABLED": "false"}


@pytest.fixture(scope="session")
def classmark(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Classmark:
    empty = tmp_path_factory.mktemp("cwd")

    def run(
        *arguments: object,
        typed: bytes = b"",
        cwd: Path = empty,
        **variables: str,
    ) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "classmark", *map(str, arguments)],
            input=typed,
            cwd=cwd,
            env=environment | variables,
            capture_output=True,
            timeout=120,
            check=False,
        )
        told = done.stderr.decode()
        assert "Traceback" not in told, told
        assert list(Path(environment["TMPDIR"]).iterdir()) == []
        return Done(done.args, done.returncode, done.stdout.decode(), told)

    return run


@pytest.fixture(scope="session")
def inside(environment: dict[str, str]) -> Classmark:
    """The same in this process, where a new one is not the point: it need not import anything."""

    def run(*arguments: object) -> Done:
        given = ["classmark", *map(str, arguments)]
        said, told = io.StringIO(), io.StringIO()
        mask = os.umask(0o077)
        try:
            with (
                pytest.MonkeyPatch.context() as patch,
                redirect_stdout(said),
                redirect_stderr(told),
            ):
                for name in os.environ.keys() - environment.keys():
                    patch.delenv(name)
                for name, value in environment.items():
                    patch.setenv(name, value)
                patch.setattr(sys, "argv", given)
                code = _exit_code()
        finally:
            os.umask(mask)
            # The end of a process closes its database, whose files else change under a later test.
            gc.collect()
        return Done(given, code, said.getvalue(), told.getvalue())

    return run


def _exit_code() -> int:
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 labelled documents of three classes."""
    return _written(range(1, 21), tmp_path_factory.mktemp("papers") / "papers.jsonl")


@pytest.fixture(scope="session")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 others of the same classes."""
    return _written(range(21, 41), tmp_path_factory.mktemp("unseen") / "unseen.jsonl")


def _written(numbers: range, path: Path) -> Path:
    chosen = [d for d in sample_documents() if d.label in LABELS and int(d.id[-2:]) in numbers]
    path.write_bytes(b"".join(orjson.dumps(asdict(document)) + b"\n" for document in chosen))
    return path


@pytest.fixture(scope="session")
def shelf(classmark: Classmark, papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that no test changes: dataset `papers`, model `shelf`, v1.0.0 and v1.0.1 (live)."""
    home = tmp_path_factory.mktemp("shelf") / "home"
    for command in (
        ("prepare", papers, "--name", "papers"),
        ("train", "papers", "--model", "shelf", "--family", "linear"),
        ("train", "papers", "--model", "shelf", "--family", "linear", "--set", "longest_ngram=1"),
        ("promote", "shelf@v1.0.0", "--reason", "the first"),
        ("promote", "shelf@latest", "--force", "--reason", "as good"),
    ):
        done = classmark(*command, "--home", home)
        assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def home(shelf: Path, tmp_path: Path) -> Path:
    """A copy of the home that may be changed."""
    # What commands in this process left open would close, and remove files, in the middle of it.
    gc.collect()
    return Path(shutil.copytree(shelf, tmp_path / "home", symlinks=True))


@pytest.fixture(scope="session")
def look() -> Look:
    def inside(folder: Path) -> dict[str, object]:
        return {
            str(path.relative_to(folder)): _content(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix not in {".db-shm", ".db-wal"}
        }

    return inside


def _content(path: Path) -> object:
    if path.is_symlink():
        return path.readlink()
    if path.is_dir():
        return "folder"
    if path.suffix == ".db":
        # Its bytes may move about while it says the same.
        try:
            return list(sqlite3.connect(path).iterdump())
        except sqlite3.DatabaseError:
            pass
    return path.read_bytes()
