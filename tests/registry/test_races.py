"""Eight processes at once: one production, one line of history, versions of their own."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import pytest

from classmark.registry import Action, ModelReference, Registry, Status, Version, VersionDraft

Draft = Callable[..., VersionDraft]

PREPARE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from classmark.database import Database
from classmark.errors import PromotionRefusedError, VersionExistsError
from classmark.registry import Lineage, ModelReference, Registry, Version, VersionDraft
home, url, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
database = Database(url)
registry = Registry(database, home / "models", now=lambda: datetime.now(UTC), actor=name)
print("ready", flush=True)
sys.stdin.read()
"""
PROMOTE = """
try:
    registry.promote(ModelReference("shelves", Version.parse(name)))
except PromotionRefusedError:
    print("refused")
else:
    print("promoted")
"""
# Each has looked before anything was live, as `classmark promote` does.
PROMOTE_AS_FIRST = """
from classmark.errors import ConflictError
from classmark.registry import Beside
try:
    registry.promote(ModelReference("shelves", Version.parse(name)), against=Beside(None))
except ConflictError as error:
    print(type(error).__name__)
else:
    print("promoted")
"""
PROMOTE_AND_ROLL_BACK = """
for change in (
    lambda: registry.promote(ModelReference("shelves", Version.parse(name))),
    lambda: registry.rollback("shelves"),
) * 3:
    try:
        change()
    except PromotionRefusedError:
        print("refused")
    else:
        print("moved")
"""
REGISTER = """
lineage = Lineage("linear", ("a", "b"), "00")
artifact = Path(sys.argv[4])
draft = VersionDraft("shelves", artifact, lineage, {"dataset": {"fingerprint": "00"}})
try:
    print(registry.register(draft).version)
except VersionExistsError:
    print("VersionExistsError")
"""


@pytest.fixture
def place(home: Path, database_url: str) -> tuple[str, str]:
    """A home and its database, as processes are told of them."""
    return str(home), database_url


def at_once(
    code: str, places: Sequence[tuple[str, str]], names: Sequence[str], *arguments: object
) -> list[subprocess.CompletedProcess[str]]:
    """What processes said that all began at the same moment, each at a place of its own."""
    waiting, go = os.pipe()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PREPARE + code, *place, name, *map(str, arguments)],
            stdin=waiting,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, place in zip(names, places, strict=True)
    ]
    os.close(waiting)
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    os.close(go)
    said = [process.communicate() for process in processes]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, out, err)
        for process, (out, err) in zip(processes, said, strict=True)
    ]


def check_agreement(registry: Registry, home: Path) -> str:
    """One production, one line of history, link and view that say the same; what is live."""
    versions = registry.versions("shelves")
    (live,) = [v for v in versions if v.status is Status.PRODUCTION]
    history = registry.history("shelves")
    assert [event.sequence for event in history] == list(range(1, len(history) + 1))
    line = [None, *(event.production_after for event in history)]
    assert [event.production_before for event in history] == line[:-1]
    assert line[-1] == str(live.version)
    folder = home / "models" / "shelves"
    assert (folder / "production").readlink().name == live.name
    view = orjson.loads((folder / "version_registry.json").read_bytes())
    assert view["production_version"] == str(live.version)
    assert view["latest_version"] == str(versions[-1].version)
    assert [(row["version"], row["status"]) for row in view["versions"]] == [
        (str(version.version), version.status) for version in versions
    ]
    assert not [path for path in folder.iterdir() if path.name.endswith(".draft")]
    return str(live.version)


@pytest.fixture
def eight(registry: Registry, draft: Draft) -> list[str]:
    return [str(registry.register(draft()).version) for _ in range(8)]


