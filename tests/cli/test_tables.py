"""Versions of tables, as their user trains, measures and asks them."""

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from classmark.assembly import open_home
from classmark.datasets import (
    DocumentSource,
    PreparationRecipe,
    PreparedTable,
    TableRecipe,
    TableSource,
    origin_of,
    prepare,
    prepare_table,
    read_table,
)
from classmark.documents import sample_documents
from classmark.progress import Silent
from classmark.registry import ModelReference, Version
from classmark.retraining import VersionRequest, train_table_version, train_version
from classmark.training import TrainingRecipe

Classmark = Callable[..., subprocess.CompletedProcess[str]]

NOW = datetime(2024, 5, 6, tzinfo=UTC)
LABELS = ("cs.CV", "cs.DB")
STRICT = {"regularisation": "100"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    load_wine(as_frame=True).frame.to_csv(folder / "wine.csv", index=False)
    patients = load_diabetes(as_frame=True, scaled=False).frame
    patients.to_csv(folder / "patients.csv", index=False)
    patients.drop(columns=["target", "bmi"]).to_csv(folder / "new.csv", index=False)
    patients.drop(columns="s3").to_csv(folder / "narrow.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def cellar(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two tables, one of which has the name of a dataset of texts too."""
    place = open_home(tmp_path_factory.mktemp("cellar") / "home")
    wine = prepared(files / "wine.csv", "wine", "target")
    patients = prepared(files / "patients.csv", "patients", "target", "bmi")
    chosen = [d for d in sample_documents() if d.label in LABELS]
    papers = prepare(
        "wine", DocumentSource(chosen, {"name": "samples"}), PreparationRecipe(), now=NOW
    )
    for table in (wine, patients):
        place.tables.save(table)
    place.datasets.save(papers)
    none: dict[str, str] = {}
    rounds = (("wine", wine, none), ("wine", wine, STRICT), ("patients", patients, none))
    for model, table, parameters in rounds:
        request = VersionRequest(model, TrainingRecipe("linear", parameters))
        train_table_version(table, request, place.registry, progress=Silent())
    texts = VersionRequest("texts", TrainingRecipe("linear"))
    train_version(papers, texts, place.registry, threads=1, progress=Silent())
    place.registry.promote(ModelReference("wine", Version(1, 0, 0)))
    place.database.close()
    return place.folder


def prepared(path: Path, name: str, *targets: str) -> PreparedTable:
    source = TableSource(read_table(path), origin_of(path))
    return prepare_table(name, source, TableRecipe(targets), now=NOW)


def told_by(classmark: Classmark, home: Path, result: Path, *command: object) -> dict[str, object]:
    done = classmark(*command, "--home", home, "--json", result)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(result.read_bytes())
    return told | {"stdout": done.stdout, "stderr": done.stderr}


def test_a_table_becomes_the_next_version(
    classmark: Classmark, cellar: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(cellar, tmp_path / "home", symlinks=True)
    command = ("train", "wine", "--kind", "table", "--model", "wine", "--family", "forest")
    told = told_by(classmark, home, tmp_path / "r", *command, "--set", "trees=5")
    assert (told["name"], told["family"], told["task"]) == (
        *("wine_v2.0.0", "forest", "classification"),
    )
    assert "linear baseline: accuracy" in str(told["stdout"])
    assert told["targets"] == ["target"]
    metrics, baseline = told["metrics"], told["baseline"]
    assert isinstance(metrics, dict)
    assert isinstance(baseline, dict)
    assert metrics["test"]["targets"]["target"]["accuracy"] > 0.6
    assert baseline["metrics"]["test"]["accuracy"] > 0.6


@pytest.mark.parametrize(
    ("dataset", "model", "asked"),
    [
        (("patients",), "texts", "'texts' are asked for texts"),
        (("wine", "--kind", "texts"), "wine", "'wine' are asked for the rows of tables"),
    ],
)
def test_a_model_is_of_texts_or_of_tables(
    dataset: tuple[str, ...], model: str, asked: str, inside: Classmark, cellar: Path
) -> None:
    done = inside("train", *dataset, "--model", model, "--family", "linear", "--home", cellar)
    assert done.returncode == 2
    assert asked in done.stderr


def test_a_table_with_the_name_of_texts_is_named_with_its_kind(
    inside: Classmark, files: Path, cellar: Path, tmp_path: Path
) -> None:
    home = shutil.copytree(cellar, tmp_path / "home", symlinks=True)
    command = ("prepare-table", files / "wine.csv", "--name", "wine", "--target", "target")
    done = inside(*command, "--home", home)
    assert "Next: classmark train wine --kind table --model wine" in done.stdout, done.stderr


def test_versions_of_classes_and_numbers_are_listed(inside: Classmark, cellar: Path) -> None:
    done = inside("versions", "wine", "--home", cellar)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("%") == 2
    assert "R²" in inside("versions", "patients", "--home", cellar).stdout


def test_classes_are_measured_on_the_test_part(
    inside: Classmark, cellar: Path, tmp_path: Path
) -> None:
    told = told_by(inside, cellar, tmp_path / "r", "evaluate", "wine@production", "wine")
    assert told["n"] == 26
    assert "accuracy" in str(told["stdout"])
    report = Path(str(told["report"]))
    assert {path.name for path in report.iterdir()} == {"metrics.json", "predictions.csv"}
    rows = pd.read_csv(report / "predictions.csv")
    assert len(rows) == 26
    assert {"target", "predicted_target", "probability_target=2"} <= set(rows.columns)


def test_numbers_are_measured_on_a_file_and_rows_that_were_learned_are_told(
    inside: Classmark, cellar: Path, files: Path, tmp_path: Path
) -> None:
    told = told_by(
        inside, cellar, tmp_path / "r", "evaluate", "patients@latest", files / "patients.csv"
    )
    assert "learned from 308 of these 442 rows" in str(told["stderr"])
    targets = told["targets"]
    assert isinstance(targets, dict)
    assert list(targets) == ["target", "bmi"]
    assert targets["bmi"]["mae"]["low"] < targets["bmi"]["mae"]["value"]


def test_two_versions_are_compared(inside: Classmark, cellar: Path, tmp_path: Path) -> None:
    told = told_by(inside, cellar, tmp_path / "r", "compare", "wine@v1.0.0", "wine@v1.0.1", "wine")
    assert told["n"] == 26
    assert "points" in str(told["stdout"])
    (target,) = told["targets"].values()  # type: ignore[attr-defined]
    assert {"n", "a", "b", "difference", "interval", "per_class", "regressions"} <= target.keys()
    same = told_by(
        inside,
        cellar,
        tmp_path / "r",
        *("compare", "patients@v1.0.0", "patients@latest", "patients", "--out", tmp_path / "out"),
    )
    assert str(same["stdout"]).count("Not shown to differ") == 2
    assert [sorted(target) for target in same["targets"].values()] == [  # type: ignore[attr-defined]
        ["a", "b", "difference", "interval", "n", "p_value", "verdict", "winner"]
    ] * 2
    assert (tmp_path / "out" / "comparison.json").is_file()


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_predictions_stand_beside_the_rows(
    name: str, inside: Classmark, cellar: Path, files: Path, tmp_path: Path
) -> None:
    out = tmp_path / name
    command = ("predict", "patients@latest", "--file", files / "new.csv", "--out", out)
    told = told_by(inside, cellar, tmp_path / "r", *command)
    rows = pd.read_csv(out) if name.endswith("csv") else pd.read_parquet(out)
    given = pd.read_csv(files / "new.csv")
    assert list(rows.columns) == [*given.columns, "predicted_target", "predicted_bmi"]
    assert rows["age"].astype(float).tolist() == given["age"].tolist()
    assert told["rows"] == len(rows) == 442
    assert 20 < rows["predicted_bmi"].mean() < 32


def test_a_version_tells_where_it_comes_from(inside: Classmark, cellar: Path) -> None:
    done = inside("lineage", "wine@v1.0.0", "--home", cellar)
    assert done.returncode == 0, done.stderr
    assert "kept, and whole" in done.stdout
    asked = inside("lineage", "--document", "nobody", "--home", cellar)
    assert "can't be told" not in asked.stderr


def test_doctor_knows_tables_and_their_versions(inside: Classmark, cellar: Path) -> None:
    done = inside("doctor", "--home", cellar)
    assert done.returncode == 0, done.stdout
    assert "ok  datasets: wine\n" in done.stdout
    assert "ok  tables: patients, wine\n" in done.stdout
    assert "ok  model patients: patients_v1.0.0 (testing) is intact" in done.stdout
    assert "ok  model wine: wine_v1.0.0 (production) is intact" in done.stdout


REFUSALS = {
    "train wine --model new --family boosted": (2, "'wine' is a dataset of texts and a table"),
    "train patience --model new --family linear": (3, "no dataset and no table 'patience'"),
    "train patients --model new --family linear --promise 0.8": (2, "for models of texts"),
    "train wine --kind texts --model new --family transformer --teacher patients@latest": (
        *(2, "a teacher must be a version of texts"),
    ),
    "predict patients@latest --file {files}/narrow.csv": (2, "has no column 's3'"),
    "predict patients@latest --file {files}/new.csv --out {files}/a.jsonl": (2, "a.jsonl"),
    "predict patients@latest --file {files}/new.csv --text-fields a": (2, "for texts"),
    "predict patients@latest a_text": (2, "tables are predicted from files"),
    "evaluate patients@latest {files}/new.csv": (2, "no column 'target', 'bmi'"),
    "compare patients@latest wine@latest patients": (2, "different targets"),
    "compare texts@latest wine@latest wine": (2, "texts_v1.0.0 classifies texts"),
    "serve --model wine --port 0 --no-ui --workers 2": (2, "tables are predicted from files"),
    "audit patients": (2, "'patients' is a table"),
}


@pytest.mark.parametrize("command", REFUSALS)
def test_what_can_not_be_is_said(
    command: str, classmark: Classmark, inside: Classmark, cellar: Path, files: Path
) -> None:
    code, told = REFUSALS[command]
    # A server that starts all the same must not be this process.
    call = classmark if command.startswith("serve") else inside
    done = call(*command.format(files=files).split(), "--home", cellar)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert "Next: " in done.stderr


def test_a_column_that_nobody_knows_is_named(
    classmark: Classmark, cellar: Path, files: Path, tmp_path: Path
) -> None:
    rows = pd.read_csv(files / "new.csv").assign(blood_pressure=1)
    rows.to_csv(tmp_path / "wide.csv", index=False)
    done = classmark(
        *("predict", "patients@latest", "--file", tmp_path / "wide.csv"),
        *("--out", tmp_path / "out.csv", "--home", cellar),
    )
    assert done.returncode == 0, done.stderr
    assert "knows no column 'blood_pressure'" in done.stderr
