"""A cheap model where it is sure enough, a strong one for the rest."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from classmark.errors import TamperedVersionError
from classmark.models import Classifier, TrainingOutcome, load_classifier
from classmark.models.artifact import ArtifactConfig
from classmark.models.cascade import CascadeFamily, CascadeParameters, chosen_threshold
from classmark.models.cascade_runtime import CascadeClassifier
from classmark.models.linear import LinearFamily, LinearParameters
from classmark.progress import Silent

# What the fixtures of this room give: see conftest.py.
Samples = Any
AskFresh = Callable[..., Any]


def sure(confidences: Any, *, right: Any) -> NDArray[np.float64]:
    """Answers about two classes of rows whose truth is 0."""
    confidence = np.asarray(confidences, float)
    best = np.stack([confidence, 1 - confidence], 1)
    return np.where(np.asarray(right, bool)[:, None], best, best[:, ::-1])


def threshold_for(cheap_right: Any, strong_right: Any, confidences: Any, margin: float = 0) -> Any:
    cheap = sure(confidences, right=cheap_right)
    strong = sure(np.full(len(cheap), 0.9), right=strong_right)
    return chosen_threshold(cheap, strong, np.zeros(len(cheap), int), margin)


# From the surest row to the least sure.
FALLING = np.linspace(0.99, 0.51, 100)


def test_a_cheap_model_that_is_never_worse_answers_all_that_it_was_sure_enough_of() -> None:
    assert threshold_for([True] * 100, [True] * 100, FALLING) == FALLING[-1]


def test_a_cheap_model_that_is_always_worse_answers_nothing() -> None:
    assert threshold_for([False] * 100, [True] * 100, FALLING) is None


def test_it_answers_down_to_where_it_is_worse() -> None:
    right = [True] * 50 + [False] * 50
    assert threshold_for(right, [True] * 100, FALLING) == FALLING[49]


def test_what_is_won_above_can_be_lost_below_but_not_to_the_last_row() -> None:
    # Ten rows won and ever more lost: 10 - lost must be sqrt(10 + lost) at least.
    cheap_right = [True] * 60 + [False] * 40
    strong_right = [False] * 10 + [True] * 90
    assert threshold_for(cheap_right, strong_right, FALLING) == FALLING[59 + 6]


def test_rows_of_one_confidence_stand_together() -> None:
    tied = np.where(np.arange(100) < 40, FALLING, 0.7)
    right = [True] * 60 + [False] * 40
    assert threshold_for(right, [True] * 100, tied) == FALLING[39]


@pytest.mark.parametrize("rows", [1, 10, 29])
def test_few_rows_tell_nothing(rows: int) -> None:
    assert threshold_for([True] * rows, [True] * rows, FALLING[:rows]) is None
    assert threshold_for([True] * 30, [True] * 30, FALLING[:30]) == FALLING[29]


def test_a_margin_lets_it_answer_more() -> None:
    right = [True] * 50 + [False] * 50
    found = [threshold_for(right, [True] * 100, FALLING, margin) for margin in (0, 0.05, 0.2, 1)]
    # What is given away, less what is lost, must be the square root of what is lost at least.
    assert found == [FALLING[49], FALLING[49 + 3], FALLING[49 + 16], FALLING[-1]]


ROWS = st.tuples(st.sampled_from([0.55, 0.6, 0.7, 0.8, 0.9]), st.booleans(), st.booleans())


@given(st.lists(ROWS, min_size=1, max_size=120), st.sampled_from([0.0, 0.02, 0.1]))
def test_by_a_chosen_threshold_no_more_is_given_away_than_the_margin(
    rows: list[tuple[float, bool, bool]], margin: float
) -> None:
    confidences, cheap_right, strong_right = map(np.array, zip(*rows, strict=True))
    found = threshold_for(cheap_right, strong_right, confidences, margin)
    if found is None:
        return
    is_cheap = confidences >= found
    right = np.where(is_cheap, cheap_right, strong_right).sum()
    assert right >= strong_right.sum() - margin * len(rows) - 1e-9
    assert is_cheap.sum() >= 30
    assert found in confidences


# The family


def pair(**parameters: Any) -> CascadeFamily:
    members = {
        "one": LinearFamily(LinearParameters(longest_ngram=1, max_terms=60)),
        "other": LinearFamily(LinearParameters(longest_ngram=2)),
    }
    return CascadeFamily(CascadeParameters(cheap="one", strong="other", **parameters), members)


def test_what_it_says_of_itself_is_what_its_artifact_does(
    samples: Samples, tmp_path: Path, ask_fresh: AskFresh
) -> None:
    data = replace(samples.data, validation=samples.held_out)
    outcome = pair(margin=0.1).train(data, tmp_path, Silent())
    told = outcome.details
    assert outcome.parity.exports["fp32"].largest_gap == 0
    cheap, strong = (load_classifier(tmp_path / "members" / name) for name in ("0_one", "1_other"))
    texts = data.validation.texts
    sureness = [float(cheap.probabilities(text).max()) for text in texts]
    answering = [cheap if one >= told["threshold"] else strong for one in sureness]
    assert told["cheap_share"] == np.mean([one is cheap for one in answering])
    assert 0 < told["cheap_share"] < 1
    expected = [
        one.probabilities(text).tolist() for one, text in zip(answering, texts, strict=True)
    ]
    assert ask_fresh(tmp_path, texts).rows == expected
    truth = np.searchsorted(data.labels, data.validation.labels)
    right = float((np.array(expected).argmax(1) == truth).mean())
    assert told["validation_accuracy"]["cascade"] == right
    assert right >= told["validation_accuracy"]["strong"] - 0.1


@pytest.fixture(scope="module")
def of_few_rows(
    samples: Samples, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, TrainingOutcome]:
    """One whose threshold had 12 rows to be chosen on; its folder is not to be written to."""
    folder = tmp_path_factory.mktemp("cascade")
    return folder, pair().train(samples.data, folder, Silent())


def test_with_few_validation_rows_the_strong_model_answers_everything(
    of_few_rows: tuple[Path, TrainingOutcome], samples: Samples
) -> None:
    folder, outcome = of_few_rows
    assert outcome.details["threshold"] is None
    assert outcome.details["cheap_share"] == 0
    accuracy = outcome.details["validation_accuracy"]
    assert accuracy["cascade"] == accuracy["strong"]
    cascade, strong = load_classifier(folder), load_classifier(folder / "members" / "1_other")
    for text in samples.held_out.texts[:10]:
        assert cascade.probabilities(text).tolist() == strong.probabilities(text).tolist()


@pytest.mark.parametrize("threshold", [2, 1.5, -0.1, "0.5", [], {}, True])
def test_a_threshold_that_can_not_be_is_damage(
    of_few_rows: tuple[Path, TrainingOutcome], tmp_path: Path, threshold: Any
) -> None:
    shutil.copytree(of_few_rows[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "cascade.json").write_bytes(orjson.dumps({"threshold": threshold}))
    with pytest.raises(TamperedVersionError, match="threshold that can't be"):
        load_classifier(tmp_path)


# Serving


class Fixed(Classifier):
    """Always the same answer, and a note of who asked."""

    labels = ("no", "yes")

    def __init__(self, answer: tuple[float, float], max_tokens: int | None = None) -> None:
        self.answer, self.max_tokens = answer, max_tokens
        self.asked = 0

    @classmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        del folder, config
        return cls((0.5, 0.5))

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        del text
        self.asked += 1
        return np.array(self.answer)


@pytest.mark.parametrize(
    ("threshold", "asked", "answer"),
    [
        (0.5, [1, 0], [0.2, 0.8]),
        (0.8, [1, 0], [0.2, 0.8]),
        (0.81, [1, 1], [0.6, 0.4]),
        (None, [0, 1], [0.6, 0.4]),
    ],
)
def test_only_those_are_asked_whose_answers_are_needed(
    threshold: float | None, asked: list[int], answer: list[float]
) -> None:
    cheap, strong = Fixed((0.2, 0.8)), Fixed((0.6, 0.4), max_tokens=128)
    cascade = CascadeClassifier(cheap, strong, threshold)
    assert cascade.probabilities("text").tolist() == answer
    assert [cheap.asked, strong.asked] == asked
    assert cascade.max_tokens == 128
