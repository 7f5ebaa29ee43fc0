"""Whole files as jobs that a kill can't harm."""

import csv
import gzip
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from multiprocessing import active_children
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.serving.conftest import LABELS

from classmark.documents import Fields, sample_documents
from classmark.errors import (
    ConflictError,
    MissingExtraError,
    RecordError,
    SettingError,
    SourceError,
    TamperedVersionError,
    UnavailableError,
)
from classmark.progress import Silent
from classmark.row_files import ROWS_A_GROUP
from classmark.serving import BatchJob, BatchReport, ServedModel, run_batch
from classmark.serving.batch import _lock
from classmark.serving.batch_answers import _TEXTS_BEFORE_PROCESSES, Answering
from classmark.serving.batch_results import publish_results

T = TypeVar("T")
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
TEXTS = [document.text for document in sample_documents()]
COLUMNS = (
    *("id", "label", "labels", "confidence", "abstained", "true_label"),
    *("model", "model_version", "latency_ms", "predicted_at"),
)
# Slowly, so that there is time to kill it.
CLASSIFY = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from classmark.database import Database
from classmark.documents import Fields
from classmark.registry import ModelReference, Registry
from classmark.serving import BatchJob, load_served_model, run_batch
home, source, out, partials = map(Path, sys.argv[1:5])
now = lambda: datetime.now(UTC)
database = Database(f"sqlite:///{home / 'classmark.db'}")
registry = Registry(database, home / "models", now=now, actor="ada")
served = load_served_model(registry, ModelReference.parse("shelves@production"))
class Slowly:
    def track(self, items, doing, total=None, note=None):
        for item in items:
            time.sleep(0.001)
            yield item
fields = Fields(label_required=False)
engine = sys.argv[5] if len(sys.argv) == 6 else "local"
job = BatchJob(source, fields, out, partials, 2, engine)
run_batch(served, job, now=now, progress=Slowly())
"""


def rows(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"id": f"row-{number}", "text": f"{number}. {TEXTS[number % len(TEXTS)]}"}
        for number in range(first, first + count)
    ]


def written(path: Path, content: Iterable[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in content))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., BatchJob]:
    def make(source: Path, out: str = "results.jsonl", **fields: Any) -> BatchJob:
        return BatchJob(
            source=source,
            fields=Fields(**{"label_required": False, **fields}),
            out=tmp_path / "results" / out,
            partials=tmp_path / "unfinished",
            threads=2,
        )

    return make


Job = Callable[..., BatchJob]


def run(served: ServedModel, job: BatchJob) -> BatchReport:
    return run_batch(served, job, now=lambda: NOON, progress=Silent())


def test_every_document_gets_its_row_in_the_order_of_the_file(
    served: ServedModel, job: Job, tmp_path: Path
) -> None:
    given = rows(300)
    made = job(written(tmp_path / "in.jsonl", given))
    report = run(served, made)
    found = read(made.out)
    assert [row["id"] for row in found] == [row["id"] for row in given]
    assert {tuple(row) for row in found} == {COLUMNS}
    for row, document in zip(found[::50], given[::50], strict=True):
        answer = served.classifier.classify(document["text"])
        assert (row["label"], row["confidence"]) == (answer.label, answer.confidence)
        assert (row["model"], row["model_version"]) == ("shelves", "v1.0.0")
        assert row["true_label"] is None
        assert row["abstained"] is False
        assert row["predicted_at"] == "2024-05-06T12:00:00.000+00:00"
        assert row["latency_ms"] > 0
    assert (report.documents, report.resumed_after) == (300, 0)
    assert list(made.partials.iterdir()) == []
    names = sorted(path.name for path in made.out.parent.iterdir())
    assert names == ["results.jsonl", "results.jsonl.report.json"]


def test_csv_goes_in_and_out(served: ServedModel, job: Job, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("id", "title", "abstract", "label"))
        writer.writeheader()
        for number, document in enumerate(sample_documents()):
            cells = {"id": f'né, "{number}"', "title": document.title, "label": document.label}
            writer.writerow({**cells, "abstract": document.text})
            if number == 20:
                break
    made = job(source, "results.csv")
    report = run(served, made)
    with made.out.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        found = list(reader)
    assert tuple(reader.fieldnames or ()) == COLUMNS
    assert [row["id"] for row in found] == [f'né, "{number}"' for number in range(21)]
    assert {row["true_label"] for row in found} == {"cs.AI"}
    assert all(0 < float(row["confidence"]) <= 1 for row in found)
    assert report.labelled == 21


def test_one_file_gives_the_same_answers_in_both_forms(
    served: ServedModel, job: Job, tmp_path: Path
) -> None:
    source = written(tmp_path / "in.jsonl", rows(100))
    lines, cells = job(source), job(source, "results.csv")
    run(served, lines)
    run(served, cells)
    with cells.out.open(newline="", encoding="utf-8") as file:
        found = [
            (row["id"], row["label"], float(row["confidence"])) for row in csv.DictReader(file)
        ]
    assert found == [(row["id"], row["label"], row["confidence"]) for row in read(lines.out)]


@pytest.mark.parametrize("name", ["in.jsonl.gz", "in.csv", "in.parquet"])
def test_every_form_of_a_file_gives_the_same_answers(
    name: str, served: ServedModel, job: Job, tmp_path: Path
) -> None:
    given = rows(100)
    lines, other = written(tmp_path / "in.jsonl", given), tmp_path / name
    if name == "in.csv":
        with other.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ("id", "text"))
            writer.writeheader()
            writer.writerows(given)
    elif name == "in.parquet":
        parquet.write_table(pa.Table.from_pylist(given), other)
    else:
        other.write_bytes(gzip.compress(lines.read_bytes()))
    made, same = job(lines), job(other, "same.jsonl")
    run(served, made)
    run(served, same)
    assert untimed(read(same.out)) == untimed(read(made.out))


def untimed(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what is another at each start."""
    return [row | {"latency_ms": 0, "predicted_at": ""} for row in found]


