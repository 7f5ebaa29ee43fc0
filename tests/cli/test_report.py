"""`report`: of a version on the documents it was tested on, or on others; into a folder."""

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Done = subprocess.CompletedProcess[str]
Classmark = Callable[..., Done]
Look = Callable[[Path], dict[str, object]]


def test_a_report_is_on_the_test_part_of_the_snapshot_that_was_learned_from(
    classmark: Classmark, home: Path, papers: Path, tmp_path: Path
) -> None:
    # The dataset's name points elsewhere now; the version's own snapshot is what counts.
    prepared = ("prepare", papers, "--name", "papers", "--seed", 7, "--home", home)
    assert classmark(*prepared).returncode == 0
    out, path = tmp_path / "new" / "report", tmp_path / "result.json"
    done = classmark("report", "shelf@v1.0.0", "--out", out, "--json", path, "--home", home)
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_bytes())
    assert (found["model"], found["version"], found["n"]) == ("shelf", "v1.0.0", 6)
    assert found["source"].startswith("the test part of papers, snapshot ")
    assert found["report"] == str(out)
    assert "learned from" not in done.stderr
    page = (out / "report.html").read_text("utf-8")
    for text in ("Weak points", "longest_ngram", "papers, snapshot", "serves as", "labelled"):
        assert text in page
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF-")
    with (out / "performance.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows[:4]] == ["all", "cs.AI", "cs.CV", "cs.DB"]
    for finding in found["findings"]:
        assert finding in done.stdout


def test_a_report_on_other_documents_says_which(
    classmark: Classmark, shelf: Path, papers: Path, tmp_path: Path
) -> None:
    out, path = tmp_path / "report", tmp_path / "result.json"
    asked = ("report", "shelf@v1.0.0", papers, "--out", out, "--json", path, "--home", shelf)
    done = classmark(*asked)
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_bytes())
    assert (found["source"], found["n"]) == (str(papers), 60)
    assert "learned from 48 of these 60 documents" in done.stderr
    one = found["slices"][0]
    assert one["accuracy_interval"][0] <= one["accuracy"] <= one["accuracy_interval"][1]


@pytest.mark.parametrize("what", ["snapshot gone", "folder taken", "no folder", "no model"])
def test_what_can_t_be_reported_is_refused_before_the_work(
    what: str, inside: Classmark, home: Path, tmp_path: Path, look: Look
) -> None:
    taken, file = tmp_path / "taken", tmp_path / "file"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    file.write_text("mine")
    if what == "snapshot gone":
        shutil.rmtree(home / "data" / "snapshots")
    arguments, code, said = {
        "snapshot gone": (("shelf@v1.0.0",), 2, "was trained from is not kept here"),
        "folder taken": (("shelf@v1.0.0", "--out", taken), 2, "is there already"),
        "no folder": (("shelf@v1.0.0", "--out", file / "report"), 2, "No folder can be made"),
        "no model": (("shelf@v9.9.9",), 3, "has no version v9.9.9"),
    }[what]
    before = look(tmp_path)
    done = inside("report", *arguments, "--home", home)
    assert done.returncode == code
    assert said in done.stderr
    assert look(tmp_path) == before


def test_without_pango_everything_but_the_pdf_is_written_and_a_note_says_so(
    classmark: Classmark, shelf: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "twin"
    twin.mkdir()
    (twin / "weasyprint.py").write_text("raise OSError('cannot load library pango')")
    out = tmp_path / "report"
    asked = ("report", "shelf@v1.0.0", "--out", out, "--home", shelf)
    done = classmark(*asked, PYTHONPATH=os.pathsep.join([str(twin)]))
    assert done.returncode == 0, done.stderr
    assert "Note: There is no report.pdf: WeasyPrint, or Pango" in done.stderr
    assert (out / "report.html").is_file()
    assert not (out / "report.pdf").exists()
