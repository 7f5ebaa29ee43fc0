"""SHAP: what each word adds, averaged over the orders in which words can come."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.explanation.asking import Attribution, ShortenedTexts

with warnings.catch_warnings():
    # Raised while SHAP builds the colour maps of its plots, which are not drawn here.
    warnings.filterwarnings("ignore", "The set_bad function", PendingDeprecationWarning)
    warnings.filterwarnings("ignore", "The set_(over|under) function", PendingDeprecationWarning)
    from shap.explainers import PermutationExplainer
    from shap.maskers import Independent


def attribute(texts: ShortenedTexts, samples: int, seed: int) -> Attribution:
    """Shapley values by permutation sampling (Lundberg and Lee 2017; Mitchell et al. 2022).

    Words are taken in, one by one, in random orders and in their reverses. Whatever the number of
    orders, the weights and the base value sum to the value that is explained.
    """

    def values(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return texts.values(rows > 0)

    nothing = Independent(np.zeros((1, texts.pieces)))
    everything = np.ones((1, texts.pieces))
    with _global_randomness_kept():
        explainer = PermutationExplainer(values, nothing, seed=seed)
        found = explainer(everything, max_evals=samples, silent=True)
    return Attribution(found.values[0], float(found.base_values[0]))


@contextmanager
def _global_randomness_kept() -> Iterator[None]:
    """SHAP seeds and draws from NumPy's global generator; others find it as they left it."""
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)
