"""Races for a version's number and for production: who wins, who is told, what readers see.

Usage: python benchmarks/registry_races.py [--processes 8] [--rounds 25] [--reads 10000]
           [--database URL]

In each round all processes register a version at once, and then promote the newest one at once;
two more processes read what is live meanwhile. It is done in two ways:

- one machine: the processes share a home, and so the lock files in it; each gets a number.
- machines: each process has a home of its own, and only the database is shared. All of them have
  looked up the next number before the first one writes it. The files of a version are copied to the
  other homes before it is promoted, as a shared storage would.

The database is SQLite in a temporary folder, or the one of --database, which should be empty.
"""

import argparse
import json
import logging
import multiprocessing
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import TYPE_CHECKING

from classmark.database import Database
from classmark.errors import ClassmarkError, UnknownVersionError
from classmark.registry import Lineage, ModelReference, Registry, VersionDraft
from classmark.registry.integrity import manifest_digest, verify_manifest

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

SPAWN = multiprocessing.get_context("spawn")
READERS = 2


@dataclass(frozen=True, slots=True)
class Race:
    """One of the two ways.

    Attributes:
        name: Of the model, too.
        url: Of the database.
        homes: Of the processes.
        artifact: What is registered.
        rounds: How often.
        reads: Of all readers together.
    """

    name: str
    url: str
    homes: tuple[Path, ...]
    artifact: Path
    rounds: int
    reads: int

    @property
    def is_one_machine(self) -> bool:
        """Whether all share a home."""
        return len(set(self.homes)) == 1

    def registry(self, number: int, clock: "Clock | None" = None) -> Registry:
        """The registry of a process."""
        database = Database(self.url)
        models = self.homes[number] / "models"
        return Registry(database, models, now=clock or Clock(None), actor=f"process {number}")

    def versions(self, written: str) -> list[Path]:
        """Where a version's files lie; one folder for each home that has them."""
        name = f"{self.name}_{written}"
        return [
            path for home in self.homes if (path := home / "models" / self.name / name).is_dir()
        ]


