"""Which family does best on a dataset, by answers to documents that it did not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from classmark.datasets import Dataset
from classmark.errors import SettingError
from classmark.evaluation import (
    SIGNIFICANCE,
    Comparison,
    Evaluation,
    compare,
    holm,
    latency_of,
    measure,
)
from classmark.models import family_class
from classmark.progress import Progress
from classmark.training.folds import Dealing, Folds, dealt_folds
from classmark.training.out_of_fold import OutOfFold, answered
from classmark.training.recipe import TrainingRecipe
from classmark.training.reliability import dealt_halves

# What was chosen by the test part could not be measured on it any more.
_PARTS = ("train", "val")


@dataclass(frozen=True, slots=True)
class FamilyScore:
    """How a family does.

    Attributes:
        recipe: What was trained.
        folds: The figures of each fold's documents, by the model that had not seen them.
        overall: Of all of them together.
    """

    recipe: TrainingRecipe
    folds: Sequence[Evaluation]
    overall: Evaluation


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two families on the same documents.

    Attributes:
        a: Name of the first.
        b: Name of the second.
        comparison: What the documents say of the two.
        adjusted: The p-value as it counts among all pairings (Holm 1979).
    """

    a: str
    b: str
    comparison: Comparison
    adjusted: float

    @property
    def winner(self) -> str | None:
        """The name of the better one; None where the difference may be chance."""
        if self.adjusted >= SIGNIFICANCE:
            return None
        return self.b if self.comparison.difference.value > 0 else self.a


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """Families on the same folds.

    Attributes:
        documents: How many.
        folds: How many.
        scores: Of each family, in the order they were given.
        pairings: Of each with each.
    """

    documents: int
    folds: int
    scores: Sequence[FamilyScore]
    pairings: Sequence[Pairing]

    @property
    def leader(self) -> str:
        """The family with the highest accuracy; of equals the first."""
        best = max(self.scores, key=lambda score: score.overall.accuracy.value)
        return best.recipe.family

    @property
    def best(self) -> str | None:
        """The leader, if it is shown to be better than every other; else None."""
        against = [it for it in self.pairings if self.leader in {it.a, it.b}]
        wins = all(it.winner == self.leader for it in against)
        return self.leader if wins and against else None


def cross_validate(
    dataset: Dataset,
    recipes: Sequence[TrainingRecipe],
    dealing: Dealing,
    *,
    threads: int,
    progress: Progress,
) -> CrossValidation:
    """Train each recipe on all folds but one, in turn, and compare what they say of that one.

    The folds are those of the train part and of the half of val that decides between settings. The
    test part stays unseen, so that the family that is chosen can still be measured on it, and the
    other half of val, so that it can still promise something.

    Raises:
        SettingError: No family is given, one is given twice or can't be trained with its
            parameters; the number of folds can't be, or documents have several labels.
        RecordError: There is too little to learn from.
        MissingExtraError: What a family needs is not installed.
        ParityError: An exported model does not answer as the trained one does.
    """
    names = [recipe.family for recipe in recipes]
    if not names or len(set(names)) < len(names):
        raise SettingError(
            f"Families to compare must be named once each: {', '.join(names) or 'none is'}.",
            remedy="Give --family for each, as --family linear --family encoder.",
        )
    for recipe in recipes:
        family_class(recipe.family).with_parameters(recipe.parameters)
    selection = dealt_halves(dataset.parts["val"]).selection
    seen = replace(dataset, parts={**dataset.parts, "val": selection})
    folds = dealt_folds(seen, replace(dealing, parts=_PARTS), progress)
    _check_filled(folds)
    answers = [answered(folds, recipe, threads=threads, progress=progress) for recipe in recipes]
    return CrossValidation(
        documents=len(folds.documents),
        folds=folds.number,
        scores=[_score(recipe, said) for recipe, said in zip(recipes, answers, strict=True)],
        pairings=_pairings(dict(zip(names, answers, strict=True))),
    )


def _check_filled(folds: Folds) -> None:
    filled = len(np.unique(folds.fold_of))
    if filled < folds.number:
        raise SettingError(
            f"The documents fill {filled} of {folds.number} folds only, as near-duplicates are"
            " held out together.",
            remedy=f"Use at most {filled} folds.",
        )


def _score(recipe: TrainingRecipe, answers: OutOfFold) -> FamilyScore:
    fold_of = answers.folds.fold_of
    return FamilyScore(
        recipe=recipe,
        folds=[_measured(answers, fold_of == fold) for fold in range(answers.folds.number)],
        overall=_measured(answers, np.ones(len(fold_of), bool)),
    )


def _measured(answers: OutOfFold, chosen: NDArray[np.bool_]) -> Evaluation:
    """The figures of the chosen documents."""
    rows = np.flatnonzero(chosen)
    labels = answers.labels
    return measure(
        [labels[row] for row in rows],
        answers.probabilities[rows].astype(np.float64),
        answers.classes,
        latency_of(answers.seconds[rows].tolist()),
    )


def _pairings(answers: dict[str, OutOfFold]) -> list[Pairing]:
    pairs = list(combinations(answers, 2))
    found = [compare(answers[a].labels, answers[a].given, answers[b].given) for a, b in pairs]
    adjusted = holm([comparison.p_value for comparison in found])
    return [
        Pairing(a, b, comparison, p_value)
        for (a, b), comparison, p_value in zip(pairs, found, adjusted, strict=True)
    ]
