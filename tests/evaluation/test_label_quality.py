"""Labels that are hard to believe are listed, the least believable first."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from classmark.evaluation import SimilarPair, conflicting, suspected_errors

CLASSES = ("ape", "bee", "cat")


def sure_of(best: list[int], confidence: float = 0.9) -> NDArray[np.float32]:
    """Probabilities of a model that is as sure of one class in every row."""
    rest = (1 - confidence) / (len(CLASSES) - 1)
    found = np.full((len(best), len(CLASSES)), rest, np.float32)
    found[np.arange(len(best)), best] = confidence
    return found


@pytest.mark.parametrize("seed", range(3))
def test_flips_in_data_that_can_be_told_apart_are_found_and_nothing_else_is(seed: int) -> None:
    draw = np.random.default_rng(seed)
    truth = np.repeat(np.arange(3), 60)
    points = draw.normal(size=(180, 2)) + 12 * np.array([[0, 0], [1, 0], [0, 1]])[truth]
    flipped = draw.choice(180, size=9, replace=False)
    labels = truth.copy()
    labels[flipped] = (labels[flipped] + draw.integers(1, 3, size=9)) % 3
    probabilities = cross_val_predict(
        LogisticRegression(), points, labels, cv=5, method="predict_proba"
    )
    found = suspected_errors([CLASSES[label] for label in labels], probabilities, CLASSES)
    assert {suspect.row for suspect in found} <= set(flipped.tolist())
    assert len(found) >= 8
    assert all(suspect.suggested == CLASSES[truth[suspect.row]] for suspect in found)


def test_where_the_model_agrees_nothing_is_suspect() -> None:
    labels = [CLASSES[row % 3] for row in range(30)]
    assert suspected_errors(labels, sure_of([row % 3 for row in range(30)]), CLASSES) == []
    assert suspected_errors(labels, sure_of([row % 3 for row in range(30)]), CLASSES, 5) == []


def test_a_suspect_tells_both_labels_and_how_probable_they_are() -> None:
    best = [row % 3 for row in range(30)]
    labels = [CLASSES[one] for one in best]
    labels[4] = "cat"
    (suspect,) = suspected_errors(labels, sure_of(best), CLASSES)
    assert (suspect.row, suspect.label, suspect.suggested) == (4, "cat", "bee")
    assert suspect.label_probability == pytest.approx(0.05, abs=1e-6)
    assert suspect.suggested_probability == pytest.approx(0.9, abs=1e-6)
    assert suspect.margin == pytest.approx(0.85, abs=1e-6)


def test_the_surer_the_model_the_earlier_a_suspect_stands() -> None:
    best = [row % 3 for row in range(60)]
    labels = [CLASSES[one] for one in best]
    probabilities = sure_of(best, 0.6)
    for row, confidence in ((7, 0.8), (20, 0.99), (33, 0.9)):
        labels[row] = CLASSES[(best[row] + 1) % 3]
        probabilities[row] = sure_of([best[row]], confidence)
    assert [one.row for one in suspected_errors(labels, probabilities, CLASSES)] == [20, 33, 7]


@st.composite
def judged(draw: Any) -> tuple[list[str], NDArray[np.float32]]:
    rows = draw(st.integers(3, 25))
    labels = [*CLASSES, *(draw(st.sampled_from(CLASSES)) for _ in range(rows - 3))]
    weights = [[draw(st.floats(0, 1)) for _ in CLASSES] for _ in range(rows)]
    raw = np.array(weights) + 1e-9
    return labels, (raw / raw.sum(1, keepdims=True)).astype(np.float32)


@given(judged(), st.integers(1, 30))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(
    case: tuple[list[str], NDArray[np.float32]], length: int
) -> None:
    labels, probabilities = case
    everything = suspected_errors(labels, probabilities, CLASSES, len(labels))
    assert suspected_errors(labels, probabilities, CLASSES, length) == everything[:length]
    by_default = suspected_errors(labels, probabilities, CLASSES)
    assert by_default == everything[: len(by_default)]
    assert len({suspect.row for suspect in everything}) == len(everything)
    for suspect in everything:
        assert suspect.label == labels[suspect.row] != suspect.suggested
        assert suspect.margin >= 0


def test_pairs_conflict_where_their_labels_differ() -> None:
    pairs = [SimilarPair(0, 1, 0.9), SimilarPair(0, 2, 0.8), SimilarPair(1, 2, 0.7)]
    assert list(conflicting(pairs, ["ape", "ape", "bee"])) == pairs[1:]
    assert list(conflicting([], [])) == []
