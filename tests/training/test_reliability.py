"""Val is dealt in halves; one fits the calibration, the other decides what is left unanswered."""

from collections import Counter
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from classmark.documents import Document
from classmark.errors import SettingError
from classmark.evaluation import abstain_rule, assess, candidate_thresholds
from classmark.models import Calibration, Classifier
from classmark.models.artifact import ArtifactConfig
from classmark.progress import Silent
from classmark.training import Halves, Reliability, Reliable, dealt_halves
from classmark.training.reliability import made_reliable

LABELS = ("left", "right", "up")


class Boaster(Classifier):
    """Reads its scores out of the text, and makes them thrice as large as they should be."""

    labels = LABELS

    @classmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """Never asked for."""
        raise NotImplementedError(folder, config)

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        exponents = np.exp(3 * np.array([float(score) for score in text.split()]))
        found: NDArray[np.float64] = exponents / exponents.sum()
        return found


def documents(count: int, seed: int = 0, clarity: float = 2.0) -> list[Document]:
    """Documents whose scores, softmaxed, are the probabilities of their labels."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, clarity, (count, 3)).round(6)
    weights = np.exp(scores)
    drawn = ((weights / weights.sum(1, keepdims=True)).cumsum(1) > rng.random((count, 1))).argmax(1)
    return [
        Document(id=str(row), text=" ".join(map(str, scores[row])), label=LABELS[drawn[row]])
        for row in range(count)
    ]


def reliable(val: list[Document], wanted: Reliability | None = None) -> Reliable:
    return made_reliable(
        Boaster(), dealt_halves(val), wanted or Reliability(), threads=2, progress=Silent()
    )


@given(st.lists(st.sampled_from("abcdé"), max_size=120))
def test_every_label_is_dealt_evenly(labels: list[str]) -> None:
    labels = [*labels, *("f" * 58)]
    rows = [Document(id=str(row), text="x", label=label) for row, label in enumerate(labels)]
    halves = dealt_halves(rows)
    first, second = (
        Counter(document.label for document in half)
        for half in (halves.selection, halves.calibration)
    )
    assert first + second == Counter(labels)
    for label in set(labels):
        assert first[label] - second[label] in {-1, 0, 1}


def test_rare_labels_are_as_frequent_in_either_half() -> None:
    """Were the odd one always dealt to the same half, the promise would not hold for the other."""
    rows = [
        Document(id=f"{label}-{row}", text="x", label=f"rare-{label}")
        for label in range(200)
        for row in range(1 + 2 * (label % 2))
    ]
    halves = dealt_halves(rows)
    assert len(halves.selection) == pytest.approx(len(rows) / 2, abs=3 * 200**0.5 / 2)
    alone = sum(int((document.label or "")[5:]) % 2 == 0 for document in halves.calibration)
    assert 30 <= alone <= 70


def test_the_promise_holds_where_many_labels_are_rare() -> None:
    """Rare labels are answered worse; one that is dealt to selection alone would be forgotten."""
    rng, rare, common = np.random.default_rng(11), 60, 150
    names = [
        *(f"rare-{row}" for row in range(rare)),
        *(f"usual-{row % 5}" for row in range(common)),
    ]
    rows = [Document(id=str(row), text="x", label=name) for row, name in enumerate(names)]
    halves = dealt_halves(rows)
    selecting, calibrating = (
        [int(document.id) for document in half] for half in (halves.selection, halves.calibration)
    )
    often_right = np.where(np.arange(rare + common) < rare, 0.6, 0.98)
    # All confidences are alike, so that all is answered or nothing: 0.87 is less than promised.
    assert often_right.mean() < 0.9
    broken = 0
    for _ in range(200):
        right = rng.random(rare + common) < often_right
        confidences = rng.normal(0.85, 0.07, rare + common).clip(0, 1)
        thresholds = candidate_thresholds(confidences[selecting], right[selecting])
        known = confidences[calibrating], right[calibrating]
        rule = abstain_rule(thresholds, *known, accuracy=0.9, risk=0.05)
        broken += rule.abstain_below is not None
    # Of 200 not more than 10 are expected to; more than 20 once in 600 times.
    assert broken <= 20


def test_halves_keep_the_order_and_are_dealt_alike_every_time() -> None:
    rows = documents(101)
    halves = dealt_halves(rows)
    places = {document.id: row for row, document in enumerate(rows)}
    for half in (halves.selection, halves.calibration):
        found = [places[document.id] for document in half]
        assert found == sorted(found)
    assert dealt_halves(rows) == halves
    # Not simply every second document.
    assert [document.id for document in halves.calibration][:20] != list(map(str, range(1, 41, 2)))


def test_documents_too_few_for_a_promise_all_help_to_choose() -> None:
    enough = [Document(id=str(row), text="x", label="a") for row in range(58)]
    assert len(dealt_halves(enough).calibration) == 29
    few = enough[:-2]
    assert dealt_halves(few) == Halves(few, [])


def test_a_boaster_is_cooled_down_and_answers_only_where_it_is_sure() -> None:
    found = reliable(documents(2000))
    calibration = found.calibration
    assert calibration.temperature == pytest.approx(3, rel=0.15)
    assert calibration.promise is not None
    assert (calibration.promise.accuracy, calibration.promise.risk) == (0.9, 0.05)
    assert calibration.promise.rows == found.calibration_rows
    assert found.selection_rows + found.calibration_rows == 2000
    assert found.shortcomings == ()
    classifier = Boaster()
    classifier.calibration = calibration
    evaluation = assess(classifier, documents(4000, seed=1)).evaluation
    assert evaluation.calibration.error.value < 0.03
    assert evaluation.answered.abstain_below == calibration.abstain_below
    assert evaluation.answered.accuracy.high > 0.9
    assert evaluation.answered.coverage.value == pytest.approx(
        calibration.promise.coverage, abs=0.05
    )
    assert 0.3 < evaluation.answered.coverage.value < 0.9


def test_lines_of_isotonic_regression_are_chosen_by_name() -> None:
    calibration = reliable(documents(1000), Reliability("isotonic", 0.8, 0.1)).calibration
    assert calibration.method == "isotonic"
    assert len(calibration.knots) == 3
    assert calibration.promise is not None
    assert (calibration.promise.accuracy, calibration.promise.risk) == (0.8, 0.1)


def test_a_promise_can_be_made_without_mending_probabilities() -> None:
    calibration = reliable(documents(1000), Reliability("none")).calibration
    assert calibration.method == "none"
    assert calibration.abstain_below is not None


def test_who_wants_no_promise_has_none() -> None:
    found = reliable(documents(1000), Reliability(accuracy=None))
    assert found.calibration.temperature is not None
    assert found.calibration.abstain_below is None
    assert found.calibration.promise is None
    assert found.shortcomings == ()


def test_nothing_wanted_is_nothing_done() -> None:
    assert reliable(documents(200), Reliability("none", None)).calibration == Calibration()


def test_the_calibration_half_decides_nothing_but_the_threshold() -> None:
    halves = dealt_halves(documents(1000))
    other = Halves(halves.selection, documents(200, seed=9, clarity=0.1))
    one, same = (
        made_reliable(Boaster(), dealt, Reliability(), threads=1, progress=Silent())
        for dealt in (halves, other)
    )
    assert one.calibration.temperature == same.calibration.temperature
    assert one.calibration.abstain_below != same.calibration.abstain_below
    # What could be chosen was fixed by the selection half.
    classifier = Boaster()
    classifier.calibration = one.calibration
    answers = [classifier.classify(document.text) for document in halves.selection]
    candidates = candidate_thresholds(
        np.array([answer.confidence for answer in answers]),
        np.array([a.label == d.label for a, d in zip(answers, halves.selection, strict=True)]),
    )
    assert one.calibration.abstain_below in candidates


@pytest.mark.parametrize("count", [1, 2, 9])
def test_too_few_documents_for_anything_are_told_and_nothing_is_done(count: int) -> None:
    found = reliable(documents(count))
    assert found.calibration == Calibration()
    calibrated, promised = found.shortcomings
    assert f"val has {count} documents, and 10 are needed" in calibrated
    assert "90 % right answers can't be promised" in promised
    assert f"val has {count} documents, and 58 at least are needed" in promised


def test_enough_documents_of_labels_that_can_not_be_halved_are_told_so() -> None:
    found = reliable(documents(58))
    assert (found.selection_rows, found.calibration_rows) == (58, 0)
    (told,) = found.shortcomings
    assert "its labels have too few documents each to leave 29 for it" in told


def test_enough_documents_to_calibrate_but_not_to_promise() -> None:
    found = reliable(documents(40))
    assert found.calibration.temperature is not None
    assert (found.selection_rows, found.calibration_rows) == (40, 0)
    (told,) = found.shortcomings
    assert "val has 40 documents, and 58 at least are needed" in told
    (told,) = reliable(documents(200), Reliability(accuracy=0.99)).shortcomings
    assert "val has 200 documents, and 598 at least are needed" in told


def test_a_model_that_is_not_good_enough_promises_nothing_and_says_so() -> None:
    found = reliable(documents(400, clarity=0.1))
    assert found.calibration.abstain_below is None
    (told,) = found.shortcomings
    assert "do not show it even of the surest answers" in told


def test_a_class_that_is_missing_in_a_half_is_no_obstacle() -> None:
    val = [document for document in documents(300) if document.label != "up"]
    alone = Document(id="alone", text="0.1 0.2 3.0", label="up")
    for method in ("temperature", "isotonic"):
        found = reliable([*val, alone], Reliability(method, 0.6))
        assert found.calibration.method == method
        assert found.calibration.abstain_below is not None


def test_what_is_kept_of_it_is_all_but_the_lines() -> None:
    found = reliable(documents(1000), Reliability("isotonic", 0.8))
    promise = found.calibration.promise
    assert promise is not None
    assert found.described() == {
        "method": "isotonic",
        "temperature": None,
        "abstain_below": found.calibration.abstain_below,
        "promise": {
            "accuracy": 0.8,
            "risk": 0.05,
            "rows": found.calibration_rows,
            "coverage": promise.coverage,
        },
        "selection_rows": found.selection_rows,
        "calibration_rows": found.calibration_rows,
        "shortcomings": [],
    }


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan"), float("inf")])
def test_shares_that_can_not_be_are_refused(share: float) -> None:
    with pytest.raises(SettingError, match="A promise of"):
        Reliability(accuracy=share)
    with pytest.raises(SettingError, match="A risk of"):
        Reliability(risk=share)


def test_an_unknown_calibration_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"'platt'.*temperature, isotonic, none"):
        Reliability("platt")
