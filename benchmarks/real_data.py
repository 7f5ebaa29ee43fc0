"""Seconds and peak memory of preparing, training and evaluating on a file of papers.

Usage: python benchmarks/real_data.py FILE [--per-class 1000] [--families linear encoder]

Runs the commands as a user would, each in a process of its own, and prints a table of wall seconds,
CPU seconds, peak memory of the largest process, and accuracy on the dataset's own test part.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def timed(arguments: list[str], home: Path) -> dict[str, Any]:
    """Run one command; its figures and its JSON result."""
    result = home.parent / "result.json"
    command = [sys.executable, "-m", "classmark", *arguments, "--home", str(home)]
    start = time.perf_counter()
    process = os.posix_spawn(sys.executable, [*command, "--json", str(result)], os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mb": round(usage.ru_maxrss / 1000),
        "result": json.loads(result.read_text()),
    }


def main() -> None:
    """Run the commands and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--per-class", default="1000")
    parser.add_argument("--families", nargs="+", default=["linear", "encoder"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        prepare = [
            "prepare",
            arguments.file,
            "--name",
            "papers",
            "--per-class",
            arguments.per_class,
        ]
        fields = ["--text-fields", "title,abstract", "--label-field", "primary_category"]
        rows = [("prepare", timed([*prepare, *fields], home))]
        prepared = rows[0][1]["result"]
        print("sizes", prepared["sizes"], "dropped", prepared["dropped"])
        for family in arguments.families:
            rows.append(
                (
                    f"train {family}",
                    timed(["train", "papers", "--model", "papers", "--family", family], home),
                )
            )
            print(family, json.dumps(rows[-1][1]["result"]["parity"]))
            evaluation = timed(["evaluate", "papers@latest", "papers"], home)
            rows.append((f"evaluate {family}", evaluation))
            figures = evaluation["result"]
            print(
                family,
                "accuracy",
                round(figures["accuracy"], 4),
                [round(end, 4) for end in figures["accuracy_interval"]],
                "macro F1",
                round(figures["macro_f1"], 4),
                "latency",
                figures["latency"],
            )
    print(f"\n{'step':<20}{'wall s':>10}{'CPU s':>10}{'peak MB':>10}")
    for name, row in rows:
        print(f"{name:<20}{row['seconds']:>10}{row['cpu_seconds']:>10}{row['peak_mb']:>10}")


if __name__ == "__main__":
    main()
