"""`kill -9` at every step of a change of the registry: before or after, never between.

Usage: python benchmarks/kill_registry.py [--every N] [--only OPERATION] [--verbose]

A step is what Python tells its audit hooks of (a file opened for writing, a rename, a link, a lock)
and what SQLAlchemy tells its listeners of (a statement begins, has ended, a transaction commits).
An operation runs once undisturbed, which counts its steps; then once for each of them, in a process
that kills itself right before that step. After each kill a registry of this process looks:

- the database is as before or as after a whole change, and its history is whole;
- a version is live if one was before, and the `production` link names files that are there;
- every version of the database is intact, byte by byte;
- link and view agree with the database, or `behind` tells that they do not;
- `tidy` removes all that was left, finds nothing the second time, and mends link and view;
- without it, the same operation again succeeds or says that it was done, and so does `tidy` then;
- where there is a storage (a folder), readers find in it a whole version that is live, and `gc`
  lets it follow and leaves nothing there of a version that is gone.

Signing and pulling are not among the operations, nor is a storage in S3.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from re import sub
from typing import Any

from sqlalchemy import Engine, event, text

from classmark.database import Database
from classmark.errors import ConflictError, UnknownVersionError
from classmark.registry import (
    Lineage,
    ModelReference,
    Registry,
    RetentionSettings,
    StorageSettings,
    Version,
    VersionDraft,
    VersionStorage,
)

MODEL = "shelves"
STORAGE = "storage"
NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
RULE = RetentionSettings(keep_before_production=1, delete_after_days=1)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
FILE_EVENTS = {
    *("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod"),
    *("shutil.copytree", "shutil.copyfile", "shutil.copymode", "shutil.copystat", "shutil.rmtree"),
    *("fcntl.flock", "os.truncate", "os.utime", "sqlite3.connect"),
}
# All that the registry keeps in the database, in an order of its own.
TABLES = ("model_versions", "version_events")
State = tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """A change of the registry.

    Attributes:
        name: For the table.
        prepare: Makes what it begins with.
        change: The change itself; each item that it yields is one whole change.
        again: Whoever does it again after it was done is told so; else it is done once more.
        has_storage: Whether a storage follows the home.
    """

    name: str
    prepare: Callable[[Registry], None]
    change: Callable[[Registry], Iterator[object]]
    again: tuple[type[Exception], ...] = ()
    has_storage: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found after a kill.

    Attributes:
        step: Before which it came.
        state: The number of whole changes that the database has.
        was_behind: Whether link or view lagged behind it.
        left: What `tidy` removed.
    """

    step: str
    state: int
    was_behind: bool
    left: tuple[str, ...]


def reference(patch: int) -> ModelReference:
    """One of the versions v1.0.0, v1.0.1, ..."""
    return ModelReference(MODEL, Version(1, 0, patch))


def draft(artifact: Path) -> VersionDraft:
    """A version that is to be registered."""
    metadata = {"dataset": {"name": "shelves", "fingerprint": "ab"}}
    return VersionDraft(MODEL, artifact, Lineage("linear", ("a", "b"), "ab"), metadata)


def storage_of(home: Path, now: datetime) -> VersionStorage:
    """The storage of a home, which is copied with it."""
    return VersionStorage(StorageSettings(uri=str(home / STORAGE)), now=lambda: now)


def place_of(registry: Registry) -> VersionStorage:
    """The storage that follows a registry which has versions."""
    return storage_of(registry.versions(MODEL)[0].folder.parents[2], NOW)


