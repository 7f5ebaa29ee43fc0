"""`classmark predictions export`."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from pyarrow import parquet

from classmark.assembly import open_home
from classmark.predictions import Feedback, Prediction, Spool

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)


def said(number: int, text: str = "An index.") -> Prediction:
    at = NOON + timedelta(hours=number)
    return Prediction(f"p{number}", "shelf", "v1.0.0", text, "cs.DB", 0.75, 1.5, None, at)


@pytest.fixture
def talkative(home: Path) -> Path:
    """A home whose server answered four texts, the last of them just before it was killed."""
    place = open_home(home)
    place.log.add([said(0), said(1, "=SUM(A1)"), said(2)])
    for prediction, label in (("p0", "cs.CV"), ("p0", "cs.DB"), ("p2", "cs.CV")):
        place.log.add_feedback(Feedback(prediction, label, "ada", NOON))
    spool = Spool(home / "spool", place.log)
    spool.append([said(3)])
    spool.close()
    place.database.close()
    return home


def test_all_is_written_with_the_newest_labels(
    inside: Any, talkative: Path, tmp_path: Path
) -> None:
    out = tmp_path / "said.jsonl"
    done = inside("predictions", "export", "shelf", "--out", out, "--home", talkative)
    assert done.returncode == 0, done.stderr
    assert "4 predictions, 2 of them with a label" in " ".join(done.stdout.split())
    rows = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert [row["id"] for row in rows] == ["p0", "p1", "p2", "p3"]
    assert [row["is_right"] for row in rows] == [True, None, False, None]
    assert rows[0]["predicted_at"] == "2026-05-06T12:00:00.000+00:00"
    assert rows[0]["labelled_by"] == "ada"


def test_a_spreadsheet_runs_nothing_of_it_and_parquet_has_types(
    inside: Any, talkative: Path, tmp_path: Path
) -> None:
    sheet, table = tmp_path / "said.csv", tmp_path / "said.parquet"
    for out in (sheet, table):
        done = inside("predictions", "export", "shelf", "--out", out, "--home", talkative)
        assert done.returncode == 0, done.stderr
    with sheet.open(newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)][1] == "'=SUM(A1)"
    rows = parquet.read_table(table).to_pylist()
    assert rows[0]["predicted_at"] == NOON
    assert rows[0]["true_labels"] == ["cs.DB"]
    assert rows[1]["labelled_at"] is None


def test_times_bound_it(inside: Any, talkative: Path, tmp_path: Path) -> None:
    out = tmp_path / "said.jsonl"
    given = ("--since", "2026-05-06T13:00", "--until", "2026-05-06T15:00")
    done = inside("predictions", "export", "shelf", "--out", out, *given, "--home", talkative)
    assert done.returncode == 0, done.stderr
    rows = [orjson.loads(line)["id"] for line in out.read_bytes().splitlines()]
    assert rows == ["p1", "p2"]


def test_what_can_t_be_drained_is_told_and_leaves_no_segment_behind(
    inside: Any, talkative: Path, tmp_path: Path
) -> None:
    (talkative / "spool" / "loop.jsonl").symlink_to("loop.jsonl")
    before = set((talkative / "spool").iterdir())
    out = tmp_path / "said.jsonl"
    done = inside("predictions", "export", "shelf", "--out", out, "--home", talkative)
    assert done.returncode == 6, done.stderr
    assert set((talkative / "spool").iterdir()) <= before
    assert not out.exists()


@pytest.mark.parametrize(("since", "until"), [("2026-05-07", "2026-05-06"), ("2026-05-06",) * 2])
def test_times_between_which_nothing_lies_are_refused(
    since: str, until: str, inside: Any, talkative: Path
) -> None:
    out = talkative.parent / "said.jsonl"
    given = ("--since", since, "--until", until)
    done = inside("predictions", "export", "shelf", "--out", out, *given, "--home", talkative)
    assert done.returncode == 2
    assert f"Nothing lies between --since {since} 00:00:00 and --until {until}" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("model", "name", "told"),
    [("box", "said.jsonl", (3, "box")), ("shelf", "said.xlsx", (2, ".parquet"))],
)
def test_what_can_not_be_is_told_and_writes_nothing(
    model: str, name: str, told: tuple[int, str], inside: Any, talkative: Path
) -> None:
    out = talkative.parent / name
    done = inside("predictions", "export", model, "--out", out, "--home", talkative)
    assert done.returncode == told[0]
    assert told[1] in done.stderr
    assert not out.exists()
