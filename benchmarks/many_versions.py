"""What commands of the registry cost with very many versions of one model, beside few.

Usage: python benchmarks/many_versions.py [--versions 10000] [--few 10] [--runs 7] [--only NAME ...]

Two homes are filled by the ledger's own functions, so that the histories are chained as always.
Each fifth version was live once. Only the few that the commands put live have files. Then each
command runs as a process, in the two homes in turn.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from classmark.database import Database
from classmark.registry import (
    Action,
    Lineage,
    Registry,
    Status,
    Version,
    VersionDraft,
    ledger,
)

MODEL = "many"
START = datetime(2024, 1, 1, tzinfo=UTC)
IN_ONE_TRANSACTION = 500
LIVE_EVERY = 5
LABELS = tuple(f"cs.{letter}{letter}" for letter in "ABCDEFGHIJ")


def details(number: Version) -> dict[str, object]:
    """Metadata as large as that of a version of ten classes."""
    per_class = {
        label: {"precision": 0.8, "recall": 0.7, "f1": 0.75, "support": 100, "interval": [0.7, 0.9]}
        for label in LABELS
    }
    return {
        "name": f"{MODEL}_{number}",
        "version": str(number),
        "architecture": "linear",
        "labels": LABELS,
        "dataset_fingerprint": "ab" * 32,
        "dataset": {"name": "papers", "fingerprint": "ab" * 32, "split": {"train": 8000}},
        "metrics": {part: {"accuracy": 0.8, "per_class": per_class} for part in ("test", "val")},
        "size_mb": 7.4,
    }


def add_version(session: Session, patch: int, live: Version | None) -> Version | None:
    """Register a version, and now and then put it live; which one is live then."""
    number = Version(1, 0, patch)
    at = START + timedelta(minutes=patch)
    row = ledger.Entry(
        model=MODEL,
        version=number,
        status=Status.TESTING,
        digest=f"{patch:064x}",
        created_at=at,
        details=details(number),
    )
    ledger.add_version(session, row, ledger.Signature(Action.REGISTERED, "ada", "trained", at))
    if patch % LIVE_EVERY:
        return live
    promoted = ledger.Signature(Action.PROMOTED, "ada", "better", at)
    ledger.move_production(session, row, live, promoted)
    return number


def fill(home: Path, versions: int, with_files: int) -> None:
    """A home with so many versions, and as many whole ones after them."""
    with closing(Database(f"sqlite:///{home / 'classmark.db'}")) as database:
        for first in range(0, versions, IN_ONE_TRANSACTION):
            with database.write() as session:
                live = ledger.live_version(session, MODEL)
                for patch in range(first, min(first + IN_ONE_TRANSACTION, versions)):
                    live = add_version(session, patch, live)
        registry = Registry(database, home / "models", now=lambda: datetime.now(UTC), actor="ada")
        artifact = home / "artifact"
        artifact.mkdir()
        (artifact / "config.json").write_text("{}")
        lineage = Lineage("linear", LABELS, "ab" * 32)
        metadata = details(Version(1, 0, versions))
        for _ in range(with_files):
            registry.register(VersionDraft(MODEL, artifact, lineage, metadata))
        problems = registry.check_history(MODEL).problems
        assert not problems, problems


def latest(home: Path) -> list[Version]:
    """The versions of a home that have files and never were live, the oldest first."""
    with closing(Database(f"sqlite:///{home / 'classmark.db'}")) as database:
        registry = Registry(database, home / "models", now=lambda: START, actor="ada")
        return [one.version for one in registry.versions(MODEL) if one.folder.is_dir()]


def seconds(home: Path, arguments: Sequence[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one command in a home."""
    command = [sys.executable, "-m", "classmark", *arguments, "--home", str(home)]
    start, before = time.monotonic(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.monotonic() - start, os.times()
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


def commands_of(home: Path, runs: int) -> dict[str, list[list[str]]]:
    """For each command its arguments in each run."""
    whole = latest(home)
    newest = f"{MODEL}@{whole[-1]}"
    return {
        "versions": [["versions", MODEL]] * runs,
        "history": [["history", MODEL]] * runs,
        "promote": [
            ["promote", f"{MODEL}@{whole[run + 1]}", "--force", "--reason", "a measurement"]
            for run in range(runs)
        ],
        "versions --all": [["versions", MODEL, "--all"]] * runs,
        "versions --json": [["versions", MODEL, "--json", str(home / "out.json")]] * runs,
        "history --check": [["history", MODEL, "--check"]] * runs,
        "verify": [["verify", newest]] * runs,
        "retention --dry-run": [["retention", MODEL, "--dry-run"]] * runs,
        "gc": [["gc"]] * runs,
    }


def compare(homes: Sequence[Path], runs: int, only: Sequence[str] = ()) -> None:
    """Print the medians of each command in both homes, which take turns."""
    commands = [commands_of(home, runs) for home in homes]
    print("| command | wall s, few | many | more | CPU s, few | many | more |")
    print("|---|---|---|---|---|---|---|")
    for name in only or commands[0]:
        taken: list[list[tuple[float, float]]] = [[], []]
        for run in range(runs):
            for which, home in enumerate(homes):
                taken[which].append(seconds(home, commands[which][name][run]))
        few, many = ([statistics.median(kind) for kind in zip(*of, strict=True)] for of in taken)
        figures = [
            figure
            for one, other in zip(few, many, strict=True)
            for figure in (one, other, other - one)
        ]
        told = " | ".join(f"{figure:.2f}" for figure in figures)
        print(f"| `{name}` | {told} |", flush=True)


def main() -> None:
    """Fill two homes, and time each command in both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", nargs="*", default=[], help="some of the commands")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        homes = [Path(folder) / "few", Path(folder) / "many"]
        for home, count in zip(homes, (arguments.few, arguments.versions), strict=True):
            home.mkdir()
            fill(home, count, arguments.runs + 2)
        compare(homes, arguments.runs, arguments.only)


if __name__ == "__main__":
    main()
