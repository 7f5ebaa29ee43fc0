"""Where the answers of a batch job are computed on this machine: in threads or in processes."""

import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from typing import Any

from classmark.errors import UnavailableError
from classmark.models import TimedAnswer, in_order
from classmark.registry import RegisteredVersion, verify_manifest
from classmark.serving.runtime import ServedModel, load_verified

# What is of an answer in its result; the texts' own columns and the time are put beside them.
Given = dict[str, Any]
# Fewer are answered by threads sooner than processes begin.
_TEXTS_BEFORE_PROCESSES = 2048
_TEXTS_AT_ONCE = 64
_LOTS_A_PROCESS = 4


def given_by(timed: TimedAnswer) -> Given:
    """The columns of a result that come from the model."""
    return {
        "label": timed.answer.label,
        "labels": list(timed.answer.labels),
        "confidence": timed.answer.confidence,
        "abstained": timed.answer.abstained,
        "latency_ms": round(timed.seconds * 1000, 3),
    }


def answered_here(served: ServedModel, texts: Iterator[str], threads: int) -> Iterator[Given]:
    """What a version gives for each text, in their order, on so many cores.

    A model that computes in Python itself leaves threads no more than one core: many texts of it
    are answered by processes, which load it once each.

    Raises:
        UnavailableError: A process ended unasked.
    """
    classifier = served.classifier
    by_processes = classifier.computes_in_python and threads > 1
    first = islice(texts, _TEXTS_BEFORE_PROCESSES) if by_processes else texts
    yield from map(given_by, classifier.classify_all(first, threads=threads))
    if (text := next(texts, None)) is not None:
        yield from _answered_by_processes(served.version, chain([text], texts), threads)


class Answering:
    """A version that was loaded in another process than the one that asks, every byte checked.

    Raises:
        TamperedVersionError: Its files are not what was registered, or are not there.
        IntegrityError: It does not answer.
        UnavailableError: There is not enough memory for it.
    """

    def __init__(self, version: RegisteredVersion) -> None:
        verify_manifest(version.folder, version.digest)
        self._classifier = load_verified(version).classifier

    def answered(self, texts: Sequence[str]) -> list[Given]:
        """What the version gives for each text."""
        return [given_by(self._classifier.classify_timed(text)) for text in texts]


def _answered_by_processes(
    version: RegisteredVersion, texts: Iterator[str], processes: int
) -> Iterator[Given]:
    # Not forked: threads of this process may hold what a copy of it would wait for.
    pool = ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_begin, initargs=(version,)
    )
    ahead = processes * _LOTS_A_PROCESS
    try:
        with _told(version):
            yield from in_order(pool, _answered, texts, at_once=_TEXTS_AT_ONCE, ahead=ahead)
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _told(version: RegisteredVersion) -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise UnavailableError(
            f"A process that answered with {version.name} was ended from outside.",
            remedy="Look whether memory ran out, set fewer serving.threads, then start the same job"
            " again: it goes on where it stopped.",
        ) from error


# Of a process that answers: its version, and what was loaded of it at the first question, where an
# error can be told to who asked.
_versions: list[RegisteredVersion] = []
_loaded: list[Answering] = []


def _begin(version: RegisteredVersion) -> None:
    # Ctrl+C goes to all processes of a command; the one that asks ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _versions.append(version)


def _end_with_parent() -> None:
    """Kill this process when whoever asked is no more: a killed job leaves none behind."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        signal.raise_signal(signal.SIGKILL)


def _answered(texts: Sequence[str]) -> list[Given]:
    if not _loaded:
        _loaded.append(Answering(_versions[0]))
    return _loaded[0].answered(texts)
