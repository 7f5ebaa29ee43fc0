"""LIME: a linear model of the classifier in the neighbourhood of one text."""

from collections.abc import Sequence

import numpy as np
from lime.lime_text import LimeTextExplainer
from numpy.typing import NDArray

from classmark.evaluation.explanation.asking import Attribution, ShortenedTexts


def attribute(texts: ShortenedTexts, samples: int, seed: int) -> Attribution:
    """The weights of LIME's local linear model (Ribeiro, Singh and Guestrin 2016).

    LIME is shown the places of the pieces instead of the text, so that both methods that leave
    words out cut and shorten a text in the same way. Each place is weighed for itself, not all
    places of a word together: models read order, and the page colours places.
    """

    def answers(shown: Sequence[str]) -> NDArray[np.float64]:
        kept = np.zeros((len(shown), texts.pieces), bool)
        for row, places in enumerate(shown):
            kept[row, [int(place) for place in places.split()]] = True
        return texts.values(kept)[:, None]

    explainer = LimeTextExplainer(
        class_names=["explained"],
        feature_selection="none",
        split_expression=" ",
        bow=False,
        mask_string="",
        random_state=seed,
    )
    places = " ".join(map(str, range(texts.pieces)))
    found = explainer.explain_instance(places, answers, labels=(0,), num_samples=samples)
    weights = np.zeros(texts.pieces)
    for place, weight in found.local_exp[0]:
        weights[place] = weight
    return Attribution(weights, float(found.intercept[0]), float(found.score))
