"""Figures of label sets: those of scikit-learn, with intervals that hold."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from classmark.documents import Document
from classmark.errors import RecordError
from classmark.evaluation import (
    LabelSetAssessment,
    LabelSetEvaluation,
    ReportHeading,
    compare_label_sets,
    flips,
    flips_csv,
    latency_of,
    measure_label_sets,
    slices_of,
    weak_points,
    write_report,
)
from classmark.evaluation.class_counts import ClassCounts
from classmark.evaluation.label_set_analysis import label_set_error_rows
from classmark.evaluation.label_sets import membership
from classmark.models import Answer

LABELS = ("a", "b", "c", "d")
THRESHOLDS = (0.5, 0.4, 0.3, 0.6)
ROWS = 150


@pytest.fixture(scope="module")
def has() -> NDArray[np.bool_]:
    found = np.random.default_rng(3).random((ROWS, 4)) < [0.5, 0.3, 0.2, 0.1]
    found[~found.any(1), 0] = True
    return found


@pytest.fixture(scope="module")
def probabilities(
    has: NDArray[np.bool_],
) -> NDArray[np.float64]:
    noise = np.random.default_rng(4).random(has.shape)
    return np.asarray(0.45 * has + 0.55 * noise)


def sets(members: NDArray[np.bool_]) -> list[tuple[str, ...]]:
    return [tuple(np.array(LABELS)[row].tolist()) for row in members]


@pytest.fixture(scope="module")
def evaluation(
    has: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
) -> LabelSetEvaluation:
    latency = latency_of([0.001])
    return measure_label_sets(sets(has), probabilities, LABELS, THRESHOLDS, latency)


def test_the_figures_are_those_of_scikit_learn(
    has: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    evaluation: LabelSetEvaluation,
) -> None:
    given = probabilities >= THRESHOLDS
    assert evaluation.accuracy.value == pytest.approx(metrics.accuracy_score(has, given))
    assert evaluation.hamming_loss.value == pytest.approx(metrics.hamming_loss(has, given))
    for how in ("micro", "macro", "weighted", "samples"):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            has, given, average=how, zero_division=0
        )
        found = getattr(evaluation, how)
        assert found.precision.value == pytest.approx(precision), how
        assert found.recall.value == pytest.approx(recall), how
        assert found.f1.value == pytest.approx(f1), how
    assert evaluation.roc_auc is not None
    assert evaluation.roc_auc.value == pytest.approx(metrics.roc_auc_score(has, probabilities))
    each = metrics.precision_recall_fscore_support(has, given, average=None, zero_division=0)
    for one, precision, recall, f1, support in zip(evaluation.per_class, *each, strict=True):
        assert one.precision.value == pytest.approx(precision)
        assert one.recall.value == pytest.approx(recall)
        assert one.f1.value == pytest.approx(f1)
        assert one.support == support
    assert evaluation.labels_true == pytest.approx(has.sum(1).mean())
    assert evaluation.labels_given == pytest.approx(given.sum(1).mean())


def test_every_interval_holds_its_figure_and_has_a_width(evaluation: LabelSetEvaluation) -> None:
    averages = (evaluation.micro, evaluation.macro, evaluation.weighted, evaluation.samples)
    assert evaluation.roc_auc is not None
    for one in (
        evaluation.accuracy,
        evaluation.hamming_loss,
        evaluation.roc_auc,
        *(figure for how in averages for figure in (how.precision, how.recall, how.f1)),
    ):
        assert 0 <= one.low < one.value < one.high <= 1
        assert one.high - one.low < 0.25


def test_answers_that_are_all_right_are_not_certain_to_stay_so() -> None:
    truth = [("a",), ("a", "b")] * 10
    latency = latency_of([0.001])
    rows = membership(truth, LABELS).astype(float)
    found = measure_label_sets(truth, rows, LABELS, (0.5,) * 4, latency)
    assert (found.hamming_loss.value, found.micro.f1.value) == (0, 1)
    assert found.hamming_loss.high > 0.05
    assert found.micro.f1.low < 0.95
    # Every row has the label a and none has c or d: there is nothing to rank but b.
    assert found.roc_auc is not None
    assert found.roc_auc.value == 1
    assert [one.support for one in found.per_class] == [20, 10, 0, 0]


def test_no_average_is_surer_than_subset_accuracy(evaluation: LabelSetEvaluation) -> None:
    accuracy = evaluation.accuracy
    for how in (evaluation.micro, evaluation.macro, evaluation.weighted, evaluation.samples):
        for one in (how.precision, how.recall, how.f1):
            assert one.low <= max(0, one.value - (accuracy.value - accuracy.low))
            assert one.high >= min(1, one.value + (accuracy.high - accuracy.value))


def test_the_macro_mean_of_rare_labels_lies_in_its_interval_as_often_as_this_says() -> None:
    # Of each label 95 % is found. Of the rare ones a row or none is missing: the bootstrap alone
    # holds the truth in 81 of these 100 draws.
    rng, each = np.random.default_rng(5), [0.5, 0.08, 0.08, 0.08]
    held = 0
    for _ in range(100):
        rows = rng.random((60, 4)) < each
        found = rows & (rng.random(rows.shape) < 0.95)
        answers = found.astype(float)
        measured = measure_label_sets(sets(rows), answers, LABELS, (0.5,) * 4, latency_of([0.001]))
        recall = measured.macro.recall
        held += recall.low <= 0.95 <= recall.high
    assert held >= 95


def test_where_no_row_has_a_label_every_average_is_0() -> None:
    none, given = np.zeros(2, np.int64), np.array([1, 0])
    counts = ClassCounts(none, none, given)
    true = np.zeros((3, 2), int)
    answers = np.array([[1, 0], [0, 0], [0, 0]])
    for name, score in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        expected = score(true, answers, average="weighted", zero_division=0)
        assert getattr(counts, f"weighted_{name}") == expected == 0


def test_without_a_label_that_tells_rows_apart_there_is_no_roc_auc() -> None:
    rows = np.full((5, 1), 0.7)
    found = measure_label_sets([("a",)] * 5, rows, ("a",), (0.5,), latency_of([0.001]))
    assert found.roc_auc is None
    assert found.accuracy.value == 1


def test_rows_that_are_given_nothing_count_as_wrong() -> None:
    rows = np.array([[0.1, 0.1], [0.9, 0.1]])
    found = measure_label_sets([("a",), ("a",)], rows, ("a", "b"), (0.5, 0.5), latency_of([0.001]))
    assert (found.accuracy.value, found.hamming_loss.value) == (0.5, 0.25)
    assert (found.samples.f1.value, found.labels_given) == (0.5, 0.5)


def test_two_are_compared_by_whole_sets_and_by_micro_f1() -> None:
    truth = [("a", "b")] * 40
    a, b = [("a", "b")] * 40, [("a",)] * 30 + [("b", "a")] * 10
    found = compare_label_sets(truth, a, b, ("a", "b"))
    assert (found.accuracy_a, found.accuracy_b, found.agreement) == (1, 0.25, 0.25)
    assert (found.only_a_right, found.only_b_right, found.winner) == (30, 0, "a")
    assert [(one.label, one.recall_b) for one in found.per_class] == [("a", 1), ("b", 0.25)]
    assert [one.label for one in found.regressions] == ["b"]
    assert found.micro_f1 is not None
    assert found.micro_f1.a == 1
    assert found.micro_f1.b == pytest.approx(metrics.f1_score(*_flat(truth, b)))
    difference = found.micro_f1.difference
    assert difference.low < difference.value < difference.high < 0


def _flat(truth: Sequence[Sequence[str]], given: Sequence[Sequence[str]]) -> tuple[object, object]:
    labels = ("a", "b")
    return membership(truth, labels).ravel(), membership(given, labels).ravel()


def test_nothing_to_compare_is_told() -> None:
    with pytest.raises(RecordError, match="no documents to compare"):
        compare_label_sets([], [], [], ("a",))


@pytest.fixture(scope="module")
def assessment(
    has: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    evaluation: LabelSetEvaluation,
) -> LabelSetAssessment:
    documents = [
        Document(f"id-{row}", "word " * (5 + row % 9), labels[0], labels=labels)
        for row, labels in enumerate(sets(has))
    ]
    answers = [
        Answer(LABELS[int(row.argmax())], float(row.max()), tuple(row.tolist()), given)
        for row, given in zip(probabilities, sets(probabilities >= THRESHOLDS), strict=True)
    ]
    return LabelSetAssessment(documents, answers, evaluation)


def test_errors_name_what_is_missing_and_what_is_too_much(assessment: LabelSetAssessment) -> None:
    rows = label_set_error_rows(assessment)
    assert len(rows) == (~assessment.right).sum() > 0
    assert [row["wrong"] for row in rows] == sorted((row["wrong"] for row in rows), reverse=True)
    for row in rows:
        true, given = (set(row[name].split("; ")) - {""} for name in ("true", "given"))
        assert set(row["missing"].split("; ")) - {""} == true - given
        assert set(row["superfluous"].split("; ")) - {""} == given - true


def test_the_report_has_what_is_meaningful_and_leaves_out_the_rest(
    assessment: LabelSetAssessment, tmp_path: Path
) -> None:
    heading = ReportHeading("m_v1.0.0", "here", datetime(2024, 5, 6, tzinfo=UTC))
    folder = write_report(assessment, heading, tmp_path)
    page = (folder / "report.html").read_text("utf-8")
    assert "Hamming loss" in page
    assert "are given all their labels and no other" in page
    for absent in ("Calibration", "calibration error", "confusion", "<h2>Confidence</h2>"):
        assert absent not in page
    names = {path.name for path in folder.iterdir()}
    assert {"per_class.png", "errors.csv", "performance.csv", "metrics.json"} <= names
    assert names.isdisjoint({"confusion.png", "reliability.png", "risk_coverage.png"})
    found = weak_points(assessment, slices_of(assessment.documents, assessment.right))
    assert found[0].startswith("Labels most often missing: ")


def test_flips_are_documents_with_other_label_sets() -> None:
    documents = [Document(str(row), "text", "a", labels=("a", "b")) for row in range(3)]
    a = [Answer("a", 0.9, (0.9, 0.8), ("a", "b"))] * 3
    b = [Answer("a", 0.9, (0.9, 0.1), ("a",)), a[0], Answer("a", 0.4, (0.4, 0.1), ())]
    assert flips_csv(flips(documents, a, b)).splitlines() == [
        "id,true,a,b,confidence_a,confidence_b,right,title",
        "0,a; b,a; b,a,0.9,0.9,a,text",
        "2,a; b,a; b,,0.9,0.4,a,text",
    ]