def test_parquet_has_the_rows_with_types(served: ServedModel, job: Job, tmp_path: Path) -> None:
    given = [row | {"label": "cs.DB"} if number % 2 else row for number, row in enumerate(rows(90))]
    source = written(tmp_path / "in.jsonl", given)
    lines, typed = job(source), job(source, "results.parquet")
    run(served, lines)
    report = run(served, typed)
    table = parquet.read_table(typed.out)
    assert tuple(table.column_names) == COLUMNS
    assert table.schema.field("labels").type == pa.list_(pa.string())
    assert table.schema.field("abstained").type == pa.bool_()
    found = table.to_pylist()
    assert {row["predicted_at"] for row in found} == {NOON}
    assert untimed(found) == untimed(read(lines.out))
    assert report.labelled == 45
    assert typed.out.with_name("results.parquet.report.json").exists()


def test_parquet_is_written_group_by_group(tmp_path: Path) -> None:
    count = 2 * ROWS_A_GROUP + 5
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "a")
    row |= {"labels": ["a"], "true_label": None}
    row |= {"abstained": False, "latency_ms": 1.0, "predicted_at": NOON.isoformat()}
    partial = written(
        tmp_path / "partial.jsonl", (row | {"confidence": number} for number in range(count))
    )
    publish_results(partial, tmp_path / "out.parquet", COLUMNS)
    with parquet.ParquetFile(tmp_path / "out.parquet") as file:
        assert file.metadata.num_row_groups == 3
        assert file.read(["confidence"]).column(0).to_pylist() == list(range(count))


@pytest.mark.parametrize(
    ("module", "out", "engine", "extra"),
    [
        ("pyarrow", "results.parquet", "local", "tables"),
        ("ray", "results.jsonl", "ray", "ray"),
    ],
)
def test_a_missing_extra_is_told_before_the_work(
    module: str, out: str, engine: Any, extra: str, tmp_path: Path
) -> None:
    # What sys.modules maps to None is looked for as if it were not installed.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module, None)
        with pytest.raises(MissingExtraError) as told:
            BatchJob(tmp_path / "in.jsonl", Fields(), tmp_path / out, tmp_path, 2, engine)
    assert told.value.remedy == f"Install it: pip install 'classmark[{extra}]'"