def operations(artifact: Path) -> tuple[Operation, ...]:
    """Changes that a registry knows."""

    def register(registry: Registry) -> Iterator[object]:
        yield registry.register(draft(artifact))

    def versions(registry: Registry, live: tuple[int, ...] = (), count: int = 4) -> None:
        for _ in range(count):
            registry.register(draft(artifact))
        for patch in live:
            registry.promote(reference(patch))

    def damaged(registry: Registry) -> None:
        """All that kills could leave: drafts, files without a row, link and view behind."""
        versions(registry, (0, 1))
        folder = registry.resolve(reference(3)).folder
        shutil.copytree(folder, folder.with_name("kept"))
        registry.delete(reference(3))
        folder.with_name("kept").rename(folder)
        shutil.copytree(folder, folder.with_name(f"{MODEL}_v1.0.4"))
        folder.with_name(f".{MODEL}_v1.0.4.unfinished").touch()
        shutil.copytree(folder, folder.with_name(f".{MODEL}_v1.0.5.0123.draft"))
        folder.with_name(".production.0123.draft").symlink_to(f"{MODEL}_v1.0.1")
        folder.with_name("version_registry.json").unlink()
        folder.with_name("production").unlink()

    def old(registry: Registry) -> None:
        """Of versions 0 to 3 the last is live; 2 stays, 1 is to be archived, 0 to be deleted."""
        versions(registry, (0, 2, 3))

    def tidy(registry: Registry) -> Iterator[object]:
        yield registry.tidy(MODEL)

    return (
        Operation("register the first", lambda _: None, register),
        Operation("register another", lambda r: versions(r, (1,), 2), register),
        Operation(
            "promote the first",
            versions,
            lambda r: iter([r.promote(reference(0))]),
            (ConflictError,),
        ),
        Operation(
            "promote",
            lambda r: versions(r, (0,)),
            lambda r: iter([r.promote(reference(1))]),
            (ConflictError,),
        ),
        Operation(
            "roll back",
            lambda r: versions(r, (0, 1)),
            lambda r: iter([r.rollback(MODEL, Version(1, 0, 0))]),
            (ConflictError,),
        ),
        Operation(
            "archive",
            lambda r: versions(r, (1,)),
            lambda r: iter([r.archive(reference(2))]),
            (ConflictError,),
        ),
        Operation(
            "delete",
            lambda r: versions(r, (1,)),
            lambda r: iter([r.delete(reference(0))]),
            (UnknownVersionError,),
        ),
        Operation("retention", old, lambda r: r.retire(MODEL, RULE)),
        Operation("gc", damaged, tidy),
        *_with_storage(versions),
    )


def _with_storage(versions: Callable[..., None]) -> Iterator[Operation]:
    """Changes that a storage follows, and those that are made there alone."""

    def published(registry: Registry) -> None:
        versions(registry, (1,))
        place_of(registry).publish(registry.resolve(reference(0)))

    def publish(registry: Registry) -> Iterator[object]:
        version = registry.resolve(reference(2))
        place_of(registry).publish(version)
        yield version

    def unpublish(registry: Registry) -> Iterator[object]:
        version = registry.resolve(reference(0))
        place_of(registry).unpublish(version)
        yield version

    def promote(registry: Registry) -> Iterator[object]:
        yield registry.promote(reference(2))

    def delete(registry: Registry) -> Iterator[object]:
        yield registry.delete(reference(0))

    yield Operation("promote, a storage", published, promote, (ConflictError,), has_storage=True)
    yield Operation(
        "delete, a storage", published, delete, (UnknownVersionError,), has_storage=True
    )
    yield Operation("publish", published, publish, has_storage=True)
    yield Operation("unpublish", published, unpublish, has_storage=True)


@contextmanager
def opened(home: Path, *, days: int = 0) -> Iterator[tuple[Registry, Database]]:
    """The registry of a home; its clock stands still, so that each run writes the same."""
    with closing(Database(f"sqlite:///{home / 'classmark.db'}")) as database:
        now = NOW.replace(day=NOW.day + days)
        places = [storage_of(home, now)] if (home / STORAGE).is_dir() else []
        registry = Registry(
            database, home / "models", now=lambda: now, actor="ada", followers=places
        )
        yield registry, database


def state_of(database: Database) -> State:
    """All rows of the registry."""
    with database.read() as session:
        return tuple(
            tuple(row)
            for table in TABLES
            for row in session.execute(text(f"SELECT * FROM {table} ORDER BY id"))  # noqa: S608 (our own names)
        )


class Steps:
    """Counts the steps of this process, and kills it right before one of them.

    Args:
        tell: Where the names of steps are written, one a line.
        last: Before which step to die; 0 for none.
    """

    def __init__(self, tell: int, last: int) -> None:
        self._tell = tell
        self._last = last
        self._count = 0

    def listen(self) -> None:
        """From now on, until this process ends: an audit hook can't be taken away."""
        sys.addaudithook(self._on_audit)
        event.listen(Engine, "before_cursor_execute", self._before_statement)
        event.listen(Engine, "after_cursor_execute", self._after_statement)
        event.listen(Engine, "commit", lambda _: self._step("commit"))

    def _on_audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING:
                self._step(f"open {_short(path)}")
        elif name in FILE_EVENTS:
            told = [_short(one) for one in arguments[:2] if isinstance(one, str | bytes | Path)]
            self._step(" ".join([name, *told]))

    def _before_statement(self, *arguments: Any) -> None:
        self._step(f"before {_statement(arguments[2])}")

    def _after_statement(self, *arguments: Any) -> None:
        self._step(f"after {_statement(arguments[2])}")

    def _step(self, name: str) -> None:
        self._count += 1
        if self._last in {0, self._count}:
            os.write(self._tell, f"{name}\n".encode())
        if self._count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def _short(path: object) -> str:
    """A file's name, without what is random in it."""
    return sub(r"[0-9a-f]{8,32}", "*", Path(os.fsdecode(str(path))).name)


