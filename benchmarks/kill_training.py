"""kill -9 of `classmark train` at random moments: does it end with the weights it would have had?

Usage: python benchmarks/kill_training.py [--kills 20] [--family transformer] [--set KEY=VALUE ...]

Trains on the sample documents once without disturbance. Then it trains the same in a home of its
own, is killed without warning as often as asked, and is started again each time by the same
command. In the end every file of the model must be the same, byte for byte, and a single version
must be registered.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLASSMARK = [sys.executable, "-m", "classmark"]
SETTINGS = [
    *("backbone=minilm", "max_tokens=96", "epochs=3", "learning_rate=1e-4"),
    *("checkpoint_seconds=1",),
]
# What every start takes before it trains; to be killed there alone would prove nothing.
LONGEST_LIFE_SECONDS = 20.0


def make_home(home: Path) -> None:
    """A home with the sample documents as a dataset."""
    source = home / "samples.jsonl"
    source.parent.mkdir(parents=True)
    code = (
        "import json; from classmark.documents import sample_documents as s\n"
        "for d in s(): print(json.dumps({'id': d.id, 'text': d.text, 'label': d.label}))"
    )
    source.write_bytes(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    )
    prepare = ["prepare", str(source), "--name", "samples", "--home", str(home)]
    subprocess.run([*CLASSMARK, *prepare], check=True, capture_output=True)


def start(home: Path, family: str, settings: list[str]) -> subprocess.Popen[bytes]:
    """A training in a process group of its own."""
    command = [*CLASSMARK, "train", "samples", "--model", "m", "--family", family, "--no-baseline"]
    sets = [part for setting in settings for part in ("--set", setting)]
    return subprocess.Popen(
        [*command, *sets, "--home", str(home)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def digests(home: Path) -> dict[str, str]:
    """SHA-256 of the model's files; metadata hold times, which differ."""
    (folder,) = (path for path in (home / "models" / "m").glob("m_v*") if path.is_dir())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"metadata.json", "manifest.json", "card.md"}
    }


def steps_kept(home: Path) -> list[int]:
    """The steps of the checkpoints that lie there."""
    found = (home / "training").glob("*/checkpoint-*")
    return sorted(int(path.name.partition("-")[2]) for path in found)


def main() -> None:
    """Train twice and compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--family", default="transformer")
    parser.add_argument("--set", action="append", dest="settings")
    parser.add_argument("--seed", type=int, default=42)
    chosen = parser.parse_args()
    settings = chosen.settings or SETTINGS
    random.seed(chosen.seed)
    with tempfile.TemporaryDirectory() as folder:
        quiet, harsh = Path(folder, "quiet"), Path(folder, "harsh")
        make_home(quiet)
        make_home(harsh)
        began = time.perf_counter()
        undisturbed = start(quiet, chosen.family, settings)
        _, told = undisturbed.communicate()
        assert undisturbed.returncode == 0, told.decode()
        whole_seconds = time.perf_counter() - began
        kills, seen = 0, []
        while True:
            training = start(harsh, chosen.family, settings)
            if kills < chosen.kills:
                try:
                    training.wait(random.uniform(0.5, LONGEST_LIFE_SECONDS))
                except subprocess.TimeoutExpired:
                    os.killpg(training.pid, signal.SIGKILL)
                    training.communicate()
                    kills += 1
                    seen.append(max(steps_kept(harsh), default=0))
                    continue
            _, told = training.communicate()
            assert training.returncode == 0, told.decode()
            break
        same = digests(quiet) == digests(harsh)
        print(
            json.dumps(
                {
                    "kills": kills,
                    "newest_checkpoint_after_each": seen,
                    "undisturbed_seconds": round(whole_seconds, 1),
                    "files": len(digests(quiet)),
                    "same_bytes": same,
                    "left_in_training": [p.name for p in (harsh / "training").glob("*")],
                },
                indent=2,
            )
        )
        assert same


if __name__ == "__main__":
    main()
