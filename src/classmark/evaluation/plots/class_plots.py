"""Classes: which are taken for which, and how well each is found."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classmark.evaluation.label_sets import LabelSetEvaluation
from classmark.evaluation.metrics import Evaluation
from classmark.evaluation.plots.drawing import (
    BLUE,
    ORANGE,
    WIDTH_INCHES,
    Plot,
    error_bars,
    finished,
    room_for,
    shortened,
)

# Above this many classes, counts in the cells would be too small to read.
_CLASSES_COUNTED = 20
_COUNTED_INCHES, _NAMED_INCHES = 0.45, 0.22


def draw_confusion(evaluation: Evaluation) -> Plot:
    """True classes down, given classes across, the share of each true class as colour."""
    counts = np.array(evaluation.confusion)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [shortened(label) for label in evaluation.labels]
    counted = len(names) <= _CLASSES_COUNTED
    side, step = room_for(len(names), _COUNTED_INCHES if counted else _NAMED_INCHES)
    size = (max(side + 1.8, WIDTH_INCHES), max(side + 1.2, WIDTH_INCHES - 0.8))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.spines[:].set_visible(False)
    named = range(0, len(names), step)
    axes.set_xticks(named, names[::step], rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(named, names[::step])
    axes.set_xlabel("given class")
    axes.set_ylabel("true class")
    if counted:
        _write_counts(axes, counts, shares)
    return finished(figure, "Confusion matrix: true classes down, given classes across")


def draw_per_class(evaluation: Evaluation | LabelSetEvaluation) -> Plot:
    """Precision and recall of each class, with their 95 % intervals."""
    names = [f"{shortened(one.label)} ({one.support:,})" for one in evaluation.per_class]
    rows = np.arange(len(names))
    height, step = room_for(len(names), 0.45)
    figure = Figure(figsize=(WIDTH_INCHES, height + 1.4), layout="constrained")
    axes = figure.subplots()
    for offset, field, colour in ((-0.2, "precision", BLUE), (0.2, "recall", ORANGE)):
        estimates = [getattr(metrics, field) for metrics in evaluation.per_class]
        axes.barh(
            rows + offset,
            [estimate.value for estimate in estimates],
            0.38,
            xerr=error_bars(estimates),
            color=colour,
            label=field,
            capsize=2,
            error_kw={"elinewidth": 1},
        )
    axes.set_yticks(rows[::step], names[::step])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.01)
    axes.set_xlabel("share, with 95 % interval")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    return finished(figure, "Precision and recall of each class with intervals")


def _write_counts(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour, fontsize=9)
