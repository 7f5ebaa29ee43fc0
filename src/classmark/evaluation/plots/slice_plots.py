"""Slices: where it is better and where worse."""

from collections.abc import Sequence
from itertools import groupby

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from classmark.evaluation.intervals import Estimate
from classmark.evaluation.plots.drawing import (
    BLUE,
    GREY,
    ORANGE,
    WIDTH_INCHES,
    Plot,
    error_bars,
    finished,
)
from classmark.evaluation.slices import Slice


def draw_slices(accuracy: Estimate, slices: Sequence[Slice]) -> Plot:
    """Accuracy of each slice with its 95 % interval, beside that of all documents."""
    groups = [list(group) for _, group in groupby(slices, key=lambda one: one.kind)]
    heights = [len(group) for group in groups]
    figure = Figure(
        figsize=(WIDTH_INCHES, 0.32 * sum(heights) + 0.7 * len(groups) + 0.6), layout="constrained"
    )
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=heights)
    for axes, group in zip(panels[:, 0], groups, strict=True):
        for row, one in enumerate(group):
            axes.errorbar(
                one.accuracy.value,
                row,
                xerr=error_bars([one.accuracy]),
                fmt="D" if one.is_worse else "o",
                color=ORANGE if one.is_worse else BLUE,
                capsize=2,
            )
        axes.axvline(accuracy.value, color=GREY, linestyle="--", linewidth=1)
        axes.set_yticks(range(len(group)), [f"{one.name} ({len(one.rows):,})" for one in group])
        axes.set_ylim(len(group) - 0.5, -0.5)
        axes.set_title(f"by {group[0].kind.value}")
        axes.grid(axis="x", alpha=0.3)
    panels[-1, 0].set_xlabel("accuracy (dashed: of all documents)")
    if any(one.is_worse for one in slices):
        worse = Line2D([], [], color=ORANGE, marker="D", linestyle="", label="worse than the rest")
        figure.legend(handles=[worse], loc="outside upper left", frameon=False)
    return finished(figure, "Accuracy of each slice with intervals")
