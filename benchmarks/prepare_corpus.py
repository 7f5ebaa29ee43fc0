"""Seconds and peak memory of preparing a corpus, beside the usual way and with ten times the rows.

Usage: python benchmarks/prepare_corpus.py FILE [--rows 6000] [--runs 3] [--times 10]

FILE holds papers (title, abstract, primary_category). Three things are measured, each run in a
process of its own:

1. `classmark prepare` of all rows, with language detection and near-duplicates.
2. On the first ROWS rows, in turn: `classmark prepare`, and the same steps as one finds them in
   notebooks: pandas, regular expressions, langdetect and datasketch, one document after the other.
3. `classmark prepare` of TIMES as many rows: each paper again, 2 to 50 % of its words exchanged.
"""

import argparse
import gzip
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
from itertools import islice, pairwise
from pathlib import Path
from typing import Any


def timed(command: list[str]) -> dict[str, float]:
    """Run a command; its wall seconds, CPU seconds and peak memory in MB."""
    start = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (a device)
        process = os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1)],
        )
        _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1000,
    }


def prepared(file: Path, folder: Path) -> dict[str, float]:
    """Run `classmark prepare` in a fresh home."""
    home = tempfile.mkdtemp(dir=folder)
    options = ["--name", "corpus", "--near-duplicates", "0.9", "--home", home]
    return timed([sys.executable, "-m", "classmark", "prepare", str(file), *options])


def usual_way(file: Path) -> None:
    """Clean, filter, detect, drop duplicates and near-duplicates, split, write: row by row."""
    # ruff: noqa: PLC0415 (the other processes of this script shall not carry these)
    import langdetect
    import pandas as pd
    from datasketch import MinHash, MinHashLSH
    from sklearn.model_selection import train_test_split

    langdetect.DetectorFactory.seed = 0
    frame = pd.read_json(file, lines=True, dtype={"arxiv_id": str})
    frame["text"] = frame["title"] + ". " + frame["abstract"]
    for pattern in (r"https?://\S+", r"\$[^$]+\$", r"\\[a-zA-Z]+\*?(\[[^\]]*\])?", r"[{}]"):
        frame["text"] = frame["text"].apply(lambda text, p=re.compile(pattern): p.sub(" ", text))
    frame["text"] = frame["text"].apply(lambda text: re.sub(r"\s+", " ", text).strip())
    frame = frame[frame["text"].apply(lambda text: len(text.split()) >= 50)]
    frame = frame[frame["text"].apply(lambda text: langdetect.detect(text) == "en")]
    frame["title_key"] = frame["title"].str.lower().str.replace(r"\W+", " ", regex=True)
    frame = frame.drop_duplicates("arxiv_id").drop_duplicates("title_key")
    index, kept = MinHashLSH(threshold=0.9, num_perm=128), []
    for row in frame.itertuples():
        words = row.text.lower().split()
        minhash = MinHash(num_perm=128)
        for pair in pairwise(words):
            minhash.update(" ".join(pair).encode())
        if not index.query(minhash):
            index.insert(str(row.Index), minhash)
            kept.append(row.Index)
    frame = frame.loc[kept]
    train, rest = train_test_split(
        frame, test_size=0.2, stratify=frame["primary_category"], random_state=42
    )
    val, test = train_test_split(
        rest, test_size=0.5, stratify=rest["primary_category"], random_state=42
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, part in (("train", train), ("val", val), ("test", test)):
            part.to_json(Path(folder, f"{name}.json.gz"), orient="records")


def first_rows(file: Path, count: int, out: Path) -> Path:
    """The first rows of a file, in one of their own."""
    with gzip.open(file, "rb") as source, gzip.open(out, "wb", compresslevel=1) as target:
        target.writelines(islice(source, count))
    return out


def with_noise(file: Path, times: int, out: Path) -> Path:
    """Every row `times` times, all but the first with some of its words exchanged."""
    chance = random.Random(5)
    with gzip.open(file, "rb") as source, gzip.open(out, "wb", compresslevel=1) as target:
        for line in source:
            target.write(line)
            row = json.loads(line)
            for number in range(1, times):
                target.write(json.dumps(noisy(row, number, chance)).encode() + b"\n")
    return out


def noisy(row: dict[str, Any], number: int, chance: random.Random) -> dict[str, Any]:
    """The row under another id, with 2 to 50 % of its words exchanged."""
    share = chance.uniform(0.02, 0.5)
    changed = {}
    for field in ("title", "abstract"):
        words = row[field].split()
        for place in chance.sample(range(len(words)), max(1, round(len(words) * share))):
            words[place] = f"{words[place][:4]}{chance.choice('abcdefghij')}{number}"
        changed[field] = " ".join(words)
    return row | changed | {"arxiv_id": f"{row['arxiv_id']}-{number}", "doi": None}


def line(name: str, rows: int, found: dict[str, float]) -> None:
    """Print one line of the table."""
    print(
        f"| {name} | {rows:,} | {found['seconds']:.1f} | {found['cpu_seconds']:.1f} |"
        f" {found['peak_mb']:.0f} | {rows / found['seconds']:.0f} |",
        flush=True,
    )


def main() -> None:
    """Measure all three and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--usual-way", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.usual_way:
        usual_way(arguments.file)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with gzip.open(arguments.file, "rb") as file:
            rows = sum(1 for _ in file)
        print("| what | rows | seconds | CPU seconds | peak MB | rows a second |")
        print("|---|---|---|---|---|---|")
        line("classmark, all rows", rows, prepared(arguments.file, folder))
        few = first_rows(arguments.file, arguments.rows, folder / "few.jsonl.gz")
        ratios = []
        for _ in range(arguments.runs):
            ours = prepared(few, folder)
            script = [sys.executable, __file__, str(few), "--usual-way"]
            usual = timed(script)
            line("classmark", arguments.rows, ours)
            line("the usual way", arguments.rows, usual)
            ratios.append(usual["seconds"] / ours["seconds"])
        print(f"\nclassmark is {statistics.median(ratios):.1f} times as fast (median), {ratios}\n")
        if arguments.times > 1:
            many = with_noise(arguments.file, arguments.times, folder / "many.jsonl.gz")
            found = prepared(many, folder)
            line(f"classmark, {arguments.times} times the rows", rows * arguments.times, found)


if __name__ == "__main__":
    main()
