"""What `classmark train` promises is stored in the version, and every command obeys it."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from classmark.documents import sample_documents

Classmark = Callable[..., subprocess.CompletedProcess[str]]

# The 60 documents of val can promise no more of a model that learned from 48.
PROMISE = ("--promise", "0.5", "--risk", "0.2")
LABELS = ("cs.CV", "cs.DB", "cs.RO")
NONSENSE = "Of shoes and ships and sealing-wax, of cabbages and kings"


@pytest.fixture(scope="module")
def careful(classmark: Classmark, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a model of three classes that abstains; nobody changes it."""
    folder = tmp_path_factory.mktemp("careful")
    home, papers = folder / "home", folder / "papers.jsonl"
    lines = [orjson.dumps(asdict(d)) for d in sample_documents() if d.label in LABELS]
    papers.write_bytes(b"\n".join(lines))
    train = ("train", "papers", "--model", "careful", "--family", "linear", "--json")
    for command in (
        ("prepare", papers, "--name", "papers", "--ratios", "0.4,0.5,0.1"),
        (*train, folder / "v1.0.0.json", *PROMISE),
        (*train, folder / "v1.0.1.json", *PROMISE, "--calibration", "isotonic"),
        (*train, folder / "v1.0.2.json", "--calibration", "none", "--promise", "none"),
    ):
        done = classmark(*command, "--home", home)
        assert done.returncode == 0, done.stderr
        folder.joinpath(f"{command[-1]}.txt").write_text(done.stdout + done.stderr)
    return folder


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_train_says_what_it_promises(careful: Path) -> None:
    kept = read(careful / "v1.0.0.json")["calibration"]
    assert kept["method"] == "temperature"
    assert (kept["promise"]["accuracy"], kept["promise"]["risk"]) == (0.5, 0.2)
    assert kept["promise"]["rows"] == kept["calibration_rows"] == 30
    assert kept["selection_rows"] == 30
    assert 0 < kept["abstain_below"] < 1
    told = (careful / "0.2.txt").read_text()
    assert f"Abstains below a confidence of {kept['abstain_below']:.3f}" in told
    assert "at least 50.0 % are right, with a risk of 20.0 %" in told


def test_isotonic_lines_are_in_the_artifact_and_not_in_the_metadata(careful: Path) -> None:
    kept = read(careful / "v1.0.1.json")
    assert kept["calibration"]["method"] == "isotonic"
    assert "knots" not in kept["calibration"]
    assert len(read(Path(kept["path"], "calibration.json"))["knots"]) == 3


def test_nothing_promised_is_nothing_abstained(careful: Path, classmark: Classmark) -> None:
    kept = read(careful / "v1.0.2.json")["calibration"]
    assert (kept["method"], kept["abstain_below"], kept["promise"]) == ("none", None, None)
    assert kept["shortcomings"] == []
    told = (careful / "none.txt").read_text()
    assert "Abstains" not in told
    done = classmark("predict", "careful@v1.0.2", NONSENSE, "--home", careful / "home")
    assert "Not sure enough" not in done.stdout


def test_too_few_documents_for_the_promise_are_told(
    classmark: Classmark, careful: Path, tmp_path: Path
) -> None:
    command = ("train", "papers", "--model", "other", "--family", "linear", "--promise", "0.99")
    done = classmark(*command, "--home", careful / "home", "--json", tmp_path / "a.json")
    assert done.returncode == 0
    assert "99 % right answers can't be promised, so that nothing is left unanswered" in done.stderr
    assert "val has 60 documents, and 598 at least are needed" in done.stderr
    (told,) = read(tmp_path / "a.json")["calibration"]["shortcomings"]
    assert told in done.stderr


def test_a_text_that_it_is_not_sure_of_gets_a_guess(
    classmark: Classmark, careful: Path, tmp_path: Path
) -> None:
    home, results = ("--home", careful / "home"), tmp_path / "out.jsonl"
    source = careful / "papers.jsonl"
    classmark("predict", "careful@v1.0.0", "--file", source, "--out", results, *home)
    rows = (json.loads(line) for line in results.read_text().splitlines())
    unsure = next(row["id"] for row in rows if row["abstained"])
    papers = (json.loads(line) for line in source.read_text().splitlines())
    text = next(paper["text"] for paper in papers if paper["id"] == unsure)
    done = classmark("predict", "careful@v1.0.0", text, *home, "--json", tmp_path / "a.json")
    found = read(tmp_path / "a.json")
    assert found["abstained"] is True
    assert done.stdout.startswith(f"Not sure enough: best guess {found['label']}  ")


def test_a_file_and_an_evaluation_count_the_same_abstained(
    classmark: Classmark, careful: Path, tmp_path: Path
) -> None:
    threshold = read(careful / "v1.0.0.json")["calibration"]["abstain_below"]
    source, home = careful / "papers.jsonl", careful / "home"
    predict = ("predict", "careful@v1.0.0", "--file", source, "--out", tmp_path / "out.jsonl")
    done = classmark(*predict, "--home", home, "--json", tmp_path / "predict.json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    abstained = sum(row["abstained"] for row in rows)
    assert abstained == sum(row["confidence"] < threshold for row in rows)
    report = read(tmp_path / "predict.json")
    assert report["abstained"] == abstained
    assert f"{abstained:,}" in done.stdout
    assert "of those it is sure enough of" in done.stdout

    evaluate = ("evaluate", "careful@v1.0.0", source, "--home", home)
    done = classmark(*evaluate, "--json", tmp_path / "evaluate.json")
    assert done.returncode == 0, done.stderr
    found = read(tmp_path / "evaluate.json")
    assert found["abstain_below"] == threshold
    assert found["coverage"] == pytest.approx(1 - abstained / 120)
    assert found["accuracy_answered"] == pytest.approx(report["accuracy_answered"])
    low, high = found["calibration_error_interval"]
    assert low <= found["calibration_error"] <= high
    assert 0 < found["brier"] < 2
    assert found["log_loss"] > 0
