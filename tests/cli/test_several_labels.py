"""Documents of several labels, from `prepare` to an answer over HTTP."""

import csv
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from fastapi import FastAPI

from classmark.assembly import build_app, open_home
from classmark.documents import sample_documents
from classmark.registry import ModelReference
from classmark.serving import Address, listening_socket, load_served_model
from classmark.settings import ServeJob

Done = subprocess.CompletedProcess[str]
Classmark = Callable[..., Done]

SETS = {
    "cs.CV": ["cs.CV", "perception"],
    "cs.DB": ["cs.DB"],
    "cs.RO": ["perception", "cs.RO"],
    "cs.CR": ["cs.CR"],
}
TEXT = "A robot arm learns to grasp objects by its cameras and plans its motion"
LABELS = ["cs.CR", "cs.CV", "cs.DB", "cs.RO", "perception"]


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All sample documents of four classes, two of which perceive."""
    path = tmp_path_factory.mktemp("several") / "papers.jsonl"
    chosen = [asdict(document) for document in sample_documents() if document.label in SETS]
    rows = [{**one, "labels": SETS[one["label"]]} for one in chosen]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def place(inside: Classmark, papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with dataset `papers` and model `papers`, v1.0.0 (live) and v1.0.1."""
    home = tmp_path_factory.mktemp("several") / "home"
    train = ("train", "papers", "--model", "papers", "--family", "linear")
    for command in (
        ("prepare", papers, "--name", "papers", "--multi-label"),
        train,
        (*train, "--set", "longest_ngram=1"),
        ("promote", "papers@v1.0.0"),
    ):
        done = inside(*command, "--home", home)
        assert done.returncode == 0, done.stderr
    return home


