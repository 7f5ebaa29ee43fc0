"""Weak points in sentences: said where they are more than chance, and not elsewhere."""

import numpy as np
import pytest
from numpy.typing import NDArray

from classmark.documents import Document
from classmark.evaluation import Assessment, latency_of, measure, slices_of, weak_points
from classmark.evaluation.findings import as_chance
from classmark.models import Answer

LABELS = ("cs.AI", "cs.LG", "cs.RO")


def said(
    confusion: list[list[int]], confidence: float = 0.8, hard_year: str = ""
) -> tuple[str, ...]:
    """What is found where so many rows of each class were given each class."""
    cells = np.array(confusion)
    true, given = (np.repeat(places, cells.ravel()) for places in np.indices((3, 3)).reshape(2, -1))
    answers = np.full((len(true), 3), (1 - confidence) / 2)
    answers[np.arange(len(true)), given] = confidence
    documents = [
        Document(str(row), "some words", LABELS[at], published=_year(row, at == is_, hard_year))
        for row, (at, is_) in enumerate(zip(true, given, strict=True))
    ]
    return weak_points(_assessment(documents, answers), _slices(documents, answers))


def _year(row: int, right: bool, hard_year: str) -> str | None:
    if not hard_year:
        return None
    return "2020" if right and row % 10 else hard_year


def _assessment(documents: list[Document], answers: NDArray[np.float64]) -> Assessment:
    evaluation = measure([d.label or "" for d in documents], answers, LABELS, latency_of([0.001]))
    best = [LABELS[row.argmax()] for row in answers]
    given = [
        Answer(label, row.max(), tuple(row), (label,))
        for label, row in zip(best, answers, strict=True)
    ]
    return Assessment(documents, given, evaluation)


def _slices(documents: list[Document], answers: NDArray[np.float64]):  # type: ignore[no-untyped-def]
    return slices_of(documents, _assessment(documents, answers).right)


def test_the_most_frequent_confusions_come_first() -> None:
    first = said([[90, 8, 2], [41, 259, 0], [1, 0, 99]], 0.9)[0]
    assert first == (
        "Most frequent confusions: cs.LG is taken for cs.AI in 41 of 300; cs.AI is taken for "
        "cs.LG in 8 of 100; cs.AI is taken for cs.RO in 2 of 100."
    )


def test_a_class_that_is_surely_worse_than_the_mean_is_named() -> None:
    found = [line for line in said([[50, 50, 0], [0, 300, 0], [0, 0, 100]], 0.9) if "Hard" in line]
    assert found == [
        (
            "Hardest classes, surely below the mean F1 of 0.86: cs.AI (F1 0.67, recall 50.0 %, "
            "precision 100.0 %)."
        )
    ]


def test_a_slice_that_is_surely_worse_is_named() -> None:
    found = said([[150, 25, 0], [25, 200, 0], [0, 0, 100]], 0.9, hard_year="2024")
    line = next(line for line in found if "harder" in line)
    assert line.startswith("Documents of 2024 are harder: ")
    assert line.endswith("elsewhere 100.0 % (p < 0.001 among 2 slices).")


@pytest.mark.parametrize(("confidence", "sure"), [(0.99, "too sure"), (0.5, "not sure enough")])
def test_confidence_that_is_not_the_share_right_is_told(confidence: float, sure: str) -> None:
    found = said([[80, 20, 0], [20, 80, 0], [0, 20, 80]], confidence)
    assert any(
        f"It is {sure}: its mean confidence is {confidence:.1%}"[:-1] in line for line in found
    )


def test_where_nothing_is_weak_nothing_is_said() -> None:
    assert said([[300, 0, 0], [1, 300, 0], [0, 1, 300]], 0.998) == ()


def test_few_documents_and_missing_classes_are_told() -> None:
    found = said([[5, 0, 0], [0, 5, 0], [0, 0, 0]], 0.9)
    assert found == (
        "Of 1 class there are no documents here: cs.RO.",
        "10 documents leave accuracy open by 28 points; more of them would tell it better.",
    )


def test_a_chance_is_written_as_people_read_it() -> None:
    assert as_chance(0.0132) == "= 0.013"
    assert as_chance(1e-9) == "< 0.001"
