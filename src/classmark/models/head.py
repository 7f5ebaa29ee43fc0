"""A linear head: a score for each class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

# Half a text of the other kind (Jeffreys): nobody is sure of a label for having seen no exception.
_HALF_A_TEXT = 0.5


def row_weights(class_weights: str | None, labels: Any) -> NDArray[np.float64]:
    """How much each row counts, shape (rows,): the same, or the same for every class; mean 1."""
    found: NDArray[np.float64] = compute_sample_weight(class_weights, labels)
    return found


def one_row_a_class(regression: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients and intercept of a fitted logistic regression, a row for every class.

    scikit-learn keeps one row only where there are two classes: the score of the second, beside
    which the first one's is 0.

    Returns:
        Shapes (classes, features) and (classes,), classes sorted.
    """
    coefficients, intercept = np.asarray(regression.coef_), np.asarray(regression.intercept_)
    if len(coefficients) > 1:
        return coefficients, intercept
    return np.vstack([0 * coefficients, coefficients]), np.concatenate([0 * intercept, intercept])


def one_vs_rest(
    features: Any, targets: NDArray[np.float32], regression: LogisticRegression
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients and intercept of a logistic regression for each label, against its absence.

    Args:
        features: Shape (texts, features).
        targets: 1 where a text has a label, else 0, shape (texts, labels).
        regression: Whose settings all share; it is fitted anew for each.

    Returns:
        Shapes (labels, features) and (labels,).
    """
    coefficients = np.zeros((targets.shape[1], features.shape[1]))
    intercept = np.zeros(targets.shape[1])
    for label, has in enumerate(targets.T > 0):
        if has.all():
            # There is nothing to tell it from.
            intercept[label] = np.log((len(has) + _HALF_A_TEXT) / _HALF_A_TEXT)
        else:
            regression.fit(features, has)
            coefficients[label], intercept[label] = regression.coef_[0], regression.intercept_[0]
    return coefficients, intercept


def mean_log_loss(probabilities: NDArray[np.float64], targets: NDArray[np.float32]) -> float:
    """The mean of -log of what each label's presence or absence was given, in nats.

    Args:
        probabilities: Of each label by itself, shape (texts, labels).
        targets: 1 where a text has a label, else 0, shape (texts, labels).
    """
    given = np.where(targets > 0, probabilities, 1 - probabilities)
    return float(-np.log(np.maximum(given, np.finfo(np.float64).eps)).mean())
