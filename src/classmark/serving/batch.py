"""Whole files, on all cores, as jobs that a kill can't harm.

Results are appended to a partial file as they come. The job's key is made from the input's bytes,
the fields read and the model version, so that the same job started again goes on where it stopped.
"""

import fcntl
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from importlib import import_module
from itertools import islice
from typing import IO, Any

import orjson

from classmark.datasets import labels_of, origin_of
from classmark.documents import Document, read_documents
from classmark.durable import write_json
from classmark.errors import (
    ClassmarkError,
    ConflictError,
    SourceError,
    UnavailableError,
)
from classmark.models import Problem
from classmark.progress import Progress
from classmark.serving.batch_answers import Given, answered_here
from classmark.serving.batch_job import BatchJob
from classmark.serving.batch_report import BatchReport, report_on
from classmark.serving.batch_results import publish_results, read_results
from classmark.serving.runtime import ServedModel

_COLUMNS = (
    "id",
    "label",
    "labels",
    "confidence",
    "abstained",
    "true_label",
    "model",
    "model_version",
    "latency_ms",
    "predicted_at",
)
_FLUSH_ROWS = 64
# By name: it needs an extra.
_RAY = "classmark.serving.batch_ray"


def run_batch(
    served: ServedModel, job: BatchJob, *, now: Callable[[], datetime], progress: Progress
) -> BatchReport:
    """Classify every document of a file; write the results, and a report beside them.

    Raises:
        SourceError: The input can't be read; what was computed so far is kept for the next start.
            Or it was changed meanwhile; then nothing is kept.
        RecordError: Records of the input are unusable; what was computed so far is kept.
        ConflictError: The same job runs in another process.
        UnavailableError: The results can't be written; what was computed so far is kept.
    """
    key = _key(served, job)
    partial = job.partials / f"{key}.jsonl"
    with _written(job):
        job.partials.mkdir(parents=True, exist_ok=True, mode=0o700)
        with partial.open("a+b") as file:
            _lock(file, job)
            done = _keep_whole_lines(file)
            _append(file, progress.track(_rows(served, job, done, now), "Predicting"))
            if _key(served, job) != key:
                partial.unlink()
                raise _changed(job)
            labels = served.classifier.labels
            report = report_on(read_results(partial), labels, resumed_after=done)
            publish_results(partial, job.out, _columns(served))
            write_json(job.out.with_name(job.out.name + ".report.json"), asdict(report))
            partial.unlink()
    return report


@contextmanager
def _written(job: BatchJob) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note("What was answered is kept: the same command goes on from there.")
        raise
    except OSError as error:
        raise UnavailableError(
            f"Results can't be written to {job.out} ({error}).",
            remedy="Free some disk space or name another file, then start the same job again: "
            "it goes on where it stopped.",
        ) from error


def _append(file: IO[bytes], rows: Iterable[dict[str, Any]]) -> None:
    for number, row in enumerate(rows, start=1):
        file.write(orjson.dumps(row) + b"\n")
        if number % _FLUSH_ROWS == 0:
            file.flush()
    file.flush()


class _Documents:
    """Documents that are read ahead of their answers.

    Attributes:
        failure: Why there are no more, if it is not their end. It is told when what was read before
            is answered, so that nothing of it is lost.
    """

    def __init__(self, documents: Iterator[Document]) -> None:
        self.failure: ClassmarkError | None = None
        self._documents = documents
        self._ahead: deque[Document] = deque()

    def texts(self) -> Iterator[str]:
        """The texts of those that are left; reading them is reading ahead."""
        while (document := self._read()) is not None:
            self._ahead.append(document)
            yield document.text

    def next(self) -> Document | None:
        """The one whose turn it is; None at the end."""
        return self._ahead.popleft() if self._ahead else self._read()

    def _read(self) -> Document | None:
        try:
            return next(self._documents, None)
        except ClassmarkError as error:
            self.failure = error
            return None


def _rows(
    served: ServedModel, job: BatchJob, done: int, now: Callable[[], datetime]
) -> Iterator[dict[str, Any]]:
    """The results of all documents but the first ones, which are done."""
    documents = _Documents(islice(read_documents(job.source, job.fields), done, None))
    several = served.classifier.problem is Problem.MULTI_LABEL
    columns = _columns(served)
    for given in _answers(served, job, done, documents):
        document = documents.next()
        if document is None:
            break
        row = {
            "id": document.id,
            **given,
            **_truth(document, several=several),
            "model": served.version.model,
            "model_version": str(served.version.version),
            "predicted_at": now().isoformat(timespec="milliseconds"),
        }
        yield {column: row[column] for column in columns}
    # Whoever answers may read the source itself: it must have found as many documents as we do.
    if documents.next() is not None and not documents.failure:
        raise _changed(job)
    if documents.failure:
        raise documents.failure


def _answers(
    served: ServedModel, job: BatchJob, done: int, documents: _Documents
) -> Iterator[Given]:
    if job.engine == "local":
        return answered_here(served, documents.texts(), job.threads)
    answers: Iterator[Given] = import_module(_RAY).answered_on_ray(served.version, job, done)
    return answers


def _changed(job: BatchJob) -> SourceError:
    return SourceError(f"{job.source} was changed while it was read.", remedy="Start again.")


def _truth(document: Document, *, several: bool) -> dict[str, Any]:
    """What a document came with: its label or, for a model of several, all its labels."""
    if several:
        return {"true_labels": list(labels_of(document)) or None}
    return {"true_label": document.label}


def _columns(served: ServedModel) -> tuple[str, ...]:
    if served.classifier.problem is Problem.SINGLE_LABEL:
        return _COLUMNS
    return tuple("true_labels" if name == "true_label" else name for name in _COLUMNS)


def _key(served: ServedModel, job: BatchJob) -> str:
    try:
        origin = origin_of(job.source)
    except OSError as error:
        raise SourceError(
            f"{job.source} can't be read: {error.strerror}.",
            remedy="Check the path and its permissions.",
        ) from error
    content = origin.get("sha256", str(job.source))
    # With the columns: results of another release are not gone on with, theirs may differ.
    parts = (content, job.source.suffixes, job.fields, served.version.digest, _columns(served))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _lock(file: IO[bytes], job: BatchJob) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConflictError(
            f"{job.source} is being classified by this version in another process.",
            remedy="Wait until it ends.",
        ) from error
    if not os.fstat(file.fileno()).st_nlink:
        raise ConflictError(
            f"{job.source} was classified by this version in another process until just now.",
            remedy="Use its results, or start again.",
        )


def _keep_whole_lines(file: IO[bytes]) -> int:
    """How many results stand in a partial file, once a line that was cut short is cut off."""
    file.seek(0)
    whole, count = 0, 0
    for line in file:
        if not line.endswith(b"\n"):
            break
        whole += len(line)
        count += 1
    file.truncate(whole)
    file.seek(0, os.SEEK_END)
    return count