def _statement(statement: str) -> str:
    """The first word of a statement, and the table that it is about."""
    words = statement.split()
    table = next((word for word in words if word in TABLES), "")
    return " ".join([words[0], table]).strip()


def run(operation: Operation, home: Path, last: int) -> tuple[list[str], bool]:
    """Run an operation in a process of its own.

    Returns:
        The steps that were told of, and whether it was killed.
    """
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        # Whatever happens, this process must not go on as its parent.
        ended = 1
        try:
            os.close(read)
            _change(operation, home, Steps(write, last))
            ended = 0
        finally:
            os._exit(ended)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        steps = pipe.read().decode().splitlines()
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, (operation.name, last, status)
    return steps, os.WIFSIGNALED(status)


def _change(operation: Operation, home: Path, steps: Steps) -> None:
    with opened(home, days=2) as (registry, _):
        steps.listen()
        for _ in operation.change(registry):
            continue


class Campaign:
    """All kills of one operation.

    Args:
        operation: What is killed.
        scratch: An empty folder.
    """

    def __init__(self, operation: Operation, scratch: Path) -> None:
        self._operation = operation
        self._scratch = scratch
        self._begin = scratch / "begin"
        self._begin.mkdir(parents=True)
        if operation.has_storage:
            (self._begin / STORAGE).mkdir()
        if operation.name != "register the first":
            with opened(self._begin) as (registry, _):
                operation.prepare(registry)
        self._states = self._undisturbed()

    def steps(self) -> list[str]:
        """The names of all steps, in their order."""
        return run(self._operation, self._fresh(), 0)[0]

    def kill(self, number: int) -> Outcome | None:
        """What is found after a kill right before a step; None if it never came to that step."""
        home = self._fresh()
        steps, was_killed = run(self._operation, home, number)
        if not was_killed:
            return None
        other = shutil.copytree(home, home.with_name("other"), symlinks=True)
        with opened(other, days=2) as (registry, database):
            state = self._states.index(state_of(database))
            was_behind = self._check(registry)
            left = self._tidied(registry, other)
            assert state_of(database) == self._states[state]
        shutil.rmtree(other)
        with opened(home, days=2) as (registry, database):
            self._check_again(registry, database)
            self._tidied(registry, home)
        return Outcome(steps[-1], state, was_behind, left)

    @property
    def changes(self) -> int:
        """How many whole changes the operation makes."""
        return len(self._states) - 1

    def _fresh(self) -> Path:
        home = self._scratch / "home"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self._begin, home, symlinks=True)
        return home

    def _undisturbed(self) -> list[State]:
        """The state before, and after each whole change."""
        with opened(self._fresh(), days=2) as (registry, database):
            states = [state_of(database)]
            states.extend(state_of(database) for _ in self._operation.change(registry))
        return states

    def _check(self, registry: Registry) -> bool:
        """Whether link or view is behind; all else must be as it should."""
        if not registry.histories():
            return False
        checked = registry.check_history(MODEL)
        assert not checked.problems, checked.problems
        versions = registry.versions(MODEL)
        for version in versions:
            registry.verify(ModelReference(MODEL, version.version))
        live = [version for version in versions if version.status == "production"]
        assert len(live) <= 1
        assert live or not self._was_live_before, "nothing is live"
        link = versions[0].folder.with_name("production")
        assert not link.is_symlink() or (link / "manifest.json").is_file(), "a link to nothing"
        return bool(registry.behind(MODEL))

    def _tidied(self, registry: Registry, home: Path) -> tuple[str, ...]:
        """What `tidy` removed; after it nothing is left, and nothing is behind."""
        left = tuple(_short(one.path) for one in registry.tidy(MODEL) if one.is_removed)
        assert not registry.tidy(MODEL), registry.tidy(MODEL)
        assert not self._check(registry), registry.behind(MODEL)
        _check_no_orphan(registry, home)
        if self._operation.has_storage:
            _check_storage(registry, home)
        return left

    @property
    def _was_live_before(self) -> bool:
        return "production" in {value for row in self._states[0] for value in row}

    def _check_again(self, registry: Registry, database: Database) -> None:
        """The same once more leads to the same end, or beyond it where each time adds something."""
        with suppress(*self._operation.again):
            for _ in self._operation.change(registry):
                continue
        found = state_of(database)
        is_the_end = found == self._states[-1]
        assert is_the_end or self._operation.name.startswith("register"), "done again, another end"


