"""Confidence: whether it can be taken at its word, and what is gained by answering less."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classmark.evaluation.calibration import reliability_bins
from classmark.evaluation.intervals import proportion
from classmark.evaluation.plots.drawing import (
    BLUE,
    GREY,
    ORANGE,
    PALE,
    WIDTH_INCHES,
    Plot,
    error_bars,
    finished,
)

_BINS = 20
# So many points make a line that looks like one.
_POINTS = 200
# Of fewer answers the share that is wrong says next to nothing.
_FEWEST_ANSWERED = 10

Confidences = NDArray[np.float64]
Right = NDArray[np.bool_]


def draw_reliability(confidences: Confidences, right: Right) -> Plot:
    """The share of right answers among those about as confident, with intervals."""
    bins = reliability_bins(confidences, right)
    figure, axes = _square()
    low = max(0.0, min(one.confidence for one in bins) - 0.1)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="as right as it is sure")
    axes.errorbar(
        [one.confidence for one in bins],
        [one.accuracy.value for one in bins],
        yerr=error_bars([one.accuracy for one in bins]),
        color=BLUE,
        marker="o",
        capsize=2,
        elinewidth=1,
        label="answers, with 95 % interval",
    )
    axes.set_xlim(low, 1.01)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("mean confidence")
    axes.set_ylabel("share right")
    axes.legend(loc="lower right", frameon=False)
    return finished(figure, "Reliability: the share of right answers at each confidence")


def draw_confidence(confidences: Confidences, right: Right) -> Plot:
    """How many answers have which confidence, the right and the wrong ones."""
    figure, axes = _square()
    edges = np.linspace(min(float(confidences.min()), 0.9), 1.0, _BINS + 1)
    axes.hist(
        [np.minimum(confidences[right], 1), np.minimum(confidences[~right], 1)],
        edges.tolist(),
        stacked=True,
        color=[BLUE, ORANGE],
        label=[f"right ({right.sum():,})", f"wrong ({(~right).sum():,})"],
    )
    # Not everybody tells the colours apart.
    for bar in axes.patches[_BINS:]:
        bar.set_hatch("////")
    axes.set_xlabel("confidence")
    axes.set_ylabel("answers")
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    return finished(figure, "How many right and wrong answers have which confidence")


def draw_risk_coverage(confidences: Confidences, right: Right) -> Plot:
    """The share of wrong answers if only the surest are given (El-Yaniv and Wiener 2010)."""
    order = np.argsort(-confidences, kind="stable")
    wrong = np.cumsum(~right[order])
    fewest = min(_FEWEST_ANSWERED, len(right))
    answered = np.unique(np.linspace(fewest, len(right), _POINTS).astype(int))
    risks = [proportion(int(wrong[number - 1]), int(number)) for number in answered]
    shares = answered / len(right)
    figure, axes = _square()
    axes.fill_between(
        shares,
        [risk.low for risk in risks],
        [risk.high for risk in risks],
        color=PALE,
        label="95 % interval",
    )
    axes.plot(shares, [risk.value for risk in risks], color=BLUE, label="share wrong")
    axes.set_xlim(0, 1.01)
    axes.set_ylim(0, max(risk.high for risk in risks[len(risks) // 20 :]) * 1.25)
    axes.set_xlabel("share answered, the surest first")
    axes.set_ylabel("share of these that is wrong")
    axes.legend(loc="upper left", frameon=False)
    return finished(figure, "The share of wrong answers if only the surest are given")


def _square() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_INCHES, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    return figure, axes