def test_of_eight_that_promote_at_once_one_version_ends_live(
    registry: Registry, home: Path, place: tuple[str, str], eight: list[str]
) -> None:
    # The newest first: whoever comes behind it must lose.
    done = at_once(PROMOTE, [place] * 8, eight[::-1])
    assert [process.stderr for process in done] == [""] * 8
    promoted = [
        version
        for version, process in zip(eight[::-1], done, strict=True)
        if process.stdout == "promoted\n"
    ]
    assert check_agreement(registry, home) == eight[-1]
    moved = [e.version for e in registry.history("shelves") if e.action is Action.PROMOTED]
    assert sorted(moved) == sorted(promoted)
    assert sorted(moved, key=Version.parse) == moved
    assert sum(process.stdout == "refused\n" for process in done) == 8 - len(promoted)


def test_of_eight_that_promote_a_first_version_at_once_one_goes_live(
    registry: Registry, home: Path, place: tuple[str, str], eight: list[str]
) -> None:
    done = at_once(PROMOTE_AS_FIRST, [place] * 8, eight)
    told = Counter(process.stdout.strip() + process.stderr for process in done)
    assert told.pop("promoted") == 1
    # Older than what won, or judged when nothing was live.
    assert told["PromotionRefusedError"] + told["ConflictError"] == 7
    (moved,) = [e.version for e in registry.history("shelves") if e.action is Action.PROMOTED]
    assert check_agreement(registry, home) == moved


def test_of_eight_that_promote_the_same_version_one_wins(
    registry: Registry, home: Path, place: tuple[str, str], eight: list[str]
) -> None:
    done = at_once(PROMOTE, [place] * 8, [eight[0]] * 8)
    assert Counter(process.stdout + process.stderr for process in done) == {
        "promoted\n": 1,
        "refused\n": 7,
    }
    assert check_agreement(registry, home) == eight[0]


def test_promotions_and_rollbacks_at_once_leave_one_line_of_history(
    registry: Registry, home: Path, place: tuple[str, str], eight: list[str]
) -> None:
    registry.promote(ModelReference.parse(f"shelves@{eight[0]}"))
    done = at_once(PROMOTE_AND_ROLL_BACK, [place] * 4, eight[:4])
    assert [process.stderr for process in done] == [""] * 4
    check_agreement(registry, home)


def test_eight_that_register_at_once_get_versions_of_their_own(
    registry: Registry, place: tuple[str, str], artifact: Path
) -> None:
    done = at_once(REGISTER, [place] * 8, [f"worker {number}" for number in range(8)], artifact)
    assert [process.stderr for process in done] == [""] * 8
    given = sorted((process.stdout.strip() for process in done), key=Version.parse)
    assert given == [f"v1.0.{patch}" for patch in range(8)]
    assert [str(version.version) for version in registry.versions("shelves")] == given
    for version in given:
        registry.verify(ModelReference.parse(f"shelves@{version}"))
    actors = {event.actor for event in registry.history("shelves")}
    assert actors == {f"worker {number}" for number in range(8)}


def test_of_four_machines_that_register_at_once_each_number_has_one_winner(
    registry: Registry, tmp_path: Path, place: tuple[str, str], artifact: Path
) -> None:
    # A home of its own is a lock of its own: as on machines that share a database.
    homes = [(str(tmp_path / f"machine{number}"), place[1]) for number in range(4)]
    done = at_once(REGISTER, homes, [f"machine {number}" for number in range(4)], artifact)
    assert [process.stderr for process in done] == [""] * 4
    told = Counter(process.stdout.strip() for process in done)
    lost = told.pop("VersionExistsError", 0)
    assert set(told.values()) == {1}
    assert sorted(told) == [str(version.version) for version in registry.versions("shelves")]
    assert len(told) + lost == 4
    for home, process in zip(homes, done, strict=True):
        published = Path(home[0], "models", "shelves")
        kept = {path.name for path in published.glob("shelves_v*") if "unknown" not in path.name}
        won = process.stdout.strip()
        assert kept == (set() if won == "VersionExistsError" else {f"shelves_{won}"})
    assert not registry.check_history("shelves").problems
