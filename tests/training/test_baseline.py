"""A cheap family beside: trained on the same data, compared on the same rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from classmark.datasets import Dataset
from classmark.evaluation import Assessment, Estimate, assess, compare
from classmark.models import Classifier, LabelledTexts
from classmark.progress import Silent
from classmark.training import Baseline, NoBaseline, TrainingRecipe, Workshop, train
from classmark.training.baseline import baseline_beside
from classmark.training.run import training_data

TRUTH = ["a"] * 100


class Knowing(Classifier):
    """Gives the texts it knows their label, and all others the first one."""

    def __init__(self, labels: tuple[str, ...], known: dict[str, str]) -> None:
        super().__init__()
        self.labels = labels
        self._known = known

    @classmethod
    def load(cls, folder: Path, config: Any) -> Self:
        raise NotImplementedError(folder, config)

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        label = self._known.get(text, self.labels[0])
        return np.array([0.9 if one == label else 0.01 for one in self.labels])


def measured(dataset: Dataset, *, knows: bool) -> Assessment:
    known = {d.text: d.label or "" for d in dataset.parts["test"]} if knows else {}
    return assess(Knowing(dataset.labels, known), dataset.parts["test"])


def beside(dataset: Dataset, assessment: Assessment) -> Baseline | NoBaseline:
    data = training_data(dataset, seed=42)
    return baseline_beside(data, assessment, threads=1, progress=Silent())


def judged(*, right: int, baseline_right: int) -> Baseline:
    """A baseline and a model that are right on the first rows."""
    found = compare(
        TRUTH,
        ["a"] * baseline_right + ["b"] * (100 - baseline_right),
        ["a"] * right + ["b"] * (100 - right),
    )
    return Baseline(Estimate(baseline_right / 100, 0.0, 1.0), found, seconds=1.23456)


@pytest.mark.parametrize(
    ("right", "baseline_right", "sentence", "winner"),
    [
        (90, 60, "Beats the linear baseline by 30.0 points (", "version"),
        (60, 90, "Beaten by the linear baseline by 30.0 points (", "baseline"),
        (61, 60, "Not shown to beat the linear baseline: +1.0 points (", None),
        (60, 61, "Not shown to beat the linear baseline: -1.0 points (", None),
        (60, 60, "Not shown to beat the linear baseline: +0.0 points (", None),
    ],
)
def test_the_verdict_says_who_wins_and_by_how_much(
    right: int, baseline_right: int, sentence: str, winner: str | None
) -> None:
    found = judged(right=right, baseline_right=baseline_right)
    assert found.verdict.startswith(sentence)
    assert found.described()["winner"] == winner


def test_the_interval_of_a_loss_begins_with_its_smaller_end() -> None:
    lost = judged(right=60, baseline_right=90)
    low, high = lost.described()["interval"]
    assert low < high < 0
    assert lost.verdict.endswith(f"by 30.0 points ({-high * 100:.1f} to {-low * 100:.1f}).")


def test_metadata_have_all_of_it() -> None:
    found = judged(right=90, baseline_right=60).described()
    low, high = found.pop("interval")
    assert 0 < low < 0.3 < high
    assert found.pop("p_value") < 0.001
    assert found.pop("verdict").startswith("Beats")
    assert found == {
        "family": "linear",
        "accuracy": 0.6,
        "accuracy_interval": [0.0, 1.0],
        "difference": pytest.approx(0.3),
        "winner": "version",
        "training_seconds": 1.235,
    }


def test_the_baseline_is_the_linear_family_as_it_is(dataset: Dataset, tmp_path: Path) -> None:
    found = beside(dataset, measured(dataset, knows=True))
    alone = train(dataset, TrainingRecipe("linear"), tmp_path, Workshop(1, Silent()))
    assert isinstance(found, Baseline)
    accuracy = alone.assessments["test"].evaluation.accuracy
    assert found.accuracy == accuracy
    assert found.comparison.accuracy_a == accuracy.value
    assert found.comparison.accuracy_b == 1
    assert found.comparison.winner == "b"
    assert found.seconds > 0


def test_what_has_no_words_has_no_baseline_and_fails_nothing(dataset: Dataset) -> None:
    data = training_data(dataset, seed=42)
    wordless = replace(
        data, train=LabelledTexts(["." for _ in data.train.texts], data.train.labels)
    )
    found = baseline_beside(wordless, measured(dataset, knows=True), threads=1, progress=Silent())
    assert isinstance(found, NoBaseline)
    assert found.described() == {"family": "linear", "problem": found.problem}
    assert found.problem


@pytest.mark.parametrize("with_baseline", [True, False])
def test_the_linear_family_has_none_beside_it(
    with_baseline: bool, dataset: Dataset, tmp_path: Path
) -> None:
    recipe = TrainingRecipe("linear", with_baseline=with_baseline)
    assert train(dataset, recipe, tmp_path, Workshop(1, Silent())).baseline is None


@pytest.mark.parametrize("with_baseline", [True, False])
def test_any_other_family_has_one_unless_it_is_left_out(
    with_baseline: bool, dataset: Dataset, tiny_backbone: Path, tmp_path: Path
) -> None:
    parameters = {"backbone": str(tiny_backbone), "max_tokens": "16"}
    recipe = TrainingRecipe("encoder", parameters, with_baseline=with_baseline)
    found = train(dataset, recipe, tmp_path, Workshop(1, Silent())).baseline
    assert isinstance(found, Baseline) == with_baseline
