"""The folder of a study: kept artifacts, and the scratch of whoever works on it.

::

    tuning/<study>/trial-7/              the artifact of a kept trial
    tuning/<study>/workers/<worker>/     scratch of a process, and the lock that it holds

The kernel frees a lock when its process dies, however it dies: so a worker is alive exactly as long
as its lock is held, and what is in the folder of a dead one is rubbish.
"""

import fcntl
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from classmark.durable import exclusive, publishing, write_bytes


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works on a study.

    Attributes:
        name: Unlike any other's.
        scratch: A folder of its own; it goes when the worker goes.
    """

    name: str
    scratch: Path


class Workplace:
    """The folder of one study.

    Args:
        folder: Where it lies; made when somebody begins to work there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._workers = folder / "workers"
        self._lock = folder / ".lock"

    @contextmanager
    def at_work(self) -> Iterator[Worker]:
        """A worker that is alive until the block ends."""
        name = uuid.uuid4().hex
        folder = self._workers / name
        # Whoever clears away dead workers holds this too, and so meets none that is half alive.
        with exclusive(self._lock):
            folder.mkdir(parents=True)
            alive = exclusive(folder / "lock")
            alive.__enter__()
        try:
            yield Worker(name, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            alive.__exit__(None, None, None)

    def is_alive(self, worker: str) -> bool:
        """Whether a worker's process still is."""
        lock = self._workers / worker / "lock"
        try:
            with lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def artifact(self, number: int) -> Path:
        """Where the artifact of a trial lies if it is kept."""
        return self.folder / f"trial-{number}"

    def publish(self, number: int, artifact: Path) -> None:
        """Keep an artifact, all of it or nothing; its own folder is empty then."""
        with exclusive(self._lock), publishing(self.artifact(number)) as draft:
            for path in artifact.iterdir():
                path.rename(draft / path.name)

    def clear(self, kept: Collection[int]) -> None:
        """Delete the artifacts of all trials but these, and what dead workers left."""
        with exclusive(self._lock):
            wanted = {self.artifact(number) for number in kept}
            # Drafts are only there while somebody publishes, who would hold the lock.
            found = [*self.folder.glob("trial-*"), *self.folder.glob(".trial-*")]
            dead = [it for it in self._workers.glob("*") if not self.is_alive(it.name)]
            for folder in [*dead, *(path for path in found if path not in wanted)]:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else is in such a block of this study at the same time."""
        with exclusive(self.folder / ".registering"):
            yield


def home_id(folder: Path) -> str:
    """An id of a folder of studies, made at first use.

    Workers know of each other by locks in it, so that a study must not be worked on from two.
    """
    path = folder / ".id"
    with exclusive(folder / ".lock"):
        with suppress(FileNotFoundError):
            return path.read_text("utf-8")
        found = uuid.uuid4().hex
        write_bytes(path, found.encode())
        return found
