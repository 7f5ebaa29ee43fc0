"""The report: a page and its PDF, nothing from outside, and nothing in it that runs."""

import csv
import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from textwrap import dedent
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
    write_report_at,
)
from classmark.evaluation.plots.class_plots import draw_confusion, draw_per_class
from classmark.evaluation.plots.confidence_plots import (
    draw_confidence,
    draw_reliability,
    draw_risk_coverage,
)
from classmark.evaluation.plots.drawing import drawing_style
from classmark.models import Answer, Classifier

MakeDocuments = Callable[[list[tuple[str, str, tuple[float, float, float]]]], list[Document]]
HEADING = ReportHeading(
    "shelves_v1.0.0",
    "papers.jsonl",
    datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
    (("family", "linear"), ("parameters", "longest_ngram 2")),
    "The linear baseline was worse.",
)
ROWS = [
    ("one", "db", (0.8, 0.1, 0.1)),
    ("two", "db", (0.2, 0.7, 0.1)),
    ("three", "ml", (0.05, 0.9, 0.05)),
    ("four", "ml", (0.05, 0.05, 0.9)),
    ("five", "ro", (0.3, 0.3, 0.4)),
]
PLOTS = (
    *("confusion.png", "per_class.png", "reliability.png", "confidence.png"),
    *("risk_coverage.png", "slices.png"),
)
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


@pytest.fixture(scope="module")
def assessment(parrot: Classifier, make_documents: MakeDocuments) -> Assessment:
    dated = [
        replace(one, published="2023" if one.label == "db" else "2024")
        for one in make_documents(ROWS)
    ]
    return assess(parrot, dated)


