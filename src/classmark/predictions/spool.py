"""Predictions on their way to the database: on disk before the answer goes out.

Each process appends to a segment of its own, with one `write` a request, and holds a lock on it for
as long as it lives. A segment that nobody holds is moved to the log, line by line, and then
deleted. Whatever kills the process, what was acknowledged stands in a segment or in the log; what
stands in both is logged once, since ids are unique.
"""

import errno
import fcntl
import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import orjson
from pydantic import TypeAdapter
from sqlalchemy.exc import DataError, IntegrityError, StatementError

from classmark.errors import ClassmarkError, UnavailableError
from classmark.predictions.log import PredictionLog
from classmark.predictions.prediction import Prediction

logger = logging.getLogger(__name__)

_SEGMENTS = "*.jsonl"
# Predictions that are in memory and in one transaction, however much waits.
_PREDICTIONS_AT_A_TIME = 500
_CLOSED = -1
_PREDICTION = TypeAdapter(Prediction)


class Spool:
    """Where one process leaves its predictions. Safe to use from several threads.

    Args:
        folder: Shared by all processes of a home.
        log: Where predictions end up.
    """

    def __init__(self, folder: Path, log: PredictionLog) -> None:
        self._folder = folder
        self._log = log
        self._writing = threading.Lock()
        self._draining = threading.Lock()
        with _recorded_in(folder):
            self._path, self._descriptor = _new_segment(folder)
        self._size = 0
        self._is_torn = False
        # Segments that can't be moved, for a reason of their own; told once each.
        self._stuck: set[Path] = set()
        self._emptied_at = time.monotonic()

    @property
    def waiting_bytes(self) -> int:
        """What has not reached the log yet, of all processes."""
        found = 0
        for path in self._folder.glob(_SEGMENTS):
            with suppress(FileNotFoundError):  # it has just been moved
                found += path.stat().st_size
        return found

    @property
    def seconds_since_drain(self) -> float:
        """Since this process last moved all that it could; before the first time since it began."""
        return time.monotonic() - self._emptied_at

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Put predictions on disk; they will be in the log whatever happens to this process.

        Raises:
            UnavailableError: They could not be written whole. Nothing of them was kept, unless the
                disk refuses to be rid of it, too.
        """
        lines = b"".join(orjson.dumps(prediction) + b"\n" for prediction in predictions)
        with self._writing, _recorded_in(self._folder):
            if self._is_torn:
                self._begin_segment()
            try:
                _write_whole(self._descriptor, lines)
            except OSError:
                self._cut_back()
                raise
            self._size += len(lines)

    def drain(self) -> int:
        """Move what was spooled to the log, that of processes which died too.

        Returns:
            How many predictions were moved.

        Raises:
            UnavailableError: The rest stays in the spool; the same call may be made again.
        """
        with self._draining, _recorded_in(self._folder):
            moved = self._drain_free_segments()
            if self._size:
                self._rotate()
                moved += self._drain_free_segments()
            if not any(path.exists() for path in self._stuck):
                self._emptied_at = time.monotonic()
            return moved

    def close(self) -> None:
        """Let go of the segment; what it holds is drained by whoever drains next."""
        with self._writing:
            if self._descriptor == _CLOSED:
                return
            if not self._size:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor, self._size = _CLOSED, 0

    def _rotate(self) -> None:
        with self._writing:
            if self._descriptor != _CLOSED:
                self._begin_segment()

    def _begin_segment(self) -> None:
        """Write to a new segment from now on; the one before is anybody's to move."""
        full = self._descriptor
        self._path, self._descriptor = _new_segment(self._folder)
        self._size, self._is_torn = 0, False
        os.close(full)

    def _cut_back(self) -> None:
        """Remove what was written of lines that did not fit."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            # The next line would be glued to the rest, and both be damaged.
            self._is_torn = self._descriptor != _CLOSED

    def _drain_free_segments(self) -> int:
        moved = 0
        paths = sorted(self._folder.glob(_SEGMENTS))
        self._stuck.intersection_update(paths)
        for path in paths:
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue  # another process has just drained it
            try:
                moved += self._drain_segment(path, descriptor)
            except UnavailableError:
                raise
            except Exception:
                # One segment that can't be moved must not hold up all that come after it.
                if path not in self._stuck:
                    logger.exception("%s can't be logged and waits; look at it", path)
                self._stuck.add(path)
            finally:
                os.close(descriptor)
        return moved

    def _drain_segment(self, path: Path, descriptor: int) -> int:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0  # its process lives, be it this one
        if not path.exists():
            return 0  # drained between our look and our lock
        moved = damaged = 0
        for lines in _blocks(descriptor):
            predictions = [found for line in lines if (found := _prediction(line))]
            logged = self._logged(predictions)
            moved += logged
            damaged += len(lines) - logged
        if damaged:
            aside = path.rename(path.with_suffix(".damaged"))
            told = "%s has %d lines that are damaged or that the database refuses; look at it"
            logger.error(told, aside, damaged)
        else:
            path.unlink(missing_ok=True)
        return moved

    def _logged(self, predictions: Sequence[Prediction]) -> int:
        """Put predictions into the log, all but those that the database refuses; how many."""
        try:
            self._log.add(predictions)
        except Exception as error:
            if not _blames_a_row(error):
                raise
            # The log takes all of them or none.
            return sum(self._logged([one]) for one in predictions) if len(predictions) > 1 else 0
        return len(predictions)


class Recorder:
    """Listens to what is answered, and puts it on disk before it goes out.

    Args:
        spool: Where.
        refuses: Whether what can't be written is not answered.
    """

    def __init__(self, spool: Spool, *, refuses: bool = True) -> None:
        self._spool = spool
        self._refuses = refuses

    def on_predictions(self, predictions: Sequence[Prediction]) -> bool:
        """These will be answered when this returns; whether they are on the disk.

        Raises:
            UnavailableError: They could not be written, and must be.
        """
        try:
            self._spool.append(predictions)
        except UnavailableError as error:
            if self._refuses:
                raise
            logger.error("Answered and not recorded: %s", error)  # noqa: TRY400 (it says it all)
            return False
        return True

    def on_cached(self, count: int) -> None:
        """What was answered before is recorded like any other."""

    def on_dropped(self, count: int) -> None:
        """It was this one who dropped them."""

    def on_error(self, error: ClassmarkError) -> None:
        """Nothing was said, so there is nothing to keep."""


@contextmanager
def _recorded_in(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"Predictions can't be recorded in {folder} ({error}).",
            remedy="Free some disk space or mend its permissions, then ask again.",
        ) from error


def _new_segment(folder: Path) -> tuple[Path, int]:
    """A new, locked, empty segment."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{uuid.uuid4().hex}.jsonl"
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # It takes its name when it is locked: another process must never find it free.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        draft.rename(path)
    except OSError:
        os.close(descriptor)
        draft.unlink(missing_ok=True)
        raise
    return path, descriptor


def _write_whole(descriptor: int, lines: bytes) -> None:
    if os.write(descriptor, lines) < len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _blocks(descriptor: int) -> Iterator[list[bytes]]:
    """The lines of a segment; what stands behind the last line break was never answered."""
    with open(descriptor, "rb", closefd=False) as file:
        lines = (line for line in file if line.endswith(b"\n"))
        while block := list(islice(lines, _PREDICTIONS_AT_A_TIME)):
            yield block


def _blames_a_row(error: Exception) -> bool:
    """Whether what was to be logged is the trouble, and neither the database nor its tables."""
    # Itself, StatementError is a value that can't be written as the column's type.
    is_value = type(error) is StatementError or isinstance(error, ValueError | OverflowError)
    return is_value or isinstance(error, DataError | IntegrityError)


def _prediction(line: bytes) -> Prediction | None:
    """The prediction of a line; None if it is damaged."""
    try:
        return _PREDICTION.validate_json(line)
    except ValueError:
        return None
