"""`classmark predict`: one text, what is typed, and files that a kill can't harm."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pyarrow import parquet

Classmark = Callable[..., subprocess.CompletedProcess[str]]

ROWS = 6000


def lines_of(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def test_one_text_is_classified(classmark: Classmark, shelf: Path, tmp_path: Path) -> None:
    text = "Query optimisation for joins over relational tables"
    path = tmp_path / "a.json"
    done = classmark("predict", "shelf@production", text, "--home", shelf, "--json", path)
    found = json.loads(path.read_bytes())
    assert done.returncode == 0
    assert found["label"] == max(found["probabilities"], key=found["probabilities"].get)
    assert found["confidence"] == found["probabilities"][found["label"]]
    assert sum(found["probabilities"].values()) == pytest.approx(1)
    assert (found["model"], found["model_version"]) == ("shelf", "v1.0.1")
    assert found["latency_ms"] > 0
    assert done.stdout.startswith(found["label"])


def test_typed_lines_are_classified_one_by_one(
    classmark: Classmark, shelf: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    asked = ("predict", "shelf@latest", "--interactive", "--home", shelf, "--json", path)
    done = classmark(*asked, typed="A query plan\n\nAn image of œufs\nAn agent".encode())
    assert done.returncode == 0
    assert done.stderr == ""
    predictions = json.loads(path.read_bytes())["predictions"]
    assert len(predictions) == 3
    told = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in told] == [one["label"] for one in predictions]


def test_typing_that_is_interrupted_ends(environment: dict[str, str], shelf: Path) -> None:
    command = [sys.executable, "-m", "classmark", "predict", "shelf@latest", "--interactive"]
    with subprocess.Popen(
        [*command, "--home", str(shelf)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("A query plan\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 130


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_file_is_classified(
    suffix: str, classmark: Classmark, home: Path, papers: Path, tmp_path: Path
) -> None:
    out, path = tmp_path / f"out.{suffix}", tmp_path / "a.json"
    asked = ("predict", "shelf@latest", "--file", papers, "--out", out)
    done = classmark(*asked, "--home", home, "--json", path)
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_bytes())
    assert found["out"] == str(out)
    assert (found["documents"], found["labelled"], found["resumed_after"]) == (60, 60, 0)
    assert found["per_model"] == {"shelf_v1.0.1": 60}
    if suffix == "csv":
        rows = list(csv.DictReader(lines_of(out)))
    elif suffix == "parquet":
        rows = parquet.read_table(out).to_pylist()
    else:
        rows = [json.loads(line) for line in lines_of(out)]
    assert [row["id"] for row in rows] == [json.loads(line)["id"] for line in lines_of(papers)]
    right = sum(row["label"] == row["true_label"] for row in rows)
    assert found["accuracy"] == pytest.approx(right / 60)


def test_labels_that_the_model_does_not_know_are_told_beside_the_accuracy(
    inside: Classmark, home: Path, papers: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in lines_of(papers)]
    strange, path = tmp_path / "strange.jsonl", tmp_path / "a.json"
    named = [row | {"label": f"new-{row['label']}"} if n < 7 else row for n, row in enumerate(rows)]
    strange.write_text("".join(json.dumps(row) + "\n" for row in named))
    asked = ("predict", "shelf@latest", "--home", home, "--json", path, "--file")
    done = inside(*asked, strange)
    assert done.returncode == 0, done.stderr
    assert "7 of 60 have labels that this model does not know" in done.stderr
    found = json.loads(path.read_bytes())
    assert (found["labelled"], found["unknown"]) == (60, 7)
    assert "does not know" not in inside(*asked, papers).stderr


def test_results_go_into_the_home_by_default(
    classmark: Classmark, home: Path, papers: Path
) -> None:
    done = classmark("predict", "shelf@latest", "--file", papers, "--home", home)
    assert done.returncode == 0
    (out,) = (home / "results").glob("shelf_v1.0.1_*.jsonl")
    assert f"Results: {out}" in done.stdout
    assert len(lines_of(out)) == 60


def test_a_job_that_was_killed_goes_on_where_it_stopped(
    environment: dict[str, str], classmark: Classmark, home: Path, papers: Path, tmp_path: Path
) -> None:
    texts = [json.loads(line)["text"] for line in lines_of(papers)]
    many, out, path = tmp_path / "many.jsonl", tmp_path / "out.jsonl", tmp_path / "a.json"
    rows = ({"id": f"{n}", "text": f"{texts[n % 60]} {n}"} for n in range(ROWS))
    many.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ["predict", "shelf@latest", "--file", many, "--out", out, "--home", home]
    job = subprocess.Popen([sys.executable, "-m", "classmark", *map(str, asked)], env=environment)
    unfinished = home / "results" / "unfinished"
    wait_until(lambda: any(file.stat().st_size for file in unfinished.glob("*.jsonl")))
    os.kill(job.pid, signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL
    assert not out.exists()
    (partial,) = unfinished.iterdir()
    done_before = partial.read_bytes().count(b"\n")
    assert 0 < done_before < ROWS

    done = classmark(*asked, "--json", path)
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_bytes())
    assert found["documents"] == ROWS
    assert found["resumed_after"] == done_before
    assert [json.loads(line)["id"] for line in lines_of(out)] == [str(n) for n in range(ROWS)]
    assert list(unfinished.iterdir()) == []


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_an_engine_is_for_files(inside: Classmark, home: Path) -> None:
    done = inside("predict", "shelf@latest", "A query plan", "--engine", "ray", "--home", home)
    assert done.returncode == 2
    assert "--engine is for --file" in done.stderr


def test_a_cluster_that_does_not_answer_is_told_and_nothing_is_lost(
    classmark: Classmark, home: Path, papers: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    asked = ("predict", "shelf@latest", "--file", papers, "--out", out, "--home", home)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    done = classmark(*asked, "--engine", "ray", RAY_ADDRESS=address)
    assert done.returncode == 6
    assert "Ray did not answer" in done.stderr
    assert not out.exists()
    assert classmark(*asked).returncode == 0
