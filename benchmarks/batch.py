"""How fast is a batch job beside the model itself, what memory does it take, does it bear kills?

Usage: python benchmarks/batch.py HOME MODEL@REF FILE [--rows 2000] [--turns 5]
           [--memory 10000,100000] [--kills 20] [--kill-rows 100000] [--engine local]

HOME has a version of texts; FILE has texts as `classmark predict` reads them, and is repeated, with
ids of their own, until there are enough rows. Three readings, each left out where its option is 0:

1. Texts a second of `classmark predict --file`'s job, from opening the file to the report, beside
   the same classifier in this process on the same texts: each core's thread has its share of them
   as a list, and does nothing else. Both in turn, medians.
2. The peak memory of a job of 10,000 and of 100,000 rows, from JSON lines (plain and gzip), CSV and
   Parquet, into JSON lines, CSV and Parquet: of the process that reads and writes, and of its
   children.
3. A job that is killed without warning at random moments and started again each time: its results
   must be those of an undisturbed job, row by row, but for times and latencies.
"""

import argparse
import csv
import gzip
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from pyarrow import parquet

from classmark.assembly import open_home, utc_now
from classmark.documents import Fields, read_documents
from classmark.models import Classifier
from classmark.progress import Silent
from classmark.registry import ModelReference
from classmark.serving import BatchJob, ServedModel, load_served_model, run_batch

TIMES = {"latency_ms", "predicted_at"}
FIELDS = Fields(label_required=False)
FORMS = ("jsonl", "jsonl.gz", "csv", "parquet")
OUT = {"jsonl": "jsonl", "jsonl.gz": "parquet", "csv": "csv", "parquet": "parquet"}
GROUP = 1000


def main() -> None:
    """Print what is measured."""
    chosen = arguments()
    with tempfile.TemporaryDirectory(prefix="classmark-batch-") as name:
        folder = Path(name)
        if chosen.turns:
            show_speed(chosen, folder)
        for rows in (int(number) for number in chosen.memory.split(",") if int(number)):
            show_memory(chosen, folder, rows)
        if chosen.kills:
            show_kills(chosen, folder)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("reference", type=ModelReference.parse)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--memory", default="10000,100000")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--kill-rows", type=int, default=100_000)
    parser.add_argument("--engine", default="local")
    return parser.parse_args()


def texts_of(file: Path, count: int) -> Iterator[dict[str, str]]:
    """So many rows, from the file's texts again and again."""
    texts = [document.text for document in islice(read_documents(file, FIELDS), count)]
    for number, text in enumerate(islice(cycle(texts), count)):
        yield {"id": str(number), "text": text}


def written(path: Path, rows: Iterator[dict[str, str]]) -> Path:
    """A file of the form that its name says."""
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as cells:
            writer = csv.DictWriter(cells, ("id", "text"))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        schema = pa.schema([("id", pa.string()), ("text", pa.string())])
        with parquet.ParquetWriter(path, schema) as groups:
            while group := list(islice(rows, GROUP)):
                groups.write_batch(pa.RecordBatch.from_pylist(group, schema))
    else:
        with gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb") as lines:
            lines.writelines(orjson.dumps(row) + b"\n" for row in rows)
    return path


def show_speed(chosen: argparse.Namespace, folder: Path) -> None:
    """The first reading."""
    home = open_home(chosen.home)
    served = load_served_model(home.registry, chosen.reference)
    source = written(folder / "speed.jsonl", texts_of(chosen.file, chosen.rows))
    texts = [document.text for document in read_documents(source, FIELDS)]
    job = BatchJob(source, FIELDS, folder / "speed_out.jsonl", folder, home.threads, chosen.engine)
    calls = {
        "the classifier alone": lambda: alone(served.classifier, texts, home.threads),
        "the job": lambda: run(served, job),
    }
    rates: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(chosen.turns):
        for name, call in calls.items():
            rates[name].append(chosen.rows / seconds_of(call))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    shares = [one / other for other, one in zip(*rates.values(), strict=True)]
    print(f"{served.version.name}: {chosen.rows:,} texts, {home.threads} cores, texts a second:")
    for name, rate in medians.items():
        print(f"  {name}: {rate:,.0f}  ({', '.join(f'{one:,.0f}' for one in rates[name])})")
    print(f"  share, median of {chosen.turns} pairs: {statistics.median(shares):.3f}")


