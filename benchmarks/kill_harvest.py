"""kill -9 of a harvest: has it every paper at the end, asked for no page twice, and kept its pace?

Usage: python benchmarks/kill_harvest.py [--kills 50] [--papers 20000] [--seconds-between 0.1]

`classmark collect arxiv` asks the tests' stand-in of arXiv. Each round starts the command and kills
it without warning after a random time; at the end it runs undisturbed. Then its papers must be
those of a harvest that nobody killed, no more pages may have been asked for twice than there were
kills, and no two requests may have come closer to each other than the interval that was set.
"""

import argparse
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

# The stand-ins live with the tests that they were written for.
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.documents.standins.running import StandIns, running_stand_ins

CLASSMARK = [sys.executable, "-m", "classmark"]


def start(home: Path, stand_ins: StandIns, seconds_between: float) -> subprocess.Popen[bytes]:
    """A harvest of all categories, as many papers as there are."""
    command = [*CLASSMARK, "collect", "arxiv", "--home", str(home), "--per-category", "100000"]
    return subprocess.Popen(
        [*command, "--until", "2025-12-31"],
        env=os.environ | stand_ins.environment(seconds_between),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(home: Path, stand_ins: StandIns, seconds_between: float) -> set[str]:
    """The lines of a harvest that runs to its end."""
    process = start(home, stand_ins, seconds_between)
    _, told = process.communicate()
    if process.returncode:
        raise SystemExit(told.decode())
    (raw,) = (home / "data" / "raw" / "arxiv").glob("*.jsonl.gz")
    with gzip.open(raw, "rt", encoding="utf-8") as file:
        return set(file)


def killed(home: Path, stand_ins: StandIns, seconds_between: float) -> bool:
    """Whether the harvest was killed before it ended."""
    asked = len(stand_ins.requests())
    process = start(home, stand_ins, seconds_between)
    # A process that has not asked anything yet is no harvest to be killed.
    while process.poll() is None and len(stand_ins.requests()) == asked:
        time.sleep(0.02)
    time.sleep(random.uniform(0, 3 * seconds_between))
    was_running = process.poll() is None
    if was_running:
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return was_running


def asked_again(requests: list[dict[str, Any]]) -> int:
    """How many requests were for a page that had been asked for before."""
    pages = Counter(json.dumps(one["parameters"], sort_keys=True) for one in requests)
    return sum(count - 1 for count in pages.values())


def smallest_gap(requests: list[dict[str, Any]]) -> float:
    """Seconds between the two requests that came closest to each other."""
    times = [float(one["at_seconds"]) for one in requests]
    return min(later - earlier for earlier, later in pairwise(times))


def main() -> None:
    """Kill, resume, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--papers", type=int, default=20_000)
    parser.add_argument("--seconds-between", type=float, default=0.1)
    arguments = parser.parse_args()
    interval = arguments.seconds_between
    with tempfile.TemporaryDirectory() as folder, running_stand_ins(arguments.papers) as stand_ins:
        undisturbed = finish(Path(folder, "undisturbed"), stand_ins, interval)
        pages = len(stand_ins.requests())
        stand_ins.reset()
        home = Path(folder, "killed")
        kills = sum(killed(home, stand_ins, interval) for _ in range(arguments.kills))
        papers = finish(home, stand_ins, interval)
        requests = stand_ins.requests()
    result = {
        "kills": kills,
        "pages": pages,
        "papers": len(undisturbed),
        "lost": len(undisturbed - papers),
        "added": len(papers - undisturbed),
        "requests": len(requests),
        "asked_again": asked_again(requests),
        "at_once": max(one["beside"] for one in requests),
        "interval_seconds": interval,
        "smallest_gap_seconds": round(smallest_gap(requests), 4),
    }
    print(json.dumps(result, indent=2))
    is_right = papers == undisturbed and result["asked_again"] <= kills
    if not is_right or result["smallest_gap_seconds"] < interval:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
