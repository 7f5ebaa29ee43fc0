"""`classmark audit` lists the labels to look at, for people, spreadsheets and scripts."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Done = subprocess.CompletedProcess[str]
Classmark = Callable[..., Done]

WORDS = {
    "bread": "flour yeast oven crust dough",
    "ships": "keel mast harbour sail anchor",
    "stars": "comet orbit telescope nebula dwarf",
}
FLIPPED = {"bread-3": "ships", "ships-8": "stars", "stars-14": "bread"}


def record(topic: str, number: int, **given: str) -> dict[str, str]:
    own = " ".join(f"{topic}{number}{place}" for place in range(10))
    whole = {"id": f"{topic}-{number}", "text": f"{WORDS[topic]} {own}", "label": topic}
    return whole | {"title": f"=About {topic} {number}"} | given


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 documents; three labels are wrong, and one document is there again under each of two."""
    rows = [record(label, number) for label in WORDS for number in range(30)]
    rows = [row | {"label": FLIPPED.get(row["id"], row["label"])} for row in rows]
    text = record("bread", 20)["text"]
    rows.append(record("bread", 20, id="same", title="The same", label="ships"))
    rows.append(record("bread", 20, id="near", title="Near", text=f"{text} again", label="stars"))
    path = tmp_path_factory.mktemp("records") / "records.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def stocked(classmark: Classmark, records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the dataset `things`."""
    home = tmp_path_factory.mktemp("stocked") / "home"
    plain = ("--min-words", 5, "--any-language", "--text-fields", "text")
    done = classmark("prepare", records, "--name", "things", *plain, "--home", home)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def audited(
    classmark: Classmark, stocked: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Done]:
    path = tmp_path_factory.mktemp("result") / "result.json"
    done = classmark("audit", "things", "--folds", 3, "--home", stocked, "--json", path)
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_bytes()), done


def listed(result: dict[str, Any], name: str) -> list[dict[str, str]]:
    with Path(result["folder"], name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_wrong_labels_are_listed_with_what_they_should_be(
    audited: tuple[dict[str, Any], Done], stocked: Path
) -> None:
    result, done = audited
    assert Path(result["folder"]) == stocked / "reports" / "things_audit"
    found = {row["id"]: (row["label"], row["suggested"]) for row in listed(result, "suspects.csv")}
    for name, label in FLIPPED.items():
        assert found[name] == (label, name.partition("-")[0])
        assert name in done.stdout
    assert len(found) <= 6
    assert [row["id"] for row in result["suspects"]] == list(found)


def test_the_list_has_the_columns_that_are_documented(
    audited: tuple[dict[str, Any], Done],
) -> None:
    first = listed(audited[0], "suspects.csv")[0]
    assert list(first) == [
        *("id", "part", "label", "suggested"),
        *("label_probability", "suggested_probability", "margin", "title"),
    ]
    assert first["part"] in {"train", "val", "test"}
    margin = float(first["suggested_probability"]) - float(first["label_probability"])
    assert float(first["margin"]) == pytest.approx(margin, abs=2e-6)


def test_no_title_is_run_as_a_formula(audited: tuple[dict[str, Any], Done]) -> None:
    titles = [row["title"] for row in listed(audited[0], "suspects.csv")]
    assert any(title.startswith("'=About") for title in titles)
    assert not any(title.startswith("=") for title in titles)


def test_conflicts_are_listed_those_too_that_prepare_left_out(
    audited: tuple[dict[str, Any], Done],
) -> None:
    result, done = audited
    conflicts = listed(result, "conflicts.csv")
    assert [(row["id"], row["other_id"], row["other_part"]) for row in conflicts][:1] == [
        ("bread-20", "same", "dropped")
    ]
    (near,) = conflicts[1:]
    assert {near["id"], near["other_id"]} == {"bread-20", "near"}
    assert {near["label"], near["other_label"]} == {"bread", "stars"}
    assert 0.8 < float(near["similarity"]) < 1
    assert listed(result, "near_duplicates.csv") == [near]
    assert "2 conflicts, 1 near-duplicates" in done.stdout


def test_what_to_do_next_is_said(audited: tuple[dict[str, Any], Done]) -> None:
    result, done = audited
    assert done.stdout.splitlines()[-1].startswith("Next: look at them, mend wrong labels")
    assert result["folder"] in done.stdout
    assert result["documents"] == 91
    assert result["agreement"] > 0.9
    assert "Note:" not in done.stderr


def test_the_list_can_be_shorter_and_elsewhere(
    classmark: Classmark, stocked: Path, tmp_path: Path
) -> None:
    asked = ("audit", "things", "--folds", 2, "--length", 1, "--out", tmp_path / "lists")
    done = classmark(*asked, "--home", stocked)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "lists" / "suspects.csv").read_text().splitlines()) == 2
    assert sorted(path.name for path in (tmp_path / "lists").iterdir()) == [
        *("conflicts.csv", "near_duplicates.csv", "suspects.csv")
    ]


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (("nothing",), 3, "There is no dataset 'nothing' (known: things)"),
        (("things", "--folds", 1), 2, "can't be answered in 1 folds"),
        (("things", "--length", 0), 2, "--length 0 lists nothing"),
        (("things", "--family", "oracle"), 2, "no model family 'oracle'"),
        (("things", "--out", __file__), 2, "No file can be written"),
    ],
)
def test_what_can_not_be_is_told(
    inside: Classmark, stocked: Path, given: tuple[object, ...], code: int, told: str
) -> None:
    done = inside("audit", *given, "--home", stocked)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


def test_a_judge_that_errs_more_than_the_labels_says_so(
    classmark: Classmark, shelf: Path, tmp_path: Path
) -> None:
    done = classmark("audit", "papers", "--folds", 2, "--out", tmp_path, "--home", shelf)
    assert done.returncode == 0, done.stderr
    assert "Note: Most suspects are the models' own errors: more documents" in done.stderr
