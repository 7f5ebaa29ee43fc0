"""A family learns from a dataset, and what lies in the folder is what was measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classmark.datasets import Dataset
from classmark.documents import Document
from classmark.errors import RecordError, SettingError
from classmark.evaluation import Evaluation, assess
from classmark.models import Calibration, load_classifier
from classmark.progress import Silent
from classmark.training import (
    Reliability,
    TrainedModel,
    TrainingRecipe,
    Workshop,
    dealt_halves,
    train,
)
from classmark.training.run import training_data

LINEAR = TrainingRecipe("linear")


def trained(dataset: Dataset, folder: Path, recipe: TrainingRecipe = LINEAR) -> TrainedModel:
    return train(dataset, recipe, folder, Workshop(threads=2, progress=Silent()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the artifact of the plain recipe lies."""
    return tmp_path_factory.mktemp("plain")


@pytest.fixture(scope="module")
def plain(dataset: Dataset, folder: Path) -> TrainedModel:
    """The linear family as it is."""
    return trained(dataset, folder)


def with_parts(dataset: Dataset, **parts: list[Document]) -> Dataset:
    return replace(dataset, parts={**dataset.parts, **parts})


def test_a_dataset_becomes_a_measured_artifact(plain: TrainedModel) -> None:
    assert plain.recipe == LINEAR
    assert plain.seconds > 0
    assert plain.outcome.architecture == "linear"
    assert {part: it.evaluation.rows for part, it in plain.assessments.items()} == {
        "train": 160,
        "val": 20,
        "test": 20,
    }
    accuracy = {part: it.evaluation.accuracy for part, it in plain.assessments.items()}
    assert accuracy["train"].value > 0.95
    # By chance two of the 20 are right, and six once in a hundred times.
    assert accuracy["test"].value >= 0.3


def test_the_figures_are_those_of_what_lies_in_the_folder(
    dataset: Dataset, plain: TrainedModel, folder: Path
) -> None:
    classifier = load_classifier(folder)
    assert classifier.labels == dataset.labels
    again = assess(classifier, dataset.parts["test"])
    assert again.answers == plain.assessments["test"].answers
    before = plain.assessments["test"].evaluation
    assert isinstance(before, Evaluation)
    assert again.evaluation.confusion == before.confusion


def test_the_parity_gate_and_the_evaluation_tell_the_same_validation_accuracy(
    plain: TrainedModel,
) -> None:
    measured = plain.assessments["val"].evaluation.accuracy.value
    assert plain.outcome.parity.exports["fp32"].accuracy == pytest.approx(measured)


def test_of_a_large_val_the_family_sees_one_half(dataset: Dataset) -> None:
    large = with_parts(dataset, val=list(dataset.parts["train"]))
    halves = dealt_halves(large.parts["val"])
    for seed in (1, 2):
        data = training_data(large, seed)
        assert data.validation.texts == [document.text for document in halves.selection]
        assert data.validation.labels == [document.label for document in halves.selection]
    assert (len(halves.selection), len(halves.calibration)) == (80, 80)


def test_the_artifact_is_calibrated_and_measured_so(
    dataset: Dataset, plain: TrainedModel, folder: Path
) -> None:
    calibration = load_classifier(folder).calibration
    assert calibration == plain.reliable.calibration
    assert calibration.temperature is not None
    # 20 documents can promise nothing.
    assert calibration.abstain_below is None
    assert len(plain.reliable.shortcomings) == 1
    measured = plain.assessments["test"]
    raw = load_classifier(folder)
    raw.calibration = Calibration()
    for document, answer in zip(dataset.parts["test"], measured.answers, strict=True):
        before = np.array(raw.classify(document.text).probabilities)
        assert answer.probabilities == tuple(calibration.applied(before).tolist())


def test_a_promise_that_can_be_kept_is_stored_and_obeyed(dataset: Dataset, tmp_path: Path) -> None:
    # Enough documents: those that were learned are known by heart.
    known = with_parts(dataset, val=list(dataset.parts["train"]))
    found = trained(
        known, tmp_path, replace(LINEAR, reliability=Reliability(accuracy=0.99, risk=0.5))
    )
    promise = found.reliable.calibration.promise
    assert promise is not None
    assert promise.rows == 80
    classifier = load_classifier(tmp_path)
    assert classifier.calibration == found.reliable.calibration
    test = found.assessments["test"]
    threshold = classifier.calibration.abstain_below
    assert threshold is not None
    assert [answer.abstained for answer in test.answers] == [
        answer.confidence < threshold for answer in test.answers
    ]
    assert isinstance(test.evaluation, Evaluation)
    assert test.evaluation.answered.abstain_below == threshold


def test_parameters_are_told_with_their_defaults(dataset: Dataset, tmp_path: Path) -> None:
    recipe = TrainingRecipe("linear", {"longest_ngram": "1", "bayes_weight": "2"})
    found = trained(dataset, tmp_path, recipe).parameters
    assert found == {
        "longest_ngram": 1,
        "min_documents": None,
        "max_terms": None,
        "inverse_regularisation": 10.0,
        "bayes_weight": 2.0,
        "max_iterations": 500,
        "class_weights": None,
    }


def test_the_same_recipe_gives_the_same_answers(
    dataset: Dataset, plain: TrainedModel, tmp_path: Path
) -> None:
    again = trained(dataset, tmp_path)
    assert again.assessments["test"].answers == plain.assessments["test"].answers
    assert again.outcome == plain.outcome


@pytest.mark.usefixtures("plain")
def test_the_artifact_cleans_as_the_dataset_was_cleaned(dataset: Dataset, folder: Path) -> None:
    steps = [str(step) for step in load_classifier(folder).steps]
    assert steps == dataset.recipe["cleaning"]


def test_of_a_large_training_part_the_first_thousand_are_measured(
    dataset: Dataset, tmp_path: Path
) -> None:
    many = [
        replace(document, id=f"{document.id}-{copy}")
        for copy in range(7)
        for document in dataset.parts["train"]
    ]
    found = trained(with_parts(dataset, train=many), tmp_path)
    assert found.assessments["train"].evaluation.rows == 1000
    assert list(found.assessments["train"].documents) == many[:1000]


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (TrainingRecipe("oracle"), "no model family 'oracle'"),
        (TrainingRecipe("linear", {"flavour": "mint"}), "flavour"),
        (TrainingRecipe("linear", {"longest_ngram": "long"}), "longest_ngram"),
    ],
)
def test_a_recipe_that_can_not_be_is_refused_before_anything_is_written(
    dataset: Dataset, tmp_path: Path, recipe: TrainingRecipe, told: str
) -> None:
    with pytest.raises(SettingError, match=told):
        trained(dataset, tmp_path, recipe)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_that_another_release_cleaned_is_refused(
    dataset: Dataset, tmp_path: Path
) -> None:
    other = replace(dataset, recipe={**dataset.recipe, "cleaning": ["polish@3"]})
    with pytest.raises(SettingError, match="polish@3"):
        trained(other, tmp_path)


def test_validation_rows_of_a_class_that_is_not_learned_are_refused(
    dataset: Dataset, tmp_path: Path
) -> None:
    strange = [replace(dataset.parts["val"][0], label="cs.XX")]
    with pytest.raises(RecordError, match=r"'cs\.XX': 1"):
        trained(with_parts(dataset, val=strange), tmp_path)
