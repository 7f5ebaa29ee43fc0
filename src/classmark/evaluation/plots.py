"""Plots of an evaluation as PNG."""

import warnings
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classmark.evaluation.metrics import Evaluation

_PRECISION, _RECALL = "#1f4e79", "#e07b39"
_LONGEST_LABEL = 24
_DOTS_PER_INCH = 120
# Matplotlib draws no more than 65,536 dots a side; with more classes only some are named.
_LARGEST_INCHES = 60.0
# Above this many classes, counts in the cells would be too small to read.
_CLASSES_COUNTED = 20
# A label is what it is, whatever dollars it holds.
_PLAIN: dict[str, Any] = {"parse_math": False}


def plot_confusion(evaluation: Evaluation, path: Path) -> None:
    """True classes down, given classes across, the share of each true class as colour."""
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [_shortened(label) for label in evaluation.labels]
    counted = len(names) <= _CLASSES_COUNTED
    side, step = _room_for(names, 0.6 if counted else 0.25)
    figure = Figure(figsize=(side + 3.5, side + 2.5), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    named = range(0, len(names), step)
    axes.set_xticks(named, names[::step], rotation=45, ha="right", **_PLAIN)
    axes.set_yticks(named, names[::step], **_PLAIN)
    axes.set_xlabel("given")
    axes.set_ylabel("true")
    axes.set_title(f"Confusion matrix, {evaluation.rows:,} documents")
    if counted:
        _write_counts(axes, counts, shares)
    _save(figure, path)


def plot_per_class(evaluation: Evaluation, path: Path) -> None:
    """Precision and recall of each class, with their 95 % intervals."""
    names = [f"{_shortened(metrics.label)} ({metrics.support})" for metrics in evaluation.per_class]
    rows = np.arange(len(names))
    height, step = _room_for(names, 0.5)
    figure = Figure(figsize=(8, height + 1.5), layout="constrained")
    axes = figure.subplots()
    for offset, field, colour in ((-0.2, "precision", _PRECISION), (0.2, "recall", _RECALL)):
        estimates = [getattr(metrics, field) for metrics in evaluation.per_class]
        values = np.array([estimate.value for estimate in estimates])
        lows = values - np.array([estimate.low for estimate in estimates])
        highs = np.array([estimate.high for estimate in estimates]) - values
        errors = np.clip([lows, highs], 0, None)
        axes.barh(rows + offset, values, 0.38, xerr=errors, color=colour, label=field, capsize=2)
    axes.set_yticks(rows[::step], names[::step], **_PLAIN)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.01)
    axes.set_xlabel("share, with 95 % interval")
    axes.set_title("Per class (documents)")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    _save(figure, path)


def _room_for(names: list[str], inches: float) -> tuple[float, int]:
    """The inches that names take at so many each, and how many names one shown stands for."""
    wanted = inches * len(names)
    return min(wanted, _LARGEST_INCHES), ceil(wanted / _LARGEST_INCHES)


def _write_counts(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)


def _save(figure: Figure, path: Path) -> None:
    with warnings.catch_warnings():
        # A script that the font lacks is drawn as boxes; the page and the figures spell it out.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(path, dpi=_DOTS_PER_INCH)


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