def test_processes_answer_many_texts_as_threads_would(
    served: ServedModel, job: Job, tmp_path: Path
) -> None:
    made = job(written(tmp_path / "in.jsonl", rows(_TEXTS_BEFORE_PROCESSES + 200)))
    by_one_thread = replace(made, threads=1, out=tmp_path / "one.jsonl")
    run(served, made)
    run(served, by_one_thread)
    assert untimed(read(made.out)) == untimed(read(by_one_thread.out))
    assert active_children() == []


class EndingOthers(Silent):
    """Ends what answers in other processes, as a system without memory does."""

    def track(
        self, items: Iterable[T], doing: str, total: int | None = None, note: Any = None
    ) -> Iterator[T]:
        """The items, and the end of a process once there is one."""
        del doing, total, note
        for item in items:
            for child in active_children():
                with suppress(ProcessLookupError):
                    os.kill(child.pid or 0, signal.SIGKILL)
            yield item


def test_a_process_that_is_ended_from_outside_is_told_and_costs_nothing(
    served: ServedModel, job: Job, tmp_path: Path
) -> None:
    made = job(written(tmp_path / "in.jsonl", rows(_TEXTS_BEFORE_PROCESSES + 2_000)))
    with pytest.raises(UnavailableError, match="ended from outside"):
        run_batch(served, made, now=lambda: NOON, progress=EndingOthers())
    done = lines_in(partial_of(made))
    assert done >= _TEXTS_BEFORE_PROCESSES
    assert run(served, replace(made, threads=1)).resumed_after == done


def test_a_version_that_was_tampered_with_does_not_answer_in_another_process(
    served: ServedModel,
) -> None:
    with pytest.raises(TamperedVersionError, match="was changed"):
        Answering(replace(served.version, digest="0" * 64))


def test_named_fields_are_read(served: ServedModel, job: Job, tmp_path: Path) -> None:
    content = [{"id": 1, "body": TEXTS[0], "shelf": "cs.DB"}, {"id": 2, "body": TEXTS[1]}]
    source = written(tmp_path / "in.jsonl", content[:1])
    report = run(served, job(source, text=("body",), label="shelf"))
    assert (report.documents, report.labelled) == (1, 1)
    source = written(tmp_path / "in.jsonl", content)
    with pytest.raises(RecordError, match="no field 'shelf'"):
        run(served, job(source, text=("body",), label="shelf"))


def test_the_report_says_what_the_rows_say(served: ServedModel, job: Job, tmp_path: Path) -> None:
    chosen = [d for d in sample_documents() if d.label in LABELS][::2]
    given = [
        {"id": d.id, "text": d.text, "label": d.label if number % 3 else None}
        for number, d in enumerate(chosen)
    ]
    made = job(written(tmp_path / "in.jsonl", given))
    report = run(served, made)
    found = read(made.out)
    labelled = [row for row in found if row["true_label"] is not None]
    confidences = [row["confidence"] for row in found]
    latencies = [row["latency_ms"] for row in found]
    assert report.documents == len(found) == len(given)
    assert report.labelled == len(labelled)
    right = sum(row["label"] == row["true_label"] for row in labelled)
    assert report.accuracy == right / len(labelled)
    assert report.mean_confidence == pytest.approx(np.mean(confidences))
    assert report.low_confidence_share == np.mean(np.array(confidences) < 0.5)
    assert report.mean_latency_ms == pytest.approx(np.mean(latencies))
    assert report.p95_latency_ms == pytest.approx(np.quantile(latencies, 0.95))
    assert report.per_model == {"shelves_v1.0.0": len(given)}
    assert report.per_label == Counter(row["label"] for row in found)
    assert 0 < len(labelled) < len(given)
    beside = made.out.with_name("results.jsonl.report.json")
    assert orjson.loads(beside.read_bytes()) == asdict(report)