def _check_no_orphan(registry: Registry, home: Path) -> None:
    """Nothing lies in the model's folder but versions, cards as things stand, link, view, lock."""
    usual = {".lock", "version_registry.json", "production", "cards"}
    folder, present = home / "models" / MODEL, registry.state(MODEL).versions
    versions = {version.name for version in present}
    found = {path.name for path in folder.iterdir()}
    assert found <= usual | versions, found - usual - versions
    cards = {path.name: path.read_text() for path in (folder / "cards").glob("*")}
    wanted = {
        f"{one.name}.md": registry.card(ModelReference(MODEL, one.version))[1] for one in present
    }
    assert cards == wanted, f"cards lag behind: {cards.keys() ^ wanted.keys()}"


def _check_storage(registry: Registry, home: Path) -> None:
    """Readers find what is live; after what `gc` does there, all there is as it is here."""
    later = storage_of(home, datetime.now(UTC) + timedelta(hours=25))
    probe = home / "probe"
    later.pull(later.find(ModelReference(MODEL, role="production")), probe)
    shutil.rmtree(probe)
    registry.catch_up()
    later.tidy()
    assert registry.catch_up(dry_run=True) == [], registry.catch_up(dry_run=True)
    live, found = registry.live(MODEL), later.production(MODEL)
    assert live is not None
    assert found is not None
    assert found.digest == live.digest, f"{found.version} is live there"
    there = later.versions(MODEL)
    assert set(there) <= {one.version for one in registry.versions(MODEL)}, there
    # A folder without a file in it is no object, and nobody sees it.
    folder = home / STORAGE / MODEL
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    found_in = {path.parts[0] for path in files} - {"claims", "signatures", "production.json"}
    assert found_in == {f"{MODEL}_{version}" for version in there}, found_in
    assert not list((home / STORAGE / ".storage").glob("*.draft")), "a draft is left there"


def make_artifact(folder: Path) -> Path:
    """What a training could have written, in small."""
    (folder / "tokens").mkdir(parents=True)
    for name in ("config.json", "label_map.json", "model.safetensors", "tokens/vocabulary.txt"):
        (folder / name).write_bytes(name.encode() * 20)
    return folder


def main() -> None:
    """Kill, look, tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="only every n-th step")
    parser.add_argument("--only", help="one operation, by its name")
    parser.add_argument("--verbose", action="store_true", help="a line for each step")
    arguments = parser.parse_args()
    os.umask(0o077)
    with tempfile.TemporaryDirectory() as scratch:
        found = operations(make_artifact(Path(scratch) / "artifact"))
        print("| operation | steps | killed | as before | between | as after | behind | left |")
        print("|---|---|---|---|---|---|---|---|")
        for number, operation in enumerate(found):
            if arguments.only in {None, operation.name}:
                campaign = Campaign(operation, Path(scratch) / str(number))
                _tell(operation, campaign, arguments.every, verbose=arguments.verbose)


def _tell(operation: Operation, campaign: Campaign, every: int, *, verbose: bool) -> None:
    """A line of the table, and one for each step if they are asked for."""
    steps = campaign.steps()
    # Names are random, and so is the order in which a folder lists them: a step more may come.
    asked = range(1, len(steps) + 1, every)
    outcomes = [outcome for n in asked if (outcome := campaign.kill(n))]
    states = Counter(outcome.state for outcome in outcomes)
    between = len(outcomes) - states[0] - states[campaign.changes]
    told = (
        *(operation.name, len(steps), len(outcomes), states[0], between),
        *(states[campaign.changes], sum(outcome.was_behind for outcome in outcomes)),
        sum(bool(outcome.left) for outcome in outcomes),
    )
    print(f"| {' | '.join(map(str, told))} |", flush=True)
    for number, outcome in zip(asked, outcomes, strict=False) if verbose else ():
        where = "before" if outcome.state == 0 else f"after {outcome.state} of {campaign.changes}"
        behind = ", behind" if outcome.was_behind else ""
        left = f", left {' '.join(outcome.left)}" if outcome.left else ""
        print(f"    {number:3} {outcome.step}: {where}{behind}{left}")


if __name__ == "__main__":
    main()
