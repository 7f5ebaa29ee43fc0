"""A linear head: a score for each class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


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
