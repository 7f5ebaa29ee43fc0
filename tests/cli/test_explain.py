"""`classmark explain`: the words that an answer rests on, whatever the text and the arguments."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Classmark = Callable[..., subprocess.CompletedProcess[str]]
TEXT = "Query optimisation for joins over relational tables: an image of a query plan."


def explained(
    classmark: Classmark, *arguments: object, path: Path
) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    done = classmark("explain", *arguments, "--json", path, PYTHONWARNINGS="error")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found, done


@pytest.mark.parametrize("method", ["shap", "lime"])
def test_an_answer_is_explained_and_no_warning_is_raised(
    method: str, classmark: Classmark, shelf: Path, tmp_path: Path
) -> None:
    asked = ("shelf@v1.0.0", TEXT, "--method", method, "--home", shelf, "--samples", 300)
    found, done = explained(classmark, *asked, path=tmp_path / "a.json")
    assert done.stdout.startswith(found["answer"])
    assert (found["model"], found["model_version"], found["method"]) == ("shelf", "v1.0.0", method)
    assert found["text"] == TEXT
    strongest = found["speaking_for"][0]
    assert strongest["weight"] > 0
    assert strongest["text"] in done.stdout
    assert f"for {found['answer']}" in done.stdout
    total = found["base"] + sum(piece["weight"] for piece in found["pieces"])
    assert total + found["fidelity"]["gap"] == pytest.approx(found["value"])
    # 300 samples and 21 more for comparison.
    assert found["asked"] <= 321


def test_another_label_is_explained_against_the_answer(
    classmark: Classmark, shelf: Path, tmp_path: Path
) -> None:
    asked = ("shelf@latest", TEXT, "--label", "cs.CV", "--against", "cs.DB", "--home", shelf)
    found, done = explained(classmark, *asked, "--seed", 1, path=tmp_path / "a.json")
    assert (found["label"], found["against"]) == ("cs.CV", "cs.DB")
    assert "The probability of cs.CV less that of cs.DB is" in done.stdout
    weights = {word["text"].lower(): word["weight"] for word in found["speaking_against"]}
    assert "query" in weights


def test_a_page_is_written_and_written_again(
    classmark: Classmark, shelf: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "out"
    asked = ("shelf@latest", TEXT, "--home", shelf, "--method", "lime", "--out", out)
    for _ in range(2):
        _, done = explained(classmark, *asked, path=tmp_path / "a.json")
        assert f"Page: {out / 'explanation.html'}" in done.stdout
    names = {"explanation.html", "explanation.png", "explanation.json"}
    assert {path.name for path in out.iterdir()} == names


def test_a_text_of_5000_words_in_many_scripts_is_explained(
    classmark: Classmark, shelf: Path, tmp_path: Path
) -> None:
    text = "query 数据库 <b>запрос</b> & हिन्दी joins " * 714
    asked = ("shelf@latest", text, "--home", shelf, "--out", tmp_path / "out")
    found, done = explained(classmark, *asked, path=tmp_path / "a.json")
    assert found["words"] > 5000
    assert len(found["pieces"]) <= 250
    assert "words in a row are weighed as one" in done.stderr
    assert "<b>" not in (tmp_path / "out" / "explanation.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (("shelf@latest", " "), "The text is empty", 2),
        (("shelf@latest", "https://example.org"), "Nothing is left of the text", 2),
        (("shelf@latest", TEXT, "--label", "cs.XX"), "no label 'cs.XX'", 2),
        (("shelf@latest", TEXT, "--method", "attention"), "Explain it by shap or lime", 2),
        (("shelf@latest", TEXT, "--method", "guess"), "guess", 2),
        (("shelf@latest", TEXT, "--samples", "1"), "50", 2),
        (("shelf@latest",), "TEXT", 2),
        (("nothing@latest", TEXT), "nothing", 3),
    ],
)
def test_what_can_not_be_explained_is_told_in_one_line(
    arguments: tuple[str, ...], told: str, code: int, inside: Classmark, shelf: Path
) -> None:
    done = inside("explain", *arguments, "--home", shelf)
    assert done.returncode == code
    assert told in done.stderr
    assert done.stdout == ""


def test_a_folder_that_holds_other_things_is_refused_before_the_work(
    inside: Classmark, shelf: Path, tmp_path: Path
) -> None:
    (tmp_path / "explanation.png").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for out, told in ((tmp_path, "belongs to no explanation"), (tmp_path / "file", "No folder")):
        done = inside("explain", "shelf@latest", TEXT, "--home", shelf, "--out", out)
        assert done.returncode == 2
        assert told in done.stderr
        assert done.stdout == ""
    assert (tmp_path / "explanation.png").read_text() == "mine"
