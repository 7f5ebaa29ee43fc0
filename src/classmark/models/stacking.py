"""How the members of an ensemble are weighed against one another.

Both ways learn from answers to rows that no member trained on. On rows that they know by heart,
the one that remembers most would seem the best.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from classmark.models.composition import Examination
from classmark.models.ensemble_runtime import Stack, log_probabilities

_INVERSE_REGULARISATIONS = (0.0001, 0.001, 0.01, 0.1)
_FOLDS = 5
_LEAST = 1e-12
_STEPS = 500
_NEXT_TO_NOTHING = 1e-3


@dataclass(frozen=True, slots=True)
class FittedStack:
    """A stack and what it is worth.

    Attributes:
        stack: Fitted on all rows.
        inverse_regularisation: The C that it has.
        losses: For every C that was tried, the log loss on rows that were held out from it.
    """

    stack: Stack
    inverse_regularisation: float
    losses: dict[float, float]


def member_losses(examination: Examination) -> NDArray[np.float64]:
    """The log loss of each member, shape (members,)."""
    losses = -np.log(_given_to_truth(examination))
    found: NDArray[np.float64] = np.average(losses, axis=0, weights=examination.weights)
    return found


def voting_weights(examination: Examination) -> NDArray[np.float64]:
    """The weights of least log loss, none below 0, sum 1, shape (members,).

    The loss is convex in them. Expectation maximisation for the weights of a mixture (Dempster,
    Laird and Rubin 1977) only ever lowers it and never leaves the simplex.
    """
    given = _given_to_truth(examination)
    weights = np.full(given.shape[1], 1 / given.shape[1])
    for _ in range(_STEPS):
        shares = given * weights
        shares /= shares.sum(1, keepdims=True)
        before, weights = weights, np.average(shares, axis=0, weights=examination.weights)
        if np.abs(weights - before).max() < 1e-6:
            break
    # Weights only ever come near 0, and no member need be asked for next to nothing.
    kept: NDArray[np.float64] = np.where(weights < _NEXT_TO_NOTHING, 0, weights)
    kept /= kept.sum()
    return kept


def fitted_stack(examination: Examination, given: float | None = None) -> FittedStack:
    """The stack of the members whose log loss on held-out rows is least.

    Args:
        examination: What the members answer.
        given: C; None chooses among 0.0001, 0.001, 0.01 and 0.1 by cross-validation within the
            rows.
    """
    strengths = _INVERSE_REGULARISATIONS if given is None else (given,)
    losses = {strength: _held_out_loss(examination, strength) for strength in strengths}
    chosen = min(losses, key=lambda strength: losses[strength])
    return FittedStack(_fitted(examination, chosen), chosen, losses)


def _given_to_truth(examination: Examination) -> NDArray[np.float64]:
    """What each member gave to the right label of each row, shape (rows, members)."""
    rows = np.arange(len(examination.truth))
    given: NDArray[np.float64] = examination.answers[:, rows, examination.truth].T
    return np.maximum(given, _LEAST)


def _held_out_loss(examination: Examination, strength: float) -> float:
    """The log loss on rows while they are held out, a fold after the other."""
    folds = _folds(examination)
    losses = np.zeros(len(folds))
    for fold in np.unique(folds):
        stack = _fitted(_part(examination, folds != fold), strength)
        held = _part(examination, folds == fold)
        answers = log_probabilities(held.answers)
        scores = np.concatenate(list(answers), 1) @ stack.coefficients + stack.intercept
        rows = np.arange(len(held.truth))
        losses[folds == fold] = -log_softmax(scores, 1)[rows, held.truth]
    return float(np.average(losses, weights=examination.weights))


def _folds(examination: Examination) -> NDArray[np.int64]:
    """The fold of each row; the rows of each label are dealt out evenly."""
    truth = examination.truth
    shuffled = np.random.default_rng(examination.seed).permutation(len(truth))
    by_label = shuffled[np.argsort(truth[shuffled], kind="stable")]
    folds = np.zeros(len(truth), np.int64)
    folds[by_label] = np.arange(len(truth)) % _FOLDS
    return folds


def _part(examination: Examination, rows: NDArray[np.bool_]) -> Examination:
    return Examination(
        examination.members,
        examination.answers[:, rows],
        examination.truth[rows],
        examination.seed,
        examination.weights[rows],
    )


def _fitted(examination: Examination, strength: float) -> Stack:
    """A logistic regression that is pulled towards the members and not towards nothing.

    The score of a class is a sum over members of trust times log-probability, and what it departs
    from this is paid for. Strong regularisation leaves the members' answers multiplied (a
    logarithmic opinion pool: Heskes 1998) where it would otherwise leave no answer at all. A class
    that no row is of has nothing to depart by.
    """
    members, _, classes = examination.answers.shape
    logs = log_probabilities(examination.answers)
    truth = np.eye(classes)[examination.truth] * examination.weights[:, None]
    problem = _Problem(logs, truth, strength)
    start = np.zeros(problem.size)
    start[:members] = 1 / members
    bounds = [(0, None)] * members + [(None, None)] * (problem.size - members)
    options = {"maxiter": _STEPS}
    found = minimize(
        problem.loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    return problem.stack(found.x)


class _Problem:
    """What is minimised, over one vector of trust, intercept and departure.

    Args:
        logs: Shape (members, rows, classes).
        truth: At each row's label how much the row counts, else 0, shape (rows, classes).
        strength: C, that is one over the price of departing.
    """

    def __init__(
        self, logs: NDArray[np.float64], truth: NDArray[np.float64], strength: float
    ) -> None:
        self._logs, self._truth, self._strength = logs, truth, strength
        self._features = np.concatenate(list(logs), 1)
        self._seen = truth.any(0)
        self._members, _, self._classes = logs.shape
        self.size = self._members + self._classes * (1 + self._members * self._classes)

    def loss(self, vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The penalised log loss, and its gradient."""
        trust, intercept, departure = self._parts(vector)
        scores = np.tensordot(trust, self._logs, 1) + intercept + self._features @ departure
        logs = log_softmax(scores, 1)
        errors = np.exp(logs) * self._truth.sum(1, keepdims=True) - self._truth
        away = trust - 1 / self._members
        price = (departure**2).sum() + (intercept**2).sum()
        loss = -(logs * self._truth).sum() + price / (2 * self._strength) + (away**2).sum() / 2
        gradient = (
            np.tensordot(self._logs, errors, 2) + away,
            (errors.sum(0) + intercept / self._strength) * self._seen,
            ((self._features.T @ errors + departure / self._strength) * self._seen).ravel(),
        )
        return float(loss), np.concatenate(gradient)

    def stack(self, vector: NDArray[np.float64]) -> Stack:
        """The same as one set of coefficients."""
        trust, intercept, departure = self._parts(vector)
        coefficients = np.kron(trust[:, None], np.eye(self._classes)) + departure
        return Stack(coefficients, intercept.copy())

    def _parts(self, vector: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Trust (members,), intercept (classes,), departure (members * classes, classes)."""
        trust, intercept, departure = np.split(
            vector, [self._members, self._members + self._classes]
        )
        return trust, intercept, departure.reshape(-1, self._classes)
