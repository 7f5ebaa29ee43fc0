"""Attention: where a model looked, whatever it made of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.explanation.asking import Attribution
from classmark.evaluation.explanation.pieces import CutText
from classmark.models import attention_of


def attribute(folder: Path, text: str, cut: CutText) -> Attribution:
    """The share of the attention rollout that lies on each piece.

    What lies on a word's tokens is added up. Punctuation and special tokens draw much of it, as
    resting places, and are no words: their share is left out.

    Raises:
        SettingError: The model has no attention, or does not show it.
        MissingExtraError: What reads the graph is not installed.
    """
    found = attention_of(folder, text)
    weights = np.zeros(len(cut.spans))
    places = _places_of([end - 1 for _, end in found.spans], cut)
    on_words = places >= 0
    np.add.at(weights, places[on_words], found.weights[on_words])
    return Attribution(weights, on_words=float(weights.sum()))


def _places_of(characters: Sequence[int], cut: CutText) -> NDArray[np.intp]:
    """The piece in which each character stands, or -1.

    A token's last character tells its word: some tokens begin with the space in front of it.
    """
    starts = np.array([start for start, _ in cut.spans])
    ends = np.array([end for _, end in cut.spans])
    places = np.searchsorted(starts, characters, side="right") - 1
    inside: NDArray[np.intp] = np.where(np.asarray(characters) < ends[places], places, -1)
    return inside