def alone(classifier: Classifier, texts: Sequence[str], threads: int) -> None:
    """All texts, each thread with its share of them."""
    with ThreadPoolExecutor(threads) as pool:
        shares = [texts[number::threads] for number in range(threads)]
        list(pool.map(lambda share: [classifier.classify_timed(text) for text in share], shares))


def run(served: ServedModel, job: BatchJob) -> None:
    """The job, start to end."""
    run_batch(served, job, now=utc_now, progress=Silent())


def seconds_of(call: Callable[[], None]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def command(chosen: argparse.Namespace, source: Path, out: Path) -> list[str]:
    """The job as a command."""
    asked = ("predict", str(chosen.reference), "--file", source, "--out", out)
    options = ("--home", chosen.home, "--engine", chosen.engine)
    return [sys.executable, "-m", "classmark", *map(str, asked + options)]


def show_memory(chosen: argparse.Namespace, folder: Path, rows: int) -> None:
    """The second reading, of one number of rows."""
    for form in FORMS:
        source = written(folder / f"memory.{form}", texts_of(chosen.file, rows))
        asked = command(chosen, source, folder / f"memory_out.{OUT[form]}")
        most = peak(subprocess.Popen(asked, stdout=subprocess.DEVNULL))
        print(
            f"{rows:,} rows, {form} to {OUT[form]}: {most / 1024:.0f} MB at most in one process",
            flush=True,
        )
        source.unlink()


def peak(process: subprocess.Popen[bytes]) -> int:
    """The most memory that a command's process or one of its children had, in KB.

    Not as `wait4` tells it: there a process begins with what its parent had when it was forked.
    """
    most = 0
    while process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        with suppress(OSError):
            for one in (str(process.pid), *children.read_text().split()):
                told = Path(f"/proc/{one}/status").read_text()
                found = re.search(r"^VmHWM:\s+(\d+) kB", told, re.MULTILINE)
                most = max(most, int(found[1]) if found else 0)
        time.sleep(0.02)
    assert process.returncode == 0, process.returncode
    return most


def show_kills(chosen: argparse.Namespace, folder: Path) -> None:
    """The third reading; the process ends with 1 where the results are not what they should be."""
    source = written(folder / "killed.jsonl", texts_of(chosen.file, chosen.kill_rows))
    undisturbed, out = folder / "undisturbed.jsonl", folder / "killed_out.jsonl"
    asked = command(chosen, source, undisturbed)
    seconds = seconds_of(lambda: completed(asked))
    asked = command(chosen, source, out)
    kills = finished = 0
    for _ in range(chosen.kills):
        before = answered(chosen.home)
        process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while answered(chosen.home) == before and process.poll() is None:
            time.sleep(0.01)
        # From its first new result on: most kills would else come before any.
        time.sleep(random.uniform(0, seconds / chosen.kills))
        # One that ends before its kill has made results: the next begins a new job.
        finished += process.poll() is not None
        kills += process.poll() is None
        process.kill()
        process.wait()
    completed(asked)
    report = json.loads(out.with_name(f"{out.name}.report.json").read_bytes())
    result = {
        "kills": kills,
        "finished before their kill": finished,
        "rows": chosen.kill_rows,
        "rows found by the last start": report["resumed_after"],
        "undisturbed_seconds": round(seconds, 1),
        "same": same(undisturbed, out, chosen.kill_rows),
    }
    print(json.dumps(result, indent=2))
    if not result["same"]:
        raise SystemExit(1)


def answered(home: Path) -> int:
    """Bytes of results that unfinished jobs have."""
    return sum(file.stat().st_size for file in (home / "results" / "unfinished").glob("*"))


def completed(asked: Sequence[str]) -> None:
    """The command, to its end."""
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)


def same(one: Path, other: Path, rows: int) -> bool:
    """Whether both hold so many rows, each id once, and the same but for times."""
    ids = set()
    with one.open("rb") as left, other.open("rb") as right:
        for first, second in zip(left, right, strict=True):
            if untimed(first) != untimed(second):
                return False
            ids.add(untimed(first)["id"])
    return len(ids) == rows


def untimed(line: bytes) -> dict[str, Any]:
    """A row without its times."""
    return {name: value for name, value in orjson.loads(line).items() if name not in TIMES}


if __name__ == "__main__":
    main()
