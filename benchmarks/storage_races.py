"""Processes that publish one version number with different bytes to one storage, at once.

    python benchmarks/storage_races.py --uri /mnt/versions
    python benchmarks/storage_races.py --uri s3://bucket/prefix --endpoint-url http://127.0.0.1:8333

In each round all processes begin at the same moment. Exactly one may win, all others must be told
that the number is taken, and what is published must be the winner's bytes, whole. Credentials for
S3 are taken from the environment, as by `classmark publish`. The storage should be an empty one.
"""

import argparse
import hashlib
import tempfile
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

from classmark.errors import VersionExistsError
from classmark.registry import (
    ModelReference,
    RegisteredVersion,
    Status,
    StorageSettings,
    Version,
    VersionStorage,
    write_manifest,
)


@dataclass(frozen=True, slots=True)
class Job:
    """What one process is to do."""

    settings: StorageSettings
    model: str
    rounds: int
    number: int


def storage_of(settings: StorageSettings) -> VersionStorage:
    """The storage that all race for."""
    return VersionStorage(settings, now=lambda: datetime.now(UTC))


def version_of(job: Job, turn: int, folder: Path) -> RegisteredVersion:
    """A version whose bytes no other process has, some under names that no other has either."""
    number = Version(1, turn, 0)
    target = folder / f"{job.model}_{number}"
    target.mkdir()
    (target / "config.json").write_text("{}", encoding="utf-8")
    (target / "weights.bin").write_bytes(bytes([job.number]) * 100_000)
    (target / f"of_{job.number}.txt").write_text(str(job.number), encoding="utf-8")
    write_manifest(target)
    digest = hashlib.sha256((target / "manifest.json").read_bytes()).hexdigest()
    now = datetime.now(UTC)
    return RegisteredVersion(job.model, number, Status.TESTING, now, target, digest, {})


def race(job: Job, start: Barrier) -> list[tuple[str, str, float]]:
    """How each round ended for one process: what happened, its digest, the seconds."""
    storage = storage_of(job.settings)
    storage.versions(job.model)
    ends: list[tuple[str, str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(job.rounds):
            version = version_of(job, turn, Path(folder))
            start.wait()
            begun = time.perf_counter()
            try:
                storage.publish(version)
            except VersionExistsError:
                outcome = "lost"
            else:
                outcome = "won"
            ends.append((outcome, version.digest, time.perf_counter() - begun))
    return ends


def races(settings: StorageSettings, processes: int, rounds: int) -> None:
    """Run all rounds, check them, and print the figures."""
    model = f"race-{uuid.uuid4().hex[:8]}"
    context = get_context("spawn")
    jobs = [Job(settings, model, rounds, number) for number in range(processes)]
    with context.Manager() as manager, context.Pool(processes) as pool:
        start = manager.Barrier(processes)
        waiting = [pool.apply_async(race, (job, start)) for job in jobs]
        ends = [one.get() for one in waiting]
    storage = storage_of(settings)
    outcomes = Counter(outcome for of_process in ends for outcome, _, _ in of_process)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds):
            winners = [of[turn][1] for of in ends if of[turn][0] == "won"]
            found = storage.find(ModelReference(model, Version(1, turn, 0)))
            # It checks every byte against the manifest.
            storage.pull(found, Path(folder) / str(turn))
            names = {path.name for path in (Path(folder) / str(turn)).iterdir()}
            wrong += winners != [found.digest] or len(names) != 4
    print(f"storage               {settings.uri}")
    print(f"processes x rounds    {processes} x {rounds}")
    for outcome in ("won", "lost"):
        print(f"{outcome:<22}{outcomes[outcome]}")
    print(f"rounds with another end than one winner and its bytes: {wrong}")
    won = sum(outcome == "won" for of in ends for outcome, _, _ in of)
    assert wrong == 0
    assert won == rounds


def main() -> None:
    """Read the arguments and race."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--uri", required=True)
    parser.add_argument("--endpoint-url", default="")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=25)
    given = parser.parse_args()
    settings = StorageSettings(
        uri=given.uri,
        endpoint_url=given.endpoint_url,
        region="us-east-1" if given.endpoint_url else "",
        # Machines that race may be slow.
        timeout_seconds=30.0,
    )
    races(settings, given.processes, given.rounds)


if __name__ == "__main__":
    main()