@pytest.mark.parametrize("out", ["results.jsonl", "results.csv"])
def test_what_the_model_is_not_sure_of_is_marked_and_counted_apart(
    out: str, unsure: ServedModel, job: Job, tmp_path: Path
) -> None:
    chosen = [d for d in sample_documents() if d.label in LABELS]
    given = [{"id": d.id, "text": d.text, "label": d.label} for d in chosen]
    made = job(written(tmp_path / "in.jsonl", given), out)
    report = run(unsure, made)
    if out.endswith("csv"):
        with made.out.open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file))
    else:
        found = read(made.out)
    told = [str(row["abstained"]) for row in found]
    assert told == [str(float(row["confidence"]) < 0.7) for row in found]
    assert report.abstained == told.count("True")
    assert 0 < report.abstained < report.documents
    answered = [row for row in found if str(row["abstained"]) == "False"]
    right = sum(row["label"] == row["true_label"] for row in answered)
    assert report.accuracy_answered == right / len(answered)
    assert report.accuracy is not None
    assert report.accuracy < right / len(answered)


def test_a_model_that_is_sure_of_nothing_has_no_accuracy_of_answers(
    unsure: ServedModel, job: Job, tmp_path: Path
) -> None:
    given = {"id": "a", "text": "zzz", "label": "cs.DB"}
    report = run(unsure, job(written(tmp_path / "in.jsonl", [given])))
    assert (report.labelled, report.abstained, report.accuracy_answered) == (1, 1, None)


def test_without_labels_there_is_no_accuracy(served: ServedModel, job: Job, tmp_path: Path) -> None:
    report = run(served, job(written(tmp_path / "in.jsonl", rows(3))))
    assert (report.labelled, report.accuracy, report.accuracy_answered) == (0, None, None)


def started(shared_home: Path, made: BatchJob) -> subprocess.Popen[str]:
    places = (shared_home, made.source, made.out, made.partials)
    return subprocess.Popen(
        [sys.executable, "-c", CLASSIFY, *map(str, places)], stderr=subprocess.PIPE, text=True
    )


def partial_of(made: BatchJob) -> Path | None:
    return next(iter(made.partials.glob("*.jsonl")), None)


def lines_in(path: Path | None) -> int:
    return path.read_bytes().count(b"\n") if path and path.exists() else 0


def killed_after(count: int, shared_home: Path, made: BatchJob) -> Path:
    """The partial file of a job that was killed when it had that many rows."""
    with started(shared_home, made) as child:
        while lines_in(partial_of(made)) < count:
            assert child.poll() is None, child.stderr and child.stderr.read()
            time.sleep(0.005)
        child.kill()
    partial = partial_of(made)
    assert partial is not None
    assert not made.out.exists()
    return partial


def test_a_job_that_was_killed_goes_on_where_it_stopped(
    served: ServedModel, shared_home: Path, job: Job, tmp_path: Path
) -> None:
    given = rows(3_000)
    made = job(written(tmp_path / "in.jsonl", given))
    first = lines_in(killed_after(500, shared_home, made))
    second = lines_in(killed_after(first + 500, shared_home, made))
    assert 500 <= first < second < 3_000
    report = run(served, made)
    assert report.documents == 3_000
    assert second <= report.resumed_after + 1  # the last line may have been cut short
    found = read(made.out)
    assert [row["id"] for row in found] == [row["id"] for row in given]
    assert found[0]["predicted_at"] != found[-1]["predicted_at"] == "2024-05-06T12:00:00.000+00:00"
    assert list(made.partials.iterdir()) == []


def interrupted(served: ServedModel, made: BatchJob) -> Path:
    """The partial file of a job that computed all and could not write its results."""
    made.out.mkdir(parents=True)
    with pytest.raises(UnavailableError):
        run(served, made)
    made.out.rmdir()
    partial = partial_of(made)
    assert partial is not None
    return partial


def children_of(pid: int) -> set[int]:
    """The processes that it began."""
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()))


