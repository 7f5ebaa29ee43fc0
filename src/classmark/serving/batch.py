"""Whole files, on all cores, as jobs that a kill can't harm.

Results are appended to a partial file as they come. The job's key is made from the input's bytes,
the fields read and the model version, so that the same job started again goes on where it stopped.
"""

import csv
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson

from classmark.datasets import labels_of, origin_of
from classmark.documents import Document, Fields, read_documents
from classmark.durable import replacing, write_json
from classmark.errors import ConflictError, SettingError, SourceError, UnavailableError
from classmark.models import Problem
from classmark.progress import Progress
from classmark.serving.batch_report import BatchReport, report_on
from classmark.serving.runtime import ServedModel
from classmark.spreadsheet import safe_cell

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


@dataclass(frozen=True, slots=True)
class BatchJob:
    """A file to classify.

    Attributes:
        source: A file, or a folder, as `read_documents` takes it.
        fields: Which fields are read.
        out: JSONL or CSV, by its name.
        partials: The folder of unfinished jobs.
        threads: Texts that are computed at once.
    """

    source: Path
    fields: Fields
    out: Path
    partials: Path
    threads: int

    def __post_init__(self) -> None:
        if self.out.suffix not in {".jsonl", ".csv"}:
            raise SettingError(
                f"Results can't be written as {self.out.name!r}.",
                remedy="Name a file that ends with .jsonl or .csv.",
            )
        if self.out.resolve() == self.source.resolve():
            raise SettingError(
                f"Results would take the place of the documents in {self.source}.",
                remedy="Name another file for the results.",
            )


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
            documents = islice(read_documents(job.source, job.fields), done, None)
            rows = _rows(served, documents, job.threads, now)
            _append(file, progress.track(rows, "Predicting"))
            if _key(served, job) != key:
                partial.unlink()
                raise SourceError(
                    f"{job.source} was changed while it was read.", remedy="Start again."
                )
            labels = served.classifier.labels
            report = report_on(_read_rows(partial), labels, resumed_after=done)
            _publish(partial, job.out, _columns(served))
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


def _rows(
    served: ServedModel, documents: Iterable[Document], threads: int, now: Callable[[], datetime]
) -> Iterator[dict[str, Any]]:
    ahead: list[Document] = []

    def texts() -> Iterator[str]:
        for document in documents:
            ahead.append(document)
            yield document.text

    several = served.classifier.problem is Problem.MULTI_LABEL
    for timed in served.classifier.classify_all(texts(), threads=threads):
        document = ahead.pop(0)
        yield {
            "id": document.id,
            "label": timed.answer.label,
            "labels": list(timed.answer.labels),
            "confidence": timed.answer.confidence,
            "abstained": timed.answer.abstained,
            **_truth(document, several=several),
            "model": served.version.model,
            "model_version": str(served.version.version),
            "latency_ms": round(timed.seconds * 1000, 3),
            "predicted_at": now().isoformat(timespec="milliseconds"),
        }


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


def _read_rows(partial: Path) -> Iterator[dict[str, Any]]:
    with partial.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def _publish(partial: Path, out: Path, columns: Sequence[str]) -> None:
    with replacing(out) as file:
        if out.suffix == ".jsonl":
            file.writelines(orjson.dumps(row) + b"\n" for row in _read_rows(partial))
            return
        # The file object is binary so that it can be synced; csv wants text.
        lines = _CsvLines(file)
        writer = csv.DictWriter(lines, columns)
        writer.writeheader()
        writer.writerows(
            {column: safe_cell(_cell(value)) for column, value in row.items()}
            for row in _read_rows(partial)
        )


def _cell(value: object) -> object:
    """A value as one cell: several labels as a file of documents may have them."""
    return "; ".join(value) if isinstance(value, list) else value


class _CsvLines:
    """What csv writes, as UTF-8 into a binary file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.encode())
