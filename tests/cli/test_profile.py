"""`classmark profile`: a page, plots and figures of a dataset or a file, whatever is in it."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

Done = subprocess.CompletedProcess[str]
Classmark = Callable[..., Done]
Look = Callable[[Path], dict[str, object]]
PLOTS = {"classes.png", "lengths.png", "class_lengths.png"}


def written(path: Path, *rows: Mapping[str, object]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def profiled(classmark: Classmark, *arguments: object, result: Path) -> tuple[dict[str, Any], Done]:
    done = classmark("profile", *arguments, "--json", result)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(result.read_bytes())
    return found, done


def test_a_dataset_is_profiled_into_the_reports_of_its_home(
    classmark: Classmark, home: Path, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    found, done = profiled(classmark, "papers", "--home", home, result=result)
    folder = home / "reports" / "papers_profile"
    assert found["page"] == str(folder / "profile.html")
    assert {path.name for path in folder.iterdir()} == {"profile.html", *PLOTS}
    assert found["parts"] == {"train": 48, "val": 6, "test": 6}
    assert found["counts"] == {"cs.AI": 20, "cs.CV": 20, "cs.DB": 20}
    assert found["words"]["least"] <= found["words"]["p50"] <= found["words"]["most"]
    assert set(found["terms"]) == {"cs.AI", "cs.CV", "cs.DB"}
    assert found["languages"] == {}
    assert f"Profile: {folder / 'profile.html'}" in done.stdout
    assert "60 documents, 3 classes" in done.stdout
    assert done.stderr == ""


def test_a_file_is_profiled_and_no_home_is_needed(
    classmark: Classmark, papers: Path, tmp_path: Path
) -> None:
    out, place = tmp_path / "deep" / "out", tmp_path / "home"
    found, _ = profiled(
        classmark, papers, "--out", out, "--home", place, result=tmp_path / "result.json"
    )
    assert (found["name"], found["documents"]) == ("papers", 60)
    assert found["languages"] == {"English": 60}
    assert {path.name for path in out.iterdir()} == {"profile.html", *PLOTS}
    assert not place.exists()


def test_a_second_profile_takes_the_place_of_the_first(classmark: Classmark, home: Path) -> None:
    for _ in range(2):
        assert classmark("profile", "papers", "--home", home).returncode == 0
    assert [path.name for path in (home / "reports").iterdir()] == ["papers_profile"]


def test_a_file_without_labels_is_profiled_and_told(classmark: Classmark, tmp_path: Path) -> None:
    rows = [{"text": f"some text number {number}"} for number in range(12)]
    source = written(tmp_path / "odd name!.jsonl", *rows)
    place = tmp_path / "home"
    found, done = profiled(classmark, source, "--home", place, result=tmp_path / "result.json")
    assert found["counts"] == {}
    assert found["missing"]["label"] == 12
    assert "No document has a label" in done.stderr
    assert (place / "reports" / "odd_name_profile" / "profile.html").is_file()


def test_fields_can_be_named_and_labels_be_several(classmark: Classmark, tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "body": f"text {n}", "topics": ["a", "b"] if n % 2 else ["a"]}
        for n in range(10)
    ]
    source = written(tmp_path / "topics.jsonl", *rows)
    fields = ("--text-fields", "body", "--label-field", "topics", "--multi-label")
    found, _ = profiled(
        classmark, source, *fields, "--out", tmp_path / "out", result=tmp_path / "result.json"
    )
    assert found["counts"] == {"a": 10, "b": 5}
    assert found["labels_each"] == {"1": 5, "2": 5}


def test_other_files_in_the_folder_stay(classmark: Classmark, papers: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine", "utf-8")
    for _ in range(2):
        assert classmark("profile", papers, "--out", out).returncode == 0
    assert {path.name for path in out.iterdir()} == {"profile.html", "notes.txt", *PLOTS}
    assert (out / "notes.txt").read_text("utf-8") == "mine"


@pytest.fixture
def places(tmp_path: Path, shelf: Path, papers: Path) -> dict[str, Path]:
    """A folder of files that can't be profiled, a home, and a file that could be."""
    folder = tmp_path / "wrong"
    (folder / "taken").mkdir(parents=True)
    (folder / "taken" / "classes.png").write_bytes(b"mine")
    (folder / "empty.jsonl").write_bytes(b"")
    (folder / "prose.jsonl").write_bytes(b"no JSON\n")
    written(folder / "textless.jsonl", {"text": "a"}, {"text": " "})
    return {"wrong": folder, "shelf": shelf, "papers": papers}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nothing", "There is no file and no dataset 'nothing' (datasets: papers)."),
        ("{wrong}/missing.jsonl", "There is no file and no dataset"),
        ("{wrong}/empty.jsonl", "holds no records"),
        ("{wrong}/prose.jsonl", "is not JSON (line 1"),
        ("{wrong}/textless.jsonl", "line 2: no text in 'text'"),
        ("{papers} --label-field genre", "no field 'genre'"),
        ("{papers} --text-fields ,", "--text-fields names no field"),
        ("papers --out {papers}", "No folder can be written at"),
        ("papers --out {papers}/below", "No folder can be written at"),
        ("papers --out {wrong}/taken", "classes.png is there already"),
        ("papers --json {wrong}", "No file can be written at"),
    ],
)
def test_what_can_t_be_profiled_is_refused_and_nothing_is_written(
    line: str, told: str, places: dict[str, Path], inside: Classmark, look: Look
) -> None:
    before = look(places["shelf"]), look(places["wrong"])
    words = (word.format(**places) for word in line.split())
    done = inside("profile", *words, "--home", places["shelf"])
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert told in done.stderr
    assert "Next: " in done.stderr
    assert (look(places["shelf"]), look(places["wrong"])) == before


def test_a_missing_extra_is_told_before_the_work(papers: Path, tmp_path: Path) -> None:
    code = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "jinja2":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
sys.argv = ["classmark", "profile", {str(papers)!r}, "--out", {str(tmp_path / "out")!r}]
from classmark.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "pip install 'classmark[train]'" in done.stderr
    assert list(tmp_path.iterdir()) == []
