"""The words of an explanation as bars."""

from matplotlib.figure import Figure

from classmark.evaluation.explanation.explanation import Explanation, Method, WordWeight
from classmark.evaluation.plots.drawing import (
    BLUE,
    GREY,
    ORANGE,
    WIDTH_INCHES,
    Plot,
    drawing_style,
    finished,
    shortened,
)

_WORDS_A_SIDE = 10


def draw_words(explanation: Explanation) -> Plot:
    """The strongest words for and against; those against are hatched too."""
    shown = [
        *explanation.speaking_for[:_WORDS_A_SIDE],
        *reversed(explanation.speaking_against[:_WORDS_A_SIDE]),
    ]
    with drawing_style():
        figure = Figure(figsize=(WIDTH_INCHES, 0.28 * len(shown) + 1.3), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(
            range(len(shown)),
            [word.weight for word in shown],
            color=[BLUE if word.weight > 0 else ORANGE for word in shown],
        )
        for bar, word in zip(bars, shown, strict=True):
            bar.set_hatch("" if word.weight > 0 else "////")
            bar.set_edgecolor("white")
        axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set_yticks(range(len(shown)), [_named(word) for word in shown])
        axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(_axis_of(explanation))
        axes.grid(axis="x", alpha=0.3)
        return finished(figure, _told(explanation))


def _named(word: WordWeight) -> str:
    times = f" ({word.times} times)" if word.times > 1 else ""
    return shortened("".join(c if c.isprintable() else " " for c in word.text)) + times


def _told(explanation: Explanation) -> str:
    if explanation.method is Method.ATTENTION:
        return "The words that the model looked at, by their share of its attention"
    return "The words that speak for and against the label, by weight"


def _axis_of(explanation: Explanation) -> str:
    if explanation.method is Method.ATTENTION:
        return "share of the attention"
    against = f"\nless that of {shortened(explanation.against)}" if explanation.against else ""
    return f"weight, in the probability of {shortened(explanation.label)}{against}"