@pytest.fixture(scope="module")
def folder(assessment: Assessment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(assessment, HEADING, tmp_path_factory.mktemp("reports"))


def retitled(assessment: Assessment, **changes: Any) -> Assessment:
    """The same with every document changed."""
    return replace(assessment, documents=[replace(one, **changes) for one in assessment.documents])


def test_a_report_is_a_page_a_pdf_plots_and_tables_in_a_folder_of_its_own(folder: Path) -> None:
    assert folder.name == "shelves_v1.0.0_20240506T070809_000000Z"
    assert {path.name for path in folder.iterdir()} == {
        *("report.html", "report.pdf", "errors.csv", "performance.csv", "metrics.json"),
        *PLOTS,
    }


def test_the_folder_is_named_in_utc_whatever_the_clock_s_zone() -> None:
    elsewhere = HEADING.evaluated_at.astimezone(timezone(timedelta(hours=-8)))
    named = replace(HEADING, evaluated_at=elsewhere).folder_name
    assert named.endswith("_20240506T070809_000000Z")


def test_the_plots_are_png_of_a_size_that_can_be_read(folder: Path) -> None:
    for name in PLOTS:
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


def test_slices_and_weak_points_are_kept_as_json_too(folder: Path) -> None:
    found = orjson.loads((folder / "metrics.json").read_bytes())
    assert [(one["kind"], one["name"], one["rows"]) for one in found["slices"]] == [
        ("year", "2023", 2),
        ("year", "2024", 3),
    ]
    assert found["findings"][-1].startswith("5 documents leave accuracy open")


def test_the_pdf_is_of_a4_pages_with_the_plots(folder: Path) -> None:
    content = (folder / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    written = b"".join(_plain(stream) for stream in content.split(b"stream\n"))
    # A4 in points, and as many images as there are plots.
    assert re.search(rb"/MediaBox ?\[0 0 595\.2\d* 841\.8\d*\]", written)
    assert len(re.findall(rb"/Subtype ?/Image", content)) >= len(PLOTS)


def _plain(stream: bytes) -> bytes:
    """What a stream of a PDF holds, where it is one that can be inflated."""
    with suppress(zlib.error):
        return zlib.decompressobj().decompress(stream)
    return stream


@pytest.mark.parametrize(
    "broken", ["raise OSError('cannot load library pango')", "raise ModuleNotFoundError('none')"]
)
def test_where_pango_or_weasyprint_is_missing_all_but_the_pdf_is_written(
    broken: str, tmp_path: Path
) -> None:
    (tmp_path / "weasyprint.py").write_text(broken)
    script = """
        import sys
        from datetime import UTC, datetime
        from pathlib import Path
        import numpy as np
        from classmark.documents import Document
        from classmark.evaluation import (
            Assessment, ReportHeading, latency_of, measure, write_report_at
        )
        from classmark.models import Answer
        rows = np.array([[0.9, 0.1], [0.2, 0.8]])
        documents = [Document("1", "one", "a"), Document("2", "two", "b")]
        answers = [Answer("a", 0.9, (0.9, 0.1), ("a",)), Answer("b", 0.8, (0.2, 0.8), ("b",))]
        evaluation = measure(["a", "b"], rows, ("a", "b"), latency_of([0.001]))
        heading = ReportHeading("m_v1.0.0", "two", datetime.now(UTC))
        folder = Path(sys.argv[1])
        write_report_at(Assessment(documents, answers, evaluation), heading, folder)
        print(sorted(path.name for path in folder.iterdir()))
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(script), tmp_path / "report"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "report.html" in done.stdout
    assert "errors.csv" in done.stdout
    assert ".pdf" not in done.stdout


def test_the_page_says_what_was_measured(folder: Path) -> None:
    page = page_of(folder)
    assert "Evaluation of shelves_v1.0.0" in page.text
    assert "5 labelled documents from papers.jsonl" in page.text
    assert "60.0 % of the answers are right" in page.text
    assert "0.600" in page.text
    assert "5 documents leave accuracy open" in page.text
    assert "longest_ngram 2" in page.text
    assert "The linear baseline was worse." in page.text
    assert "About four" in page.text
    assert "All 2 errors" in page.text
    assert page.elements.count("img") == len(PLOTS)


def test_the_page_asks_nothing_of_the_outside(folder: Path) -> None:
    source = (folder / "report.html").read_text("utf-8")
    page = Page(source)
    assert page.addresses
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(page.elements)
    assert re.findall(r"https?:|@import|url\(|//\w", re.sub(r"base64,[^\"]+", "", source)) == []


def test_markup_in_a_document_is_shown_and_not_run(assessment: Assessment, tmp_path: Path) -> None:
    markup = "<script>alert(1)</script><img src=x onerror=alert(2)> & \"quotes' {{ 7 * 7 }}"
    changed = retitled(assessment, title=markup, id=f"{markup}!")
    page = page_of(write_report(changed, HEADING, tmp_path))
    assert "script" not in page.elements
    assert page.elements.count("img") == len(PLOTS)
    assert markup in page.text
    assert f"{markup}!" in page.text


def test_markup_in_labels_model_and_source_is_shown_and_not_run(tmp_path: Path) -> None:
    labels = ("<b>bold</b>", "<script>x</script>", "$\\frac{1}{$")
    answers = [Answer(labels[0], 0.8, (0.8, 0.1, 0.1), labels[:1])] * 3
    documents = [Document(str(number), "text", label) for number, label in enumerate(labels)]
    rows = np.array([answer.probabilities for answer in answers])
    evaluation = measure(list(labels), rows, labels, latency_of([0.001]))
    heading = replace(HEADING, source="<i>from here</i>")
    page = page_of(write_report(Assessment(documents, answers, evaluation), heading, tmp_path))
    assert not {"b", "i", "script"} & set(page.elements)
    for text in (*labels, "<i>from here</i>"):
        assert text in page.text


def test_without_errors_the_page_says_so(
    parrot: Classifier, make_documents: MakeDocuments, tmp_path: Path
) -> None:
    folder = write_report(assess(parrot, make_documents(ROWS[:1])), HEADING, tmp_path)
    page = page_of(folder)
    assert "There are none." in page.text
    assert "not defined" in page.text
    assert (folder / "errors.csv").read_text().count("\n") == 1


def test_only_the_first_errors_are_on_the_page_and_all_of_them_in_the_csv(
    parrot: Classifier, make_documents: MakeDocuments, tmp_path: Path
) -> None:
    rows = [(f"document {number}", "ro", (0.9, 0.05, 0.05)) for number in range(30)]
    folder = write_report(assess(parrot, make_documents(rows)), HEADING, tmp_path)
    assert page_of(folder).text.count("About document") == 20
    assert "All 30 errors" in page_of(folder).text
    with (folder / "errors.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 30


def test_a_report_never_takes_the_place_of_another(assessment: Assessment, folder: Path) -> None:
    before = (folder / "report.html").read_bytes()
    with pytest.raises(FileExistsError):
        write_report_at(assessment, replace(HEADING, source="elsewhere"), folder)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert (folder / "report.html").read_bytes() == before


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
def test_any_labels_can_be_plotted(labels: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    truth = [labels[index % len(labels)] for index in range(50)]
    answers = rng.dirichlet(np.ones(len(labels)), 50)
    evaluation = measure(truth, answers, labels, latency_of([0.001]))
    with drawing_style():
        for draw in (draw_confusion, draw_per_class):
            assert draw(evaluation).png.startswith(PNG)


@pytest.mark.parametrize(
    ("confidences", "right"),
    [([1.0], [True]), ([0.5], [False]), ([1.0] * 30, [True] * 30), ([0.1, 0.9], [False, True])],
)
def test_any_confidences_can_be_plotted(confidences: list[float], right: list[bool]) -> None:
    with drawing_style():
        for draw in (draw_reliability, draw_confidence, draw_risk_coverage):
            assert draw(np.array(confidences), np.array(right)).png.startswith(PNG)


@pytest.mark.slow
def test_a_thousand_classes_can_be_plotted() -> None:
    labels = tuple(f"class {number}" for number in range(1200))
    answers = np.eye(1200)
    evaluation = measure(labels, answers, labels, latency_of([0.001]))
    for draw in (draw_confusion, draw_per_class):
        width, height = struct.unpack(">II", draw(evaluation).png[16:24])
        assert max(width, height) < 10_000
