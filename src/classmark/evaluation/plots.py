"""Plots of an evaluation as PNG."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from classmark.evaluation.metrics import Evaluation

_INK = "#1f4e79"
_LONGEST_LABEL = 24


def plot_confusion(evaluation: Evaluation, path: Path) -> None:
    """True classes down, given classes across, the share of each true class as colour."""
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    size = 2.5 + 0.6 * len(evaluation.labels)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    names = [_shortened(label) for label in evaluation.labels]
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("given")
    axes.set_ylabel("true")
    axes.set_title(f"Confusion matrix, {evaluation.rows:,} documents")
    if len(names) <= 20:
        _write_counts(axes, counts, shares)
    figure.savefig(path, dpi=120)


def plot_per_class(evaluation: Evaluation, path: Path) -> None:
    """Precision and recall of each class, with their 95 % intervals."""
    names = [f"{_shortened(metrics.label)} ({metrics.support})" for metrics in evaluation.per_class]
    rows = np.arange(len(names))
    figure = Figure(figsize=(8, 1.5 + 0.5 * len(names)), layout="constrained")
    axes = figure.subplots()
    for offset, field, colour in ((-0.2, "precision", _INK), (0.2, "recall", "#e07b39")):
        estimates = [getattr(metrics, field) for metrics in evaluation.per_class]
        values = np.array([estimate.value for estimate in estimates])
        lows = values - np.array([estimate.low for estimate in estimates])
        highs = np.array([estimate.high for estimate in estimates]) - values
        errors = np.clip([lows, highs], 0, None)
        axes.barh(rows + offset, values, 0.38, xerr=errors, color=colour, label=field, capsize=2)
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share, with 95 % interval")
    axes.set_title("Per class (documents)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, -0.2), ncols=2, frameon=False)
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=120)


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
