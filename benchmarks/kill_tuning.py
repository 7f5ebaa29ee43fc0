"""kill -9 of a search: has it every trial at the end, each once, and the same best?

Usage: python benchmarks/kill_tuning.py [--kills 20] [--points 24]

`classmark tune` searches a grid on the sample documents. Each round starts the command and kills it
without warning at a random moment; at the end it runs undisturbed. Then the study must have as many
finished trials as the grid has points, each point once; no trial that had finished before a kill
may be lost; no process of a trial may outlive its search; and the best must be that of a search
with the same seed that nobody killed.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from classmark.documents import sample_documents

CLASSMARK = [sys.executable, "-m", "classmark"]
STUDY = "killed"
# Optuna's number for a finished trial, and of the operation that says so.
COMPLETE, SET_STATE = 1, 6


def prepare(folder: Path) -> Path:
    """A home with the sample documents of four classes as the dataset `samples`."""
    file, home = folder / "samples.jsonl", folder / "home"
    kept = [
        asdict(d) for d in sample_documents() if d.label in {"cs.AI", "cs.CL", "cs.CV", "cs.DB"}
    ]
    file.write_text("".join(json.dumps(record) + "\n" for record in kept), "utf-8")
    command = [*CLASSMARK, "prepare", str(file), "--name", "samples", "--home", str(home)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return home


def search(home: Path, points: int, study: str = STUDY) -> list[str]:
    """The command of a search over so many points."""
    weights = ",".join(str(number) for number in range(points // 2))
    return [
        *(*CLASSMARK, "tune", "samples", "--model", "m", "--family", "linear"),
        *("--sampler", "grid", "--trials", "1000", "--study", study, "--home", str(home)),
        *("--set", "longest_ngram=1", "--set", "inverse_regularisation=1"),
        *("--search", f"bayes_weight={weights}", "--search", "min_documents=1,2"),
    ]


def finish(home: Path, points: int, study: str) -> dict[str, Any]:
    """What a search that runs to its end finds."""
    subprocess.run(search(home, points, study), check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads((home / "tuning" / study / "result.json").read_bytes())
    return found


def finished(home: Path) -> set[int]:
    """The numbers of the trials that have finished so far, as the database has them."""
    engine = create_engine(f"sqlite:///{home / 'classmark.db'}")
    with suppress(Exception), engine.connect() as connection:
        wanted = text("SELECT record FROM study_log WHERE study = :study")
        records = [json.loads(row) for (row,) in connection.execute(wanted, {"study": STUDY})]
        ended = [it for it in records if it["op_code"] == SET_STATE and it["state"] == COMPLETE]
        return {record["trial_id"] for record in ended}
    return set()


def trial_processes(home: Path) -> set[int]:
    """The trials' processes that work in a home."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_trial = b"classmark.training.tuning" in (path / "cmdline").read_bytes()
            if is_trial and str(home).encode() in (path / "environ").read_bytes():
                found.add(int(path.name))
    return found


def killed(home: Path, points: int, longest_seconds: float) -> tuple[bool, int]:
    """Whether the search was killed before it ended, and how many trials lived on after it."""
    process = subprocess.Popen(
        search(home, points), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(random.uniform(0.5, longest_seconds))
    was_running = process.poll() is None
    process.kill()
    process.wait()
    end = time.monotonic() + 10
    while trial_processes(home) and time.monotonic() < end:
        time.sleep(0.05)
    return was_running, len(trial_processes(home))


def main() -> None:
    """Kill, resume, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--points", type=int, default=24)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = prepare(Path(folder))
        start = time.monotonic()
        undisturbed = finish(home, arguments.points, "undisturbed")
        seconds_each = (time.monotonic() - start) / len(undisturbed["trials"])
        before: set[int] = set()
        kills = survivors = 0
        for _ in range(arguments.kills):
            was_killed, alive = killed(home, arguments.points, 3 * seconds_each)
            kills, survivors = kills + was_killed, survivors + alive
            before |= finished(home)
        after = finish(home, arguments.points, STUDY)
    ended = {it["number"]: it for it in after["trials"] if it["state"] == "finished"}
    tried = {json.dumps(trial["parameters"], sort_keys=True) for trial in ended.values()}
    result = {
        "kills": kills,
        "points": len(undisturbed["trials"]),
        "finished": len(ended),
        "different": len(tried),
        "interrupted": sum(it["state"] == "interrupted" for it in after["trials"]),
        "finished_before_a_kill": len(before),
        "lost": len(before - set(ended)),
        "trials_that_outlived_a_kill": survivors,
        "same_best": [
            after["best"][key] == undisturbed["best"][key] for key in ("value", "parameters")
        ],
    }
    print(json.dumps(result, indent=2))
    counts = {result["points"], result["finished"], result["different"]}
    is_right = len(counts) == 1 and all(result["same_best"]) and not survivors
    if not is_right or result["lost"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
