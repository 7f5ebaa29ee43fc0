"""Where a model looked: the attention that reached its answer, token by token."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from classmark.errors import MissingExtraError, SettingError
from classmark.models.reading import Span, read_windows

_GRAPH = "model.onnx"
# In so many words a model shows which of its tokens it answers from.
_PROBE = "A first sentence of some length, so that each of many tokens may have its say in it."

Readout = Literal["first token", "last token", "all tokens"]


@dataclass(frozen=True, slots=True, eq=False)
class TokenAttention:
    """How the attention behind one answer is shared out among the tokens of a text.

    Attributes:
        spans: Where each token begins and ends in the text.
        weights: Of each token, not negative, shape (tokens,).
        special: What lies on tokens that stand for no text; with the weights it sums to 1.
        layers: With attention, of the graph.
        heads: Of a layer.
        readout: Which tokens the answer is computed from.
    """

    spans: tuple[Span, ...]
    weights: NDArray[np.float64]
    special: float
    layers: int
    heads: int
    readout: Readout


def attention_of(folder: Path, text: str) -> TokenAttention:
    """The attention rollout of a clean text, in the graph that serves (Abnar and Zuidema 2020).

    Of a text that is read in several windows, the mean over them.

    Raises:
        SettingError: The model has no attention, or does not show it.
        MissingExtraError: What reads the graph is not installed.
        TamperedVersionError: The folder is no whole artifact.
    """
    if not (folder / _GRAPH).is_file():
        raise SettingError(
            f"{folder.name} is of a family without attention, or made of several models.",
            remedy="Explain it by shap or lime.",
        )
    try:
        from classmark.models.attention_graph import AttentionGraph  # noqa: PLC0415 (extra)
    except ModuleNotFoundError as error:
        raise MissingExtraError("Explaining by attention", extra="train") from error
    graph = AttentionGraph(folder / _GRAPH)
    windows = read_windows(folder, text)
    layers = [graph.layers(window.ids) for window in windows]
    (probe, *_) = read_windows(folder, _PROBE)
    readout = graph.readout(probe.ids)
    shares = [_rows_read(rollout(one), readout) / len(windows) for one in layers]
    spans = [span for window in windows for span in window.spans]
    weights = np.concatenate(shares)
    of_text = np.array([span is not None for span in spans])
    return TokenAttention(
        tuple(span for span in spans if span is not None),
        weights[of_text],
        float(weights[~of_text].sum()),
        len(layers[0]),
        len(layers[0][0]),
        readout,
    )


def rollout(layers: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """How much each token in the end holds of each token in the beginning; rows sum to 1.

    Half of a token is what it was before the layer, by the residual connection.

    Args:
        layers: The attention of each, shape (heads, tokens, tokens).

    Returns:
        Shape (tokens, tokens).
    """
    own = np.eye(layers[0].shape[-1])
    joint = own
    for layer in layers:
        mixed = layer.mean(axis=0) + own
        joint = (mixed / mixed.sum(axis=-1, keepdims=True)) @ joint
    return joint


def _rows_read(joint: NDArray[np.float64], readout: Readout) -> NDArray[np.float64]:
    """The tokens that the answer is computed from, shape (tokens,)."""
    rows = {"first token": joint[:1], "last token": joint[-1:], "all tokens": joint}[readout]
    mean: NDArray[np.float64] = rows.mean(axis=0)
    return mean
