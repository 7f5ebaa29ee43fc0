"""Families are compared on documents that none of their models had seen."""

from dataclasses import replace

import pytest

from classmark.datasets import Dataset
from classmark.documents import Document
from classmark.errors import RecordError, SettingError
from classmark.evaluation import compare
from classmark.progress import Silent
from classmark.training import (
    CrossValidation,
    Dealing,
    FamilyScore,
    Pairing,
    TrainingRecipe,
    cross_validate,
    dealt_halves,
)

PLAIN = TrainingRecipe("linear", {"longest_ngram": "1"})


def validated(
    dataset: Dataset, recipes: list[TrainingRecipe] | None = None, folds: int = 2, seed: int = 42
) -> CrossValidation:
    given = [PLAIN] if recipes is None else recipes
    return cross_validate(dataset, given, Dealing(folds, seed), threads=2, progress=Silent())


def things(count: int = 12) -> Dataset:
    """Documents of two topics that anybody can tell apart; the test part tells lies."""
    topics = {"bread": "flour yeast oven", "ships": "keel mast harbour"}
    documents = [
        Document(
            id=f"{label}-{number}",
            text=f"{words} " + " ".join(f"{label}{number}x{place}" for place in range(8)),
            label=label,
        )
        for number in range(count)
        for label, words in topics.items()
    ]
    lies = [replace(document, id=f"lie-{document.id}", label="lies") for document in documents]
    parts = {"train": documents[4:], "val": documents[:4], "test": lies}
    return Dataset("things", parts, "2024-05-06T00:00:00+00:00", {}, {"cleaning": []})


@pytest.fixture(scope="module")
def plain() -> CrossValidation:
    return validated(things(), folds=3)


def test_every_document_of_train_and_val_is_answered_once_and_none_of_test(
    plain: CrossValidation,
) -> None:
    (score,) = plain.scores
    assert plain.documents == score.overall.rows == 24
    assert [fold.rows for fold in score.folds] == [8, 8, 8]
    support = {metrics.label: metrics.support for metrics in score.overall.per_class}
    assert support == {"bread": 12, "ships": 12, "lies": 0}


def test_what_a_promise_will_rest_on_is_not_looked_at() -> None:
    dataset = things(90)
    documents = dataset.parts["train"]
    dealt = replace(
        dataset, parts={**dataset.parts, "train": documents[100:], "val": documents[:100]}
    )
    halves = dealt_halves(dealt.parts["val"])
    assert halves.calibration
    assert validated(dealt).documents == len(documents) - len(halves.calibration)


def test_what_can_be_told_apart_is(plain: CrossValidation) -> None:
    (score,) = plain.scores
    assert score.overall.accuracy.value == 1
    assert score.overall.macro_f1.value == 1
    assert score.overall.accuracy.low < 1
    assert score.overall.latency.p50_ms > 0


def test_one_family_leads_and_is_not_shown_to_be_best(plain: CrossValidation) -> None:
    assert (plain.leader, plain.best, list(plain.pairings)) == ("linear", None, [])


def test_the_overall_figures_are_those_of_the_folds_together(dataset: Dataset) -> None:
    (score,) = validated(dataset).scores
    right = sum(fold.accuracy.value * fold.rows for fold in score.folds)
    assert score.overall.accuracy.value == pytest.approx(right / score.overall.rows)
    confusion = [
        [sum(cells) for cells in zip(*rows, strict=True)]
        for rows in zip(*(fold.confusion for fold in score.folds), strict=True)
    ]
    assert [list(row) for row in score.overall.confusion] == confusion


def test_the_same_seed_gives_the_same_folds(dataset: Dataset) -> None:
    one, same, other = (validated(dataset, seed=seed).scores[0] for seed in (1, 1, 2))
    assert one.overall.confusion == same.overall.confusion
    assert [fold.confusion for fold in one.folds] != [fold.confusion for fold in other.folds]


def score(name: str, right: int, rows: int) -> FamilyScore:
    """A family that is right so often, out of another one's figures."""
    (found,) = validated(things(6)).scores
    share = replace(found.overall.accuracy, value=right / rows)
    return FamilyScore(
        TrainingRecipe(name), found.folds, replace(found.overall, accuracy=share, rows=rows)
    )


def pairing(a: str, b: str, rights: tuple[int, int], adjusted: float) -> Pairing:
    truth = ["x"] * 100
    said = [["x"] * right + ["y"] * (100 - right) for right in rights]
    return Pairing(a, b, compare(truth, *said), adjusted)


@pytest.mark.parametrize(
    ("adjusted", "winner", "best"), [(0.001, "b", "b"), (0.049, "b", "b"), (0.05, None, None)]
)
def test_a_family_is_best_only_where_chance_does_not_explain_it(
    adjusted: float, winner: str | None, best: str | None
) -> None:
    found = pairing("a", "b", (60, 80), adjusted)
    scores = [score("a", 60, 100), score("b", 80, 100)]
    result = CrossValidation(100, 5, scores, [found])
    assert (found.winner, result.leader, result.best) == (winner, "b", best)


def test_the_best_must_beat_every_other() -> None:
    scores = [score(name, right, 100) for name, right in (("a", 60), ("b", 80), ("c", 79))]
    beaten = pairing("a", "b", (60, 80), 0.001)
    even = pairing("b", "c", (80, 79), 1.0)
    third = pairing("a", "c", (60, 79), 0.001)
    result = CrossValidation(100, 5, scores, [beaten, third, even])
    assert (result.leader, result.best) == ("b", None)


@pytest.mark.parametrize(
    ("recipes", "told"),
    [
        ([], "none is"),
        ([PLAIN, TrainingRecipe("linear")], "once each: linear, linear"),
        ([TrainingRecipe("oracle")], "no model family 'oracle'"),
        ([TrainingRecipe("linear", {"flavour": "mint"})], "flavour"),
    ],
)
def test_families_that_can_not_be_compared_are_refused(
    recipes: list[TrainingRecipe], told: str
) -> None:
    with pytest.raises(SettingError, match=told):
        validated(things(), recipes)


@pytest.mark.parametrize("folds", [1, 25])
def test_folds_that_can_not_be_are_refused(folds: int) -> None:
    with pytest.raises(SettingError, match=f"can't be answered in {folds} folds"):
        validated(things(), folds=folds)


def test_folds_that_near_duplicates_leave_empty_are_refused() -> None:
    documents = [
        Document(f"{label}-{copy}", " ".join(f"{label}{place}" for place in range(9)), label=label)
        for label in ("a", "b")
        for copy in range(5)
    ]
    parts = {"train": documents, "val": [], "test": []}
    dataset = Dataset("copies", parts, "2024-05-06T00:00:00+00:00", {}, {"cleaning": []})
    with pytest.raises(SettingError, match="fill 2 of 3 folds only"):
        validated(dataset, folds=3)


def test_too_little_to_learn_from_is_told() -> None:
    with pytest.raises(RecordError, match="Of no label there are two"):
        validated(things(2))
