"""The two analyses as CSV: every error, and the performance of every part."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from classmark.documents import Document
from classmark.evaluation import Assessment, assess, proportion, slices_of
from classmark.evaluation.analysis import (
    ERROR_COLUMNS,
    PERFORMANCE_COLUMNS,
    as_csv,
    error_rows,
    performance_rows,
)
from classmark.models import Classifier

MakeDocuments = Callable[[list[tuple[str, str, tuple[float, float, float]]]], list[Document]]
ROWS = [
    ("one", "db", (0.8, 0.1, 0.1)),
    ("two", "db", (0.2, 0.7, 0.1)),
    ("three", "ml", (0.05, 0.9, 0.05)),
    ("four", "ml", (0.04, 0.06, 0.9)),
    ("five", "ro", (0.3, 0.3, 0.4)),
]


@pytest.fixture(scope="module")
def assessment(parrot: Classifier, make_documents: MakeDocuments) -> Assessment:
    return assess(parrot, make_documents(ROWS))


def read_back(columns: Sequence[str], rows: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(columns, rows), newline="")))


def retitled(assessment: Assessment, **changes: Any) -> Assessment:
    """The same with every document changed."""
    return replace(assessment, documents=[replace(one, **changes) for one in assessment.documents])


def test_errors_are_listed_the_surest_first(assessment: Assessment) -> None:
    rows = read_back(ERROR_COLUMNS, error_rows(assessment))
    assert [(row["id"], row["true"], row["given"]) for row in rows] == [
        ("four", "ml", "ro"),
        ("two", "db", "ml"),
    ]
    surest = rows[0]
    assert surest["text"].startswith("About four.\n")
    assert (surest["confidence"], surest["true_probability"]) == ("0.9", "0.06")
    assert (surest["second"], surest["second_probability"]) == ("ml", "0.06")
    assert (surest["margin"], surest["words"]) == ("0.84", "5")


def test_the_second_label_is_the_next_most_probable_one(
    parrot: Classifier, make_documents: MakeDocuments
) -> None:
    found = error_rows(assess(parrot, make_documents([("x", "db", (0.1, 0.5, 0.4))])))
    assert (found[0]["second"], found[0]["true_probability"]) == ("ro", 0.1)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula_to_a_spreadsheet(assessment: Assessment, start: str) -> None:
    formula = f"{start}HYPERLINK(1)"
    changed = retitled(assessment, id=formula, title=formula, text=formula)
    for row in read_back(ERROR_COLUMNS, error_rows(changed)):
        assert {row["id"], row["title"], row["text"]} == {f"'{formula}"}


def test_a_document_without_a_title_is_shown_by_its_first_words(assessment: Assessment) -> None:
    changed = retitled(assessment, title="", text="first words " * 50)
    assert error_rows(changed)[0]["title"] == ("first words " * 50)[:80]


def test_performance_has_a_line_for_all_for_each_class_and_for_each_slice(
    assessment: Assessment,
) -> None:
    dated = replace(
        assessment,
        documents=[
            replace(one, published="2024" if one.id in {"one", "three"} else "2023")
            for one in assessment.documents
        ],
    )
    slices = slices_of(dated.documents, dated.right)
    rows = read_back(PERFORMANCE_COLUMNS, performance_rows(dated, slices))
    assert [(row["kind"], row["name"], row["n"]) for row in rows] == [
        ("overall", "all", "5"),
        ("class", "db", "2"),
        ("class", "ml", "2"),
        ("class", "ro", "1"),
        ("year", "2023", "3"),
        ("year", "2024", "2"),
    ]
    overall, db, *_, bad, good = rows
    assert float(overall["accuracy"]) == 0.6
    assert float(overall["accuracy_low"]) == pytest.approx(proportion(3, 5).low, abs=1e-6)
    assert float(overall["mean_confidence"]) == pytest.approx(0.74)
    assert float(overall["mean_latency_ms"]) > 0
    assert (db["accuracy"], db["recall"], db["precision"]) == ("", "0.5", "1.0")
    assert (good["accuracy"], good["f1"], good["rest_accuracy"]) == ("1.0", "1.0", "0.333333")
    assert float(bad["f1"]) == pytest.approx((0 + 0 + 2 / 3) / 3, abs=1e-6)
    assert 0 < float(bad["p_value"]) <= 1


def test_where_latency_was_not_measured_its_cells_are_empty(assessment: Assessment) -> None:
    rows = read_back(PERFORMANCE_COLUMNS, performance_rows(replace(assessment, seconds=()), ()))
    assert {row["mean_latency_ms"] for row in rows} == {""}


def test_a_class_without_documents_has_figures_that_say_so(
    parrot: Classifier, make_documents: MakeDocuments
) -> None:
    found = assess(parrot, make_documents(ROWS[:1]))
    absent = read_back(PERFORMANCE_COLUMNS, performance_rows(found, ()))[-1]
    assert (absent["name"], absent["n"], absent["mean_confidence"]) == ("ro", "0", "")
    assert (absent["recall_low"], absent["recall_high"]) == ("0.0", "1.0")
