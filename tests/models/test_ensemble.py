"""Voting and stacking: what is fitted, and what answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.optimize import check_grad

from classmark.errors import TamperedVersionError
from classmark.models import Classifier, LabelledTexts, load_classifier
from classmark.models.artifact import ArtifactConfig
from classmark.models.composition import Examination
from classmark.models.ensemble import EnsembleFamily, EnsembleParameters
from classmark.models.ensemble_runtime import (
    EnsembleClassifier,
    Stack,
    Vote,
    log_probabilities,
)
from classmark.models.linear import LinearFamily, LinearParameters
from classmark.models.stacking import _Problem, fitted_stack, member_losses, voting_weights
from classmark.progress import Silent

# What the fixtures of this room give: see conftest.py.
Samples = Any
AskFresh = Callable[..., Any]
Answers = NDArray[np.float64]

SEEDS = st.integers(0, 2**32 - 1)


def examined(answers: Answers, truth: Any, seed: int = 0) -> Examination:
    names = tuple(f"member {place}" for place in range(len(answers)))
    return Examination(
        names, np.asarray(answers, float), np.asarray(truth), seed, np.ones(len(truth))
    )


def guesses(
    seed: int, *, rows: int = 60, classes: int = 3, skill: tuple[float, ...]
) -> Examination:
    """Members that lean towards the truth, each by its skill."""
    random = np.random.default_rng(seed)
    truth = np.arange(rows) % classes
    scores = random.normal(size=(len(skill), rows, classes))
    scores += np.array(skill)[:, None, None] * np.eye(classes)[truth]
    exponents = np.exp(scores)
    return examined(exponents / exponents.sum(2, keepdims=True), truth)


def test_members_that_are_all_sure_are_not_surer_together() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        weights = rng.random(3)
        found = Vote(weights / weights.sum()).probabilities(np.array([[1.0, 0.0]] * 3))
        assert found.max() <= 1


def answered(combination: Vote | Stack, examination: Examination) -> Answers:
    rows = np.moveaxis(examination.answers, 1, 0)
    return np.stack([combination.probabilities(answers) for answers in rows])


def loss(probabilities: Answers, truth: NDArray[np.int64]) -> float:
    return float(-np.log(probabilities[np.arange(len(truth)), truth]).mean())


@given(SEEDS)
def test_a_row_that_counts_twice_is_as_good_as_two_rows(seed: int) -> None:
    rows = guesses(seed, rows=12, skill=(1, 2))
    twice = replace(rows, weights=np.where(np.arange(12) < 4, 2.0, 1.0))
    places = [*range(12), *range(4)]
    copied = examined(rows.answers[:, places], rows.truth[places])

    np.testing.assert_allclose(member_losses(twice), member_losses(copied))
    np.testing.assert_allclose(voting_weights(twice), voting_weights(copied), atol=1e-6)
    stacks = [fitted_stack(one, 0.01).stack for one in (twice, copied)]
    np.testing.assert_allclose(stacks[0].coefficients, stacks[1].coefficients, atol=1e-3)


def test_balanced_weights_let_each_class_count_the_same() -> None:
    family = EnsembleFamily.with_parameters({"class_weights": "balanced"})
    weights = family._weights(np.array([0, 0, 0, 1]))
    assert weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])


# Voting


@given(SEEDS, st.lists(st.floats(0, 4), min_size=2, max_size=4).map(tuple))
def test_chosen_weights_are_no_worse_than_any_member_or_equal_weights(
    seed: int, skill: tuple[float, ...]
) -> None:
    examination = guesses(seed, skill=skill)
    weights = voting_weights(examination)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    chosen = loss(answered(Vote(weights), examination), examination.truth)
    equal = Vote(np.full(len(skill), 1 / len(skill)))
    assert chosen <= loss(answered(equal, examination), examination.truth) + 1e-3
    assert chosen <= member_losses(examination).min() + 1e-3


def test_a_member_that_knows_nothing_gets_no_say() -> None:
    truth = np.arange(30) % 3
    knows = np.full((30, 3), 0.05) + 0.85 * np.eye(3)[truth]
    weights = voting_weights(examined(np.stack([np.full((30, 3), 1 / 3), knows]), truth))
    assert weights.tolist() == [0, 1]


def test_members_that_give_the_truth_no_chance_at_all_still_have_weights() -> None:
    answers = np.zeros((2, 4, 2))
    answers[:, :, 1] = 1
    assert voting_weights(examined(answers, [0, 0, 0, 0])) == pytest.approx([0.5, 0.5])


# Stacking


@given(SEEDS)
def test_the_gradient_is_that_of_the_loss(seed: int) -> None:
    examination = guesses(seed, rows=9, skill=(1, 2))
    truth = np.eye(3)[examination.truth]
    problem = _Problem(log_probabilities(examination.answers), truth, 0.5)
    start = np.random.default_rng(seed).normal(size=problem.size)
    error = check_grad(lambda x: problem.loss(x)[0], lambda x: problem.loss(x)[1], start)
    assert error < 1e-3


def test_a_stack_learns_that_a_member_confuses_two_classes() -> None:
    truth = np.arange(120) % 3
    swapped = np.array([0, 2, 1])[truth]
    sure = np.full((120, 3), 0.05) + 0.85 * np.eye(3)[swapped]
    examination = examined(np.stack([sure, np.full((120, 3), 1 / 3)]), truth)
    assert examination.accuracies().tolist() == [pytest.approx(1 / 3)] * 2
    stacked = answered(fitted_stack(examination).stack, examination)
    assert (stacked.argmax(1) == truth).all()


def test_strong_regularisation_leaves_the_members_answers_multiplied() -> None:
    examination = guesses(1, skill=(2, 1))
    stack = fitted_stack(examination, 1e-9).stack
    first, second = stack.coefficients[0, 0], stack.coefficients[3, 0]
    assert first > second > 0
    assert stack.coefficients == pytest.approx(np.kron([[first], [second]], np.eye(3)), abs=1e-6)
    product = np.prod(examination.answers ** np.array([first, second])[:, None, None], 0)
    expected = product / product.sum(1, keepdims=True)
    assert answered(stack, examination) == pytest.approx(expected, abs=1e-6)


def test_the_strength_of_least_loss_on_held_out_rows_is_chosen() -> None:
    fitted = fitted_stack(guesses(2, skill=(2, 1)))
    assert list(fitted.losses) == [0.0001, 0.001, 0.01, 0.1]
    assert fitted.losses[fitted.inverse_regularisation] == min(fitted.losses.values())


def test_a_class_that_no_row_is_of_can_still_be_the_answer() -> None:
    examination = guesses(3, rows=60, skill=(3, 3))
    seen = examination.truth < 2
    some = examined(examination.answers[:, seen], examination.truth[seen])
    missing = examined(examination.answers[:, ~seen], examination.truth[~seen])
    for strength in (None, 1.0):
        found = answered(fitted_stack(some, strength).stack, missing)
        assert (found.argmax(1) == 2).mean() > 0.8


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_a_few_rows_are_enough_to_fit(rows: int) -> None:
    examination = guesses(4, rows=rows, skill=(2, 1))
    found = answered(fitted_stack(examination).stack, examination)
    assert np.isfinite(found).all()
    assert found.sum(1) == pytest.approx(1)


def test_answers_of_zero_and_one_are_no_trouble() -> None:
    truth = np.arange(20) % 2
    answers = np.stack([np.eye(2)[truth], np.eye(2)[1 - truth]])
    found = answered(fitted_stack(examined(answers, truth)).stack, examined(answers, truth))
    assert (found.argmax(1) == truth).all()


# The family


def pair(**parameters: Any) -> EnsembleFamily:
    """Two linear members: words alone, and up to three in a row without naive Bayes."""
    members = {
        "one": LinearFamily(LinearParameters(longest_ngram=1)),
        "other": LinearFamily(LinearParameters(longest_ngram=3, bayes_weight=0)),
    }
    return EnsembleFamily(EnsembleParameters(members="one,other", **parameters), members)


@pytest.mark.parametrize("parameters", [{"method": "stack"}, {"method": "vote"}], ids=str)
def test_what_it_says_of_itself_is_what_its_artifact_does(
    parameters: dict[str, str], samples: Samples, tmp_path: Path
) -> None:
    data = replace(samples.data, validation=samples.held_out)
    outcome = pair(**parameters).train(data, tmp_path, Silent())
    assert outcome.parity.exports["fp32"].largest_gap == 0
    truth = np.searchsorted(data.labels, data.validation.labels)
    found = np.stack(
        [load_classifier(tmp_path).probabilities(text) for text in data.validation.texts]
    )
    told = outcome.details
    assert set(told["members"]) == {"one", "other"}
    assert told["validation_accuracy"]["ensemble"] == (found.argmax(1) == truth).mean()
    assert told["validation_log_loss"]["ensemble"] == pytest.approx(loss(found, truth))
    best = min(told["validation_log_loss"][name] for name in ("one", "other"))
    assert told["validation_log_loss"]["ensemble"] <= best + 1e-3


def test_given_weights_are_what_votes(samples: Samples, tmp_path: Path) -> None:
    outcome = pair(method="vote", weights="3,1").train(samples.data, tmp_path, Silent())
    assert outcome.details["weights"] == {"one": 0.75, "other": 0.25}
    one, other = (load_classifier(tmp_path / "members" / name) for name in ("0_one", "1_other"))
    for text in samples.held_out.texts[:10]:
        expected = 0.75 * one.probabilities(text) + 0.25 * other.probabilities(text)
        assert load_classifier(tmp_path).probabilities(text) == pytest.approx(expected, abs=1e-12)


def test_where_a_stack_is_worse_than_the_best_member_that_one_answers(
    samples: Samples, tmp_path: Path
) -> None:
    # As good as no regularisation, with labels that the texts say nothing about.
    validation = samples.data.validation
    mixed = LabelledTexts(validation.texts, [*validation.labels[5:], *validation.labels[:5]])
    data = replace(samples.data, validation=mixed)
    outcome = pair(inverse_regularisation=1e6).train(data, tmp_path, Silent())
    losses = outcome.details["validation_log_loss"]
    best = min(("one", "other"), key=lambda name: losses[name])
    assert outcome.details["fell_back_to"] == best
    assert losses["ensemble"] == losses[best]
    place = ["one", "other"].index(best)
    alone = load_classifier(tmp_path / "members" / f"{place}_{best}")
    for text in samples.held_out.texts[:10]:
        expected = alone.probabilities(text).tolist()
        assert load_classifier(tmp_path).probabilities(text).tolist() == expected


def test_a_combination_of_other_members_is_not_loaded(samples: Samples, tmp_path: Path) -> None:
    pair().train(samples.data, tmp_path, Silent())
    path = tmp_path / "combination.safetensors"
    whole = load_file(path)
    for strange in (
        {"weights": np.ones(3)},
        {"coefficients": np.ones((6, 2)), "intercept": np.ones(2)},
        {"coefficients": np.ones((6, 3))},
        {**whole, "more": np.ones(1)},
        {},
    ):
        save_file(strange, path)
        with pytest.raises(TamperedVersionError, match="no whole artifact"):
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


def test_a_member_without_weight_is_not_asked() -> None:
    members = Fixed((1, 0)), Fixed((0.25, 0.75))
    classifier = EnsembleClassifier(members, Vote(np.array([0.0, 1.0])))
    assert classifier.probabilities("text").tolist() == [0.25, 0.75]
    assert [member.asked for member in members] == [0, 1]


@pytest.mark.parametrize(
    ("lengths", "longest"), [((64, 128), 128), ((64, None), None), ((None, None), None)]
)
def test_as_much_is_read_as_by_the_member_that_reads_most(
    lengths: tuple[int | None, int | None], longest: int | None
) -> None:
    members = [Fixed((1, 0), length) for length in lengths]
    assert EnsembleClassifier(members, Vote(np.array([0.5, 0.5]))).max_tokens == longest
