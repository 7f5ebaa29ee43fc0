"""The report: five files, nothing from outside, and nothing in it that runs."""

import csv
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from classmark.documents import Document
from classmark.evaluation import (
    Assessment,
    ReportHeading,
    assess,
    latency_of,
    measure,
    write_report,
)
from classmark.evaluation.plots import plot_confusion, plot_per_class
from classmark.models import Answer, Classifier

MakeDocuments = Callable[[list[tuple[str, str, tuple[float, float, float]]]], list[Document]]
HEADING = ReportHeading("shelves_v1.0.0", "papers.jsonl", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC))
ROWS = [
    ("one", "db", (0.8, 0.1, 0.1)),
    ("two", "db", (0.2, 0.7, 0.1)),
    ("three", "ml", (0.05, 0.9, 0.05)),
    ("four", "ml", (0.05, 0.05, 0.9)),
    ("five", "ro", (0.3, 0.3, 0.4)),
]
PNG = b"\x89PNG\r\n\x1a\n"


class Page(HTMLParser):
    """What stands in a page: its elements, their addresses and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(folder: Path) -> Page:
    return Page((folder / "report.html").read_text("utf-8"))


def errors_in(folder: Path) -> list[dict[str, str]]:
    with (folder / "errors.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def assessment(parrot: Classifier, make_documents: MakeDocuments) -> Assessment:
    return assess(parrot, make_documents(ROWS))


@pytest.fixture(scope="module")
def folder(assessment: Assessment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(assessment, HEADING, tmp_path_factory.mktemp("reports"))


def retitled(assessment: Assessment, **changes: Any) -> Assessment:
    """The same with every document changed."""
    return replace(assessment, documents=[replace(one, **changes) for one in assessment.documents])


def test_a_report_is_five_files_in_a_folder_of_its_own(folder: Path) -> None:
    assert folder.name == "shelves_v1.0.0_20240506T070809_000000Z"
    assert {path.name for path in folder.iterdir()} == {
        *("report.html", "confusion.png", "per_class.png", "errors.csv", "metrics.json")
    }


def test_the_folder_is_named_in_utc_whatever_the_clock_s_zone(
    assessment: Assessment, tmp_path: Path
) -> None:
    elsewhere = HEADING.evaluated_at.astimezone(timezone(timedelta(hours=-8)))
    found = write_report(assessment, replace(HEADING, evaluated_at=elsewhere), tmp_path)
    assert found.name.endswith("_20240506T070809_000000Z")


def test_the_plots_are_png_of_a_size_that_can_be_read(folder: Path) -> None:
    for name in ("confusion.png", "per_class.png"):
        content = (folder / name).read_bytes()
        assert content.startswith(PNG)
        width, height = struct.unpack(">II", content[16:24])
        assert 300 < width < 3000
        assert 200 < height < 3000


def test_the_figures_are_kept_as_json(folder: Path, assessment: Assessment) -> None:
    found = orjson.loads((folder / "metrics.json").read_bytes())
    assert found["rows"] == 5
    assert found["accuracy"]["value"] == assessment.evaluation.accuracy.value
    assert found["labels"] == ["db", "ml", "ro"]
    assert found["confusion"] == [[1, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert [row["label"] for row in found["per_class"]] == ["db", "ml", "ro"]
    assert set(found["latency"]) == {"mean_ms", "p50_ms", "p95_ms", "p99_ms"}


def test_errors_are_listed_the_surest_first(folder: Path) -> None:
    rows = errors_in(folder)
    assert [(row["id"], row["true"], row["given"]) for row in rows] == [
        ("four", "ml", "ro"),
        ("two", "db", "ml"),
    ]
    assert rows[0]["confidence"] == "0.9"
    assert rows[0]["text"].startswith("About four.\n")


def test_the_page_says_what_was_measured(folder: Path) -> None:
    page = page_of(folder)
    assert "Evaluation of shelves_v1.0.0" in page.text
    assert "5 labelled documents from papers.jsonl" in page.text
    assert "0.600" in page.text
    assert "About four" in page.text
    assert "All 2 errors" in page.text
    assert page.elements.count("img") == 2


def test_the_page_asks_nothing_of_the_outside(folder: Path) -> None:
    source = (folder / "report.html").read_text("utf-8")
    page = Page(source)
    assert page.addresses
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(page.elements)
    assert re.findall(r"https?:|@import|url\(|//\w", re.sub(r"base64,[^\"]+", "", source)) == []


@pytest.mark.parametrize("field", ["id", "title"])
def test_markup_in_a_document_is_shown_and_not_run(
    assessment: Assessment, tmp_path: Path, field: str
) -> None:
    markup = "<script>alert(1)</script><img src=x onerror=alert(2)> & \"quotes' {{ 7 * 7 }}"
    folder = write_report(retitled(assessment, **{field: markup}), HEADING, tmp_path)
    page = page_of(folder)
    assert "script" not in page.elements
    assert page.elements.count("img") == 2
    assert markup in page.text


def test_markup_in_labels_model_and_source_is_shown_and_not_run(tmp_path: Path) -> None:
    labels = ("<b>bold</b>", "<script>x</script>", "$\\frac{1}{$")
    answers = [Answer(labels[0], 0.8, (0.8, 0.1, 0.1))] * 3
    documents = [Document(str(number), "text", label) for number, label in enumerate(labels)]
    rows = np.array([answer.probabilities for answer in answers])
    evaluation = measure(list(labels), rows, labels, latency_of([0.001]))
    heading = replace(HEADING, source="<i>from here</i>")
    page = page_of(write_report(Assessment(documents, answers, evaluation), heading, tmp_path))
    assert not {"b", "i", "script"} & set(page.elements)
    for text in (*labels, "<i>from here</i>"):
        assert text in page.text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula_to_a_spreadsheet(
    assessment: Assessment, tmp_path: Path, start: str
) -> None:
    formula = f"{start}HYPERLINK(1)"
    changed = retitled(assessment, id=formula, title=formula, text=formula)
    for row in errors_in(write_report(changed, HEADING, tmp_path)):
        assert {row["id"], row["title"], row["text"]} == {f"'{formula}"}


def test_a_document_without_a_title_is_shown_by_its_first_words(
    assessment: Assessment, tmp_path: Path
) -> None:
    changed = retitled(assessment, title="", text="first words " * 50)
    folder = write_report(changed, HEADING, tmp_path)
    assert errors_in(folder)[0]["title"] == ("first words " * 50)[:80]


def test_without_errors_the_page_says_so(
    parrot: Classifier, make_documents: MakeDocuments, tmp_path: Path
) -> None:
    folder = write_report(assess(parrot, make_documents(ROWS[:1])), HEADING, tmp_path)
    page = page_of(folder)
    assert "There are none." in page.text
    assert "not defined" in page.text
    assert errors_in(folder) == []


def test_only_the_first_errors_are_on_the_page_and_all_of_them_in_the_csv(
    parrot: Classifier, make_documents: MakeDocuments, tmp_path: Path
) -> None:
    rows = [(f"document {number}", "ro", (0.9, 0.05, 0.05)) for number in range(30)]
    folder = write_report(assess(parrot, make_documents(rows)), HEADING, tmp_path)
    assert page_of(folder).text.count("About document") == 20
    assert "All 30 errors" in page_of(folder).text
    assert len(errors_in(folder)) == 30


def test_a_report_never_takes_the_place_of_another(assessment: Assessment, tmp_path: Path) -> None:
    first = write_report(assessment, HEADING, tmp_path)
    with pytest.raises(FileExistsError):
        write_report(assessment, HEADING, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


@pytest.mark.parametrize(
    "labels",
    [
        ("a", "b"),
        ("$x$", "cost $5 and \\frac{"),
        ("日本語", "🚀 launch"),
        ("_hidden", "a label that is much longer than any plot has room for on its side"),
        tuple(f"class {number}" for number in range(40)),
    ],
    ids=["two", "dollars", "other scripts", "long", "many"],
)
def test_any_labels_can_be_plotted(labels: tuple[str, ...], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = [labels[index % len(labels)] for index in range(50)]
    answers = rng.dirichlet(np.ones(len(labels)), 50)
    evaluation = measure(truth, answers, labels, latency_of([0.001]))
    for plot in (plot_confusion, plot_per_class):
        plot(evaluation, tmp_path / "plot.png")
        assert (tmp_path / "plot.png").read_bytes().startswith(PNG)


@pytest.mark.slow
def test_a_thousand_classes_can_be_plotted(tmp_path: Path) -> None:
    labels = tuple(f"class {number}" for number in range(1200))
    answers = np.eye(1200)
    evaluation = measure(labels, answers, labels, latency_of([0.001]))
    plot_confusion(evaluation, tmp_path / "confusion.png")
    plot_per_class(evaluation, tmp_path / "per_class.png")
    for name in ("confusion.png", "per_class.png"):
        width, height = struct.unpack(">II", (tmp_path / name).read_bytes()[16:24])
        assert max(width, height) < 10_000