class Clock:
    """Tells the time; at its first look in a round all have looked up the next number."""

    def __init__(self, barrier: Barrier | None) -> None:
        self._barrier = barrier
        self.is_first_look = False

    def __call__(self) -> datetime:
        """The time."""
        if self._barrier is not None and self.is_first_look:
            self.is_first_look = False
            self._barrier.wait()
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one process's try.

    Attributes:
        act: "register" or "promote".
        round: Which.
        told: The version, or the name of the error.
        digest: Of the version's manifest, when it was registered.
    """

    act: str
    round: int
    told: str
    digest: str = ""


def compete(
    race: Race, number: int, barrier: Barrier, results: "Queue[Result]", live: Event
) -> None:
    """What one process does."""
    # That losers set their bytes aside is what is wanted here.
    logging.disable(logging.WARNING)
    clock = Clock(None if race.is_one_machine else barrier)
    registry = race.registry(number, clock)
    lineage = Lineage("linear", ("a", "b"), "00")
    draft = VersionDraft(race.name, race.artifact, lineage, {"dataset": {"fingerprint": "00"}})
    newest = ModelReference(race.name, role="latest")
    for turn in range(race.rounds):
        barrier.wait()
        clock.is_first_look = True
        try:
            found = registry.register(draft)
            results.put(Result("register", turn, str(found.version), found.digest))
        except ClassmarkError as error:
            results.put(Result("register", turn, type(error).__name__))
        barrier.wait()
        target = registry.resolve(newest)
        if not target.folder.exists():
            # Whole at once: others may copy from here.
            arriving = target.folder.with_name(f".{target.name}.arriving")
            shutil.copytree(race.versions(str(target.version))[0], arriving)
            arriving.rename(target.folder)
        barrier.wait()
        try:
            registry.promote(ModelReference(race.name, target.version))
            results.put(Result("promote", turn, str(target.version)))
        except ClassmarkError as error:
            results.put(Result("promote", turn, type(error).__name__))
        live.set()


def read(race: Race, seen: "Queue[Counter[str]]", live: Event) -> None:
    """What a reader does: from the first promotion on something is live, whenever it looks."""
    registry = race.registry(0)
    found: Counter[str] = Counter()
    live.wait()
    for _ in range(race.reads // READERS):
        try:
            registry.resolve(ModelReference(race.name, role="production"))
            found["live"] += 1
        except UnknownVersionError:
            found["nothing"] += 1
    seen.put(found)


def run(race: Race) -> tuple[list[Result], Counter[str]]:
    """The results of all processes, and what readers saw."""
    results: Queue[Result] = SPAWN.Queue()
    seen: Queue[Counter[str]] = SPAWN.Queue()
    barrier, live = SPAWN.Barrier(len(race.homes)), SPAWN.Event()
    processes = [
        SPAWN.Process(target=compete, args=(race, number, barrier, results, live))
        for number in range(len(race.homes))
    ] + [SPAWN.Process(target=read, args=(race, seen, live)) for _ in range(READERS)]
    for process in processes:
        process.start()
    # Waiting alone would block whoever has more to tell than the queue holds.
    watching = threading.Thread(target=stop_all_when_one_fails, args=(processes,), daemon=True)
    watching.start()
    told = [results.get(timeout=600) for _ in range(2 * race.rounds * len(race.homes))]
    saw = sum((seen.get(timeout=3600) for _ in range(READERS)), Counter[str]())
    for process in processes:
        process.join()
    return told, saw


def stop_all_when_one_fails(processes: Sequence[multiprocessing.process.BaseProcess]) -> None:
    """Let nobody wait for who is gone."""
    while any(process.is_alive() for process in processes):
        if any(process.exitcode for process in processes):
            for process in processes:
                process.kill()
        time.sleep(0.2)


def summary(race: Race, told: list[Result], saw: Counter[str]) -> dict[str, object]:
    """The figures of a race."""
    registered = [it for it in told if it.digest]
    numbers = Counter(it.told for it in registered)
    refused = [it for it in told if it.act == "register" and not it.digest]
    promoted = Counter(it.round for it in told if it.act == "promote" and it.told[0] == "v")
    lost = [it for it in told if it.act == "promote" and it.told[0] != "v"]
    changed = [it.told for it in registered if not is_unchanged(race, it)]
    history = race.registry(0).check_history(race.name)
    return {
        "way": race.name,
        "processes": len(race.homes),
        "rounds": race.rounds,
        "registered": len(registered),
        "numbers that two were given": sum(count > 1 for count in numbers.values()),
        "registrations a round": dict(
            Counter(Counter(it.round for it in registered)[turn] for turn in range(race.rounds))
        ),
        "told who lost a number": dict(Counter(it.told for it in refused)),
        "promotions a round": dict(Counter(promoted[turn] for turn in range(race.rounds))),
        "told who lost a promotion": dict(Counter(it.told for it in lost)),
        "reads": saw.total(),
        "reads that saw nothing live": saw["nothing"],
        "versions whose bytes changed": len(changed),
        "events": history.events,
        "problems of the history": list(history.problems),
    }


def is_unchanged(race: Race, registered: Result) -> bool:
    """Whether a version is, wherever it lies, what was registered."""
    folders = race.versions(registered.told)
    for folder in folders:
        try:
            verify_manifest(folder, registered.digest)
        except ClassmarkError:
            return False
    return bool(folders) and {manifest_digest(it) for it in folders} == {registered.digest}


def holds(figures: dict[str, object]) -> bool:
    """Whether what the registry promises came true."""
    one, rounds, processes = {1: figures["rounds"]}, figures["rounds"], figures["processes"]
    assert isinstance(rounds, int)
    assert isinstance(processes, int)
    losers = rounds * (processes - 1)
    each = {processes: rounds} if figures["way"] == "one-machine" else one
    conflicts = {} if figures["way"] == "one-machine" else {"VersionExistsError": losers}
    return (
        figures["registrations a round"] == each
        and figures["told who lost a number"] == conflicts
        and figures["promotions a round"] == one
        and figures["told who lost a promotion"] == {"PromotionRefusedError": losers}
        and not figures["numbers that two were given"]
        and not figures["reads that saw nothing live"]
        and not figures["versions whose bytes changed"]
        and not figures["problems of the history"]
    )


def main() -> None:
    """Run both races and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--reads", type=int, default=10_000, help="in each of the two ways")
    parser.add_argument("--database", help="URL; SQLite in a temporary folder by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = arguments.database or f"sqlite:///{folder / 'classmark.db'}"
        artifact = folder / "artifact"
        artifact.mkdir()
        (artifact / "config.json").write_text("{}", encoding="utf-8")
        # The tables are there before the races begin.
        with Database(url).read() as session:
            session.connection()
        homes = [folder / f"home{number}" for number in range(arguments.processes)]
        good = True
        for way, places in (("one-machine", homes[:1] * len(homes)), ("machines", homes)):
            race = Race(way, url, tuple(places), artifact, arguments.rounds, arguments.reads)
            figures = summary(race, *run(race))
            print(json.dumps(figures, indent=2))
            good = good and holds(figures)
    if not good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