def test_a_job_that_was_killed_leaves_no_process_behind(
    shared_home: Path, job: Job, tmp_path: Path
) -> None:
    made = job(written(tmp_path / "in.jsonl", rows(60_000)))
    with started(shared_home, made) as child:
        while lines_in(partial_of(made)) < _TEXTS_BEFORE_PROCESSES + 1:
            assert child.poll() is None, child.stderr and child.stderr.read()
            time.sleep(0.02)
        left = children_of(child.pid)
        child.kill()
    assert len(left) >= 2
    end = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in left):
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_ray_gives_the_rows_that_this_machine_gives_and_goes_on_with_its_job(
    served: ServedModel, shared_home: Path, job: Job, tmp_path: Path
) -> None:
    made = job(written(tmp_path / "in.jsonl", rows(400)))
    here = replace(made, out=tmp_path / "here.jsonl")
    assert run(served, here).documents == 400
    partial = interrupted(served, made)
    begun = partial.read_bytes().splitlines(keepends=True)[:50]
    partial.write_bytes(b"".join(begun))
    places = (shared_home, made.source, made.out, made.partials)
    command = [sys.executable, "-c", CLASSIFY, *map(str, places), "ray"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    # Where Ray is told to say nothing, it says that it was told so.
    assert [line for line in done.stderr.splitlines() if "Set ray log level" not in line] == []
    found = read(made.out)
    assert found[:50] == [orjson.loads(line) for line in begun]
    assert untimed(found) == untimed(read(here.out))
    assert min(row["latency_ms"] for row in found) > 0
    report = orjson.loads(made.out.with_name("results.jsonl.report.json").read_bytes())
    expected = asdict(run(served, here)) | {"resumed_after": 50}
    times = {"mean_latency_ms", "p95_latency_ms"}
    assert {name: it for name, it in report.items() if name not in times} == {
        name: it for name, it in expected.items() if name not in times
    }


@pytest.mark.parametrize("left", [1, 40, -1])
def test_a_line_that_was_cut_short_is_computed_again(
    left: int, served: ServedModel, job: Job, tmp_path: Path
) -> None:
    given = rows(120)
    made = job(written(tmp_path / "in.jsonl", given))
    partial = interrupted(served, made)
    whole = partial.read_bytes().splitlines(keepends=True)[:50]
    partial.write_bytes(b"".join(whole) + whole[0][:left])
    report = run(served, made)
    assert report.resumed_after == 50
    assert [row["id"] for row in read(made.out)] == [row["id"] for row in given]


def test_a_changed_input_starts_anew(served: ServedModel, job: Job, tmp_path: Path) -> None:
    made = job(written(tmp_path / "in.jsonl", rows(600)))
    interrupted(served, made)
    written(made.source, rows(200, first=10))
    report = run(served, made)
    assert (report.documents, report.resumed_after) == (200, 0)
    assert read(made.out)[0]["id"] == "row-10"


def test_other_fields_start_anew(served: ServedModel, job: Job, tmp_path: Path) -> None:
    given = [{**row, "other": "An index for range joins."} for row in rows(100)]
    source = written(tmp_path / "in.jsonl", given)
    interrupted(served, job(source))
    assert run(served, job(source, text=("other",))).resumed_after == 0


def test_the_same_job_runs_once_at_a_time(
    served: ServedModel, shared_home: Path, job: Job, tmp_path: Path
) -> None:
    made = job(written(tmp_path / "in.jsonl", rows(2_000)))
    with started(shared_home, made) as child:
        while lines_in(partial_of(made)) < 64:
            assert child.poll() is None, child.stderr and child.stderr.read()
            time.sleep(0.005)
        with pytest.raises(ConflictError, match="in another process"):
            run(served, made)
        assert child.wait() == 0
    assert len({row["id"] for row in read(made.out)}) == 2_000


def test_who_comes_just_as_the_same_job_ends_does_not_write_into_the_void(
    job: Job, tmp_path: Path
) -> None:
    path = tmp_path / "partial.jsonl"
    with path.open("a+b") as file:
        path.unlink()  # the other one ended between our look and our lock
        with pytest.raises(ConflictError, match="just now"):
            _lock(file, job(tmp_path / "in.jsonl"))


def test_a_finished_job_can_be_run_again(served: ServedModel, job: Job, tmp_path: Path) -> None:
    made = job(written(tmp_path / "in.jsonl", rows(10)))
    for _ in range(2):
        report = run(served, made)
        assert (report.documents, report.resumed_after) == (10, 0)


class Meddling(Silent):
    """Changes the input while it is read."""

    def __init__(self, source: Path) -> None:
        self._source = source

    def track(
        self, items: Iterable[T], doing: str, total: int | None = None, note: Any = None
    ) -> Iterator[T]:
        """The items, and a changed file before the last."""
        del doing, total, note
        yield from items
        written(self._source, rows(5, first=7))


def test_an_input_that_changes_while_it_is_read_is_refused(
    served: ServedModel, job: Job, tmp_path: Path
) -> None:
    made = job(written(tmp_path / "in.jsonl", rows(10)))
    with pytest.raises(SourceError, match="changed while it was read"):
        run_batch(served, made, now=lambda: NOON, progress=Meddling(made.source))
    assert not made.out.exists()
    assert list(made.partials.iterdir()) == []
    assert run(served, made).documents == 5


@pytest.mark.parametrize("name", ["results", "results.json", "results.txt", "results.jsonl.gz"])
def test_results_of_another_form_are_refused(name: str, job: Job, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"\.csv or \.parquet"):
        job(tmp_path / "in.jsonl", name)


def test_results_never_take_the_place_of_the_documents(job: Job, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    source = written(tmp_path / "results" / "in.jsonl", rows(3))
    (tmp_path / "results" / "link.jsonl").symlink_to(source)
    for name in ("in.jsonl", "../results/in.jsonl", "link.jsonl"):
        with pytest.raises(SettingError, match="take the place"):
            job(source, name)


def test_an_input_that_can_t_be_read_is_named(
    served: ServedModel, job: Job, tmp_path: Path
) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    for name in ("missing.jsonl", "folder.jsonl", "missing/deep.jsonl"):
        with pytest.raises(SourceError, match=name):
            run(served, job(tmp_path / name))


@pytest.mark.parametrize("name", ["in.jsonl", "in.csv", "in.json"])
def test_an_empty_input_is_refused(
    name: str, served: ServedModel, job: Job, tmp_path: Path
) -> None:
    (tmp_path / name).touch()
    with pytest.raises(SourceError):
        run(served, job(tmp_path / name))
    (tmp_path / name).write_text({"in.csv": "id,text\n", "in.json": "[]"}.get(name, "\n"), "utf-8")
    with pytest.raises(SourceError, match="no records"):
        run(served, job(tmp_path / name))
    assert not (tmp_path / "results").exists()


def test_what_was_computed_before_an_unusable_record_is_kept(
    served: ServedModel, job: Job, tmp_path: Path
) -> None:
    made = job(written(tmp_path / "in.jsonl", [*rows(200), {"id": "bad", "text": 7}]))
    with pytest.raises(RecordError, match="line 201"):
        run(served, made)
    assert not made.out.exists()
    assert lines_in(partial_of(made)) == 200


def test_results_that_can_t_be_written_cost_no_computing(
    served: ServedModel, job: Job, tmp_path: Path
) -> None:
    made = job(written(tmp_path / "in.jsonl", rows(200)))
    made.out.mkdir(parents=True)
    with pytest.raises(UnavailableError, match=r"results\.jsonl") as told:
        run(served, made)
    assert "goes on where it stopped" in told.value.remedy
    elsewhere = job(made.source, "elsewhere.csv")
    assert run(served, elsewhere).resumed_after == 200


def test_a_full_disk_costs_no_computing(
    served: ServedModel, shared_home: Path, job: Job, tmp_path: Path
) -> None:
    made = job(written(tmp_path / "in.jsonl", rows(500)))
    limit = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
"""
    places = (shared_home, made.source, made.out, made.partials)
    command = [sys.executable, "-c", limit + CLASSIFY, *map(str, places)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "UnavailableError" in done.stderr
    report = run(served, made)
    assert 0 < report.resumed_after < 500
    assert [row["id"] for row in read(made.out)] == [f"row-{number}" for number in range(500)]
