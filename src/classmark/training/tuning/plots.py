"""Plots of a search: how it went, what decides, and what goes together with good values."""

from collections.abc import Sequence
from math import ceil, log
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from classmark.models import Choices, Range, Value
from classmark.training.tuning.result import TuningResult
from classmark.training.tuning.trial import TrialState, as_setting, best_first

_BLUE, _ORANGE, _GREY = "#1f4e79", "#e07b39", "#8a97a5"
_COLOURS = colormaps["viridis"]
_LONGEST_NAME = 24
_COLUMNS = 3
_STYLE: dict[Any, Any] = {
    "figure.dpi": 120,
    "font.size": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    # A choice is what it is, whatever dollars it holds.
    "text.parse_math": False,
}


def plots_of(result: TuningResult) -> dict[str, Figure]:
    """All plots by the names of their files; at least one trial has finished."""
    with rc_context(_STYLE):
        return {
            "history.png": _history(result),
            "importances.png": _importances(result),
            "parallel_coordinates.png": _parallel_coordinates(result),
            "slices.png": _slices(result),
        }


def _history(result: TuningResult) -> Figure:
    """The value of each trial, and the best so far."""
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    finished = sorted(best_first(result.trials), key=lambda trial: trial.number)
    numbers, values = [t.number for t in finished], [t.value or 0.0 for t in finished]
    axes.scatter(numbers, values, color=_BLUE, s=26, label="finished", zorder=3)
    axes.step(numbers, np.maximum.accumulate(values), where="post", color=_ORANGE, label="best")
    low = axes.get_ylim()[0]
    for state, marker in ((TrialState.PRUNED, "v"), (TrialState.FAILED, "x")):
        found = [trial.number for trial in result.trials if trial.state is state]
        if found:
            axes.scatter(found, [low] * len(found), color=_GREY, marker=marker, label=state.value)
    axes.set_xlabel("trial")
    axes.set_ylabel("accuracy on val")
    axes.set_title(f"{result.definition.name}: history")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return figure


def _importances(result: TuningResult) -> Figure:
    """How much each parameter decides."""
    names = list(result.importances)
    figure = Figure(figsize=(7.5, 1.6 + 0.45 * max(2, len(names))), layout="constrained")
    axes = figure.subplots()
    axes.set_title(f"{result.definition.name}: what decides")
    if not names:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "All finished trials are worth the same.", ha="center", va="center")
        return figure
    shares = list(result.importances.values())
    bars = axes.barh(list(map(_shortened, names)), shares, color=_BLUE)
    axes.bar_label(bars, [f"{share:.2f}" for share in shares], padding=3)
    axes.invert_yaxis()
    axes.set_xlim(0, max(shares) * 1.15)
    axes.set_xlabel("importance (PED-ANOVA), sum 1")
    return figure


def _parallel_coordinates(result: TuningResult) -> Figure:
    """A line for each trial through its parameters to its value; the better, the brighter."""
    space, finished = result.definition.space, best_first(result.trials)
    names = list(space)
    figure = Figure(figsize=(max(6.0, 2.0 * (len(names) + 1)), 5.0), layout="constrained")
    axes = figure.subplots()
    values = np.array([trial.value for trial in finished], np.float64)
    spread = float(np.ptp(values))
    heights = (values - values.min()) / spread if spread else np.full(len(values), 0.5)
    for place, trial in reversed(list(enumerate(finished))):
        line = [_height(space[name], trial.parameters[name]) for name in names]
        colour, width = (_ORANGE, 2.5) if place == 0 else (_COLOURS(heights[place]), 1.1)
        axes.plot([*line, heights[place]], color=colour, linewidth=width, alpha=0.9)
    for place, name in enumerate(names):
        _axis(axes, place, [(_height(space[name], it), it) for it in space[name].grid()])
    ends = sorted({float(values.min()), float(values.max())})
    marks = list(zip([0.0, 1.0] if spread else [0.5], [round(end, 4) for end in ends], strict=True))
    _axis(axes, len(names), marks)
    axes.set_xticks(range(len(names) + 1), [*map(_shortened, names), "accuracy on val"])
    axes.set_xlim(-0.1, len(names) + 0.35)
    axes.set_ylim(-0.05, 1.05)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.set_title(f"{result.definition.name}: the brighter, the better; the best in orange")
    return figure


def _axis(axes: Axes, place: int, marks: Sequence[tuple[float, Value]]) -> None:
    """One upright axis with what it stands for."""
    axes.axvline(place, color=_GREY, linewidth=1, zorder=0)
    for height, value in marks:
        # On white, so that lines that run there leave it readable.
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        axes.text(place + 0.04, height, _written(value), va="center", fontsize=8, bbox=box)


def _slices(result: TuningResult) -> Figure:
    """The value over each parameter, one small plot each; later trials are darker."""
    space, finished = result.definition.space, best_first(result.trials)
    rows = ceil(len(space) / _COLUMNS)
    columns = min(len(space), _COLUMNS)
    size = (max(4.5, 3.2 * columns), 3.0 * rows + 0.3)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    values = [trial.value for trial in finished]
    for axes, (name, tried) in zip(grid.flat, space.items(), strict=False):
        places = [_place(tried, trial.parameters[name]) for trial in finished]
        numbers = [trial.number for trial in finished]
        axes.scatter(
            places, values, c=numbers, cmap="Blues", edgecolors=_GREY, vmin=-3, s=28, alpha=0.85
        )
        axes.set_xlabel(_shortened(name))
        axes.grid(axis="y", alpha=0.3)
        _scale(axes, tried)
    for row in grid:
        row[0].set_ylabel("accuracy on val")
    for axes in list(grid.flat)[len(space) :]:
        axes.set_axis_off()
    figure.suptitle(f"{result.definition.name}: later trials are darker", x=0.01, ha="left")
    return figure


def _scale(axes: Axes, tried: Range | Choices) -> None:
    """Let an axis show all that can be tried, whatever was."""
    if isinstance(tried, Range) and tried.is_log:
        axes.set_xscale("log")
        axes.minorticks_off()
    marks = tried.grid()
    if isinstance(tried, Range):
        marks = marks[:: len(marks) // 2]
    places = [_place(tried, mark) for mark in marks]
    axes.set_xticks(places, list(map(_written, marks)))
    # A little more than all, so that no point is cut.
    heights = np.array([-0.05, 1.05])
    if isinstance(tried, Choices):
        axes.set_xlim(*(heights * (len(marks) - 1)))
    elif tried.is_log:
        axes.set_xlim(*(tried.low * (tried.high / tried.low) ** heights))
    else:
        axes.set_xlim(*(tried.low + (tried.high - tried.low) * heights))


def _place(tried: Range | Choices, value: Value) -> float:
    """Where a value stands on an axis of its parameter."""
    if isinstance(tried, Choices):
        return float(tried.values.index(value))
    return float(str(value))


def _height(tried: Range | Choices, value: Value) -> float:
    """The same from 0 to 1."""
    place = _place(tried, value)
    if isinstance(tried, Choices):
        return place / (len(tried.values) - 1)
    if tried.is_log:
        return log(place / tried.low) / log(tried.high / tried.low)
    return (place - tried.low) / (tried.high - tried.low)


def _written(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else _shortened(as_setting(value))


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"