@contextmanager
def answering(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the app over real HTTP; when it leaves, the server has ended."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with listening_socket(Address("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            # Until the server runs, a client waits for it.
            with httpx.Client(
                base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60
            ) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def result(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_training_says_what_is_not_promised_and_what_to_do_next(
    inside: Classmark, papers: Path, tmp_path: Path
) -> None:
    home, path = tmp_path / "home", tmp_path / "a.json"
    prepared = inside("prepare", papers, "--name", "p", "--multi-label", "--home", home)
    assert "classmark train p --model p --family linear" in prepared.stdout
    train = ("train", "p", "--model", "p", "--family", "linear", "--home", home, "--json", path)
    done = inside(*train)
    assert "not calibrated, and nothing is promised" in done.stderr
    assert "subset accuracy" in done.stdout
    assert "label sets as trained" in done.stdout
    found = result(path)
    assert (found["problem"], found["architecture"]) == ("multi-label", "linear, multi-label")
    assert set(found["metrics"]["test"]) >= {"accuracy", "hamming_loss", "micro_f1", "samples_f1"}
    assert found["calibration"]["promise"] is None
    quiet = inside(*train, "--calibration", "none", "--promise", "none")
    assert quiet.stderr == ""


def test_a_version_is_evaluated_with_an_interval_on_every_figure(
    inside: Classmark, place: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    done = inside("evaluate", "papers@production", "papers", "--home", place, "--json", path)
    assert done.returncode == 0, done.stderr
    assert "Hamming loss" in done.stdout
    found = result(path)
    assert found["labels"] == LABELS
    averages = [f"{how}_f1" for how in ("micro", "macro", "weighted", "samples")]
    for name in ("accuracy", "hamming_loss", "roc_auc", *averages):
        low, high = found[f"{name}_interval"]
        assert low <= found[name] <= high
    assert found["micro_f1"] > 0.6
    assert set(found["per_class"]["perception"]) >= {"precision", "recall", "f1", "support"}
    assert Path(found["report"], "report.html").exists()


def test_a_file_is_read_with_all_its_labels(
    inside: Classmark, place: Path, papers: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    done = inside("evaluate", "papers@production", papers, "--home", place, "--json", path)
    assert done.returncode == 0, done.stderr
    found = result(path)
    assert found["n"] == 160
    assert found["per_class"]["perception"]["support"] == 80
    assert found["labels_true"] == pytest.approx(1.5)


def test_two_versions_are_compared_by_label_sets(
    inside: Classmark, place: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    versions = ("papers@v1.0.0", "papers@v1.0.1")
    done = inside("compare", *versions, "papers", "--home", place, "--json", path)
    assert done.stdout.startswith("Subset accuracy: papers_v1.0.0")
    found = result(path)
    low, high = found["micro_f1"]["interval"]
    assert low <= found["micro_f1"]["difference"] <= high
    assert set(found["per_class"]) <= set(LABELS)


def test_versions_of_different_problems_are_not_compared(
    inside: Classmark, place: Path, papers: Path
) -> None:
    single = ("prepare", papers, "--name", "single", "--label-field", "label", "--home", place)
    assert inside(*single).returncode == 0
    train = ("train", "single", "--model", "single", "--family", "linear", "--home", place)
    assert inside(*train).returncode == 0
    done = inside("compare", "papers@v1.0.0", "single@latest", "papers", "--home", place)
    assert done.returncode == 2
    assert "papers_v1.0.0 is multi-label, single_v1.0.0 is single-label" in done.stderr
    done = inside("evaluate", "single@latest", "papers", "--home", place)
    assert done.returncode == 2
    assert "have a label that this model does not know" in done.stderr or "several" in done.stderr


def test_one_text_gets_all_its_labels(inside: Classmark, place: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    done = inside("predict", "papers@production", TEXT, "--home", place, "--json", path)
    found = result(path)
    assert "perception" in found["labels"]
    assert len(found["labels"]) > 1
    assert found["label"] == max(found["probabilities"], key=found["probabilities"].get)
    assert done.stdout.startswith(f"{', '.join(found['labels'])}; most probable {found['label']}")


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_a_file_is_answered_with_all_labels(
    inside: Classmark, place: Path, papers: Path, tmp_path: Path, name: str
) -> None:
    out, path = tmp_path / name, tmp_path / "a.json"
    predict = ("predict", "papers@production", "--file", papers, "--out", out)
    done = inside(*predict, "--home", place, "--json", path)
    assert done.returncode == 0, done.stderr
    if name.endswith(".csv"):
        with out.open(newline="") as file:
            rows = [
                (set(row["labels"].split("; ")) - {""}, set(row["true_labels"].split("; ")))
                for row in csv.DictReader(file)
            ]
    else:
        parsed = map(json.loads, out.read_text().splitlines())
        rows = [(set(row["labels"]), set(row["true_labels"])) for row in parsed]
    right = sum(given == true for given, true in rows)
    assert "subset accuracy" in done.stdout
    assert "not sure enough" not in done.stdout
    assert "below 0.5" not in done.stdout
    report = result(path)
    assert report["unknown"] == 0
    assert report["accuracy"] == right / len(rows)
    assert report["per_label"]["perception"] == sum("perception" in given for given, _ in rows)


def test_one_label_of_several_that_the_model_does_not_know_is_told(
    inside: Classmark, place: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "two.jsonl", tmp_path / "out.jsonl"
    sets = (["cs.RO", "perception"], ["cs.RO", "new"])
    rows = [{"id": f"{n}", "text": TEXT, "labels": labels} for n, labels in enumerate(sets)]
    source.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    predict = ("predict", "papers@production", "--file", source, "--out", out)
    done = inside(*predict, "--home", place)
    assert done.returncode == 0, done.stderr
    assert "1 of 2 have labels that this model does not know" in done.stderr


def test_a_search_leaves_out_what_is_for_one_label_alone(
    inside: Classmark, place: Path, tmp_path: Path
) -> None:
    path, search = tmp_path / "a.json", ("tune", "papers", "--model", "p", "--family", "linear")
    home = ("--home", place)
    for given in (("--search", "bayes_weight=0,1"), ("--set", "bayes_weight=1")):
        done = inside(*search, *given, *home)
        assert (done.returncode, done.stdout) == (2, "")
        assert "bayes_weight is 1, and texts may have several labels" in done.stderr
    assert not (place / "tuning").exists()
    # Had a study been made, one of another space would be refused.
    done = inside(*search, "--trials", 1, *home, "--json", path)
    assert done.returncode == 0, done.stderr
    found = result(path)
    assert "longest_ngram" in found["space"]
    assert "bayes_weight" not in found["space"]
    assert found["trials"][0]["state"] == "finished"


@pytest.mark.parametrize("family", ["ensemble", "cascade"])
def test_a_family_of_one_label_refuses_at_once(inside: Classmark, place: Path, family: str) -> None:
    done = inside("train", "papers", "--model", "p", "--family", family, "--home", place)
    assert done.returncode == 2
    assert f"The family '{family}' learns one label for each text" in done.stderr
    assert "--family linear, encoder or transformer" in done.stderr


@pytest.mark.parametrize(
    "command", [("audit", "papers"), ("cross-validate", "papers", "--family", "linear")]
)
def test_what_deals_folds_by_label_refuses(
    inside: Classmark, place: Path, command: tuple[str, ...]
) -> None:
    done = inside(*command, "--home", place)
    assert done.returncode == 2
    assert "may have several labels" in done.stderr
    assert "without --multi-label" in done.stderr


def test_the_card_tells_of_label_sets(inside: Classmark, place: Path) -> None:
    card = inside("card", "papers@production", "--home", place).stdout
    assert "any of 5 labels" in card
    assert "subset accuracy" in card
    assert "names one" not in card


def test_labels_are_served_and_logged_and_feedback_is_of_all_of_them(place: Path) -> None:
    home = open_home(place)
    served = load_served_model(home.registry, ModelReference.parse("papers@production"))
    app = build_app(home, served, ServeJob(model="papers@production", page=False))
    expected = list(served.classifier.classify(TEXT).labels)
    assert len(expected) > 1
    with answering(app) as client:
        answer = client.post("/predict", json={"texts": [TEXT], "return_probabilities": True})
        (found,) = answer.json()["predictions"]
        assert found["labels"] == expected
        assert sum(found["probabilities"].values()) != pytest.approx(1)
        told = {"prediction_id": found["id"], "labels": expected[::-1]}
        assert client.post("/feedback", json=told).json()["correct"] is True
        less = client.post("/feedback", json=told | {"labels": expected[:1]})
        assert less.json()["correct"] is False
        wrongs: list[dict[str, object]] = [
            {"label": "cs.RO"},
            {"labels": []},
            {"labels": ["x"]},
            {},
        ]
        for wrong in wrongs:
            body = {"prediction_id": found["id"], **wrong}
            assert client.post("/feedback", json=body).status_code == 422, wrong
        info = client.get("/model/info").json()
        assert info["problem"] == "multi-label"
        assert info["metrics"]["test"]["hamming_loss"] < 0.5
    logged = home.log.find(found["id"])
    assert logged.labels == tuple(expected)
    assert home.log.feedback(found["id"])[0].labels == tuple(expected[::-1])
    home.database.close()
