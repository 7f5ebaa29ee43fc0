"""How plots look: narrow enough to be read on a telephone, wide enough for a printed page."""

import io
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import ceil

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classmark.evaluation.intervals import Estimate

BLUE, ORANGE, GREY, PALE = "#1f4e79", "#e07b39", "#8a97a5", "#c9d3dd"
WIDTH_INCHES = 5.0
_DOTS_PER_INCH = 160
_LONGEST_LABEL = 24
# More would be minutes of drawing; with more classes only some are named.
_LARGEST_INCHES = 24.0


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing.

    Attributes:
        png: Its bytes.
        alt: What it shows, for those who don't see it.
    """

    png: bytes
    alt: str


def drawing_style() -> AbstractContextManager[None]:
    """What all plots share, while the block runs."""
    return rc_context(
        {
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "hatch.linewidth": 0.6,
            # A label is what it is, whatever dollars it holds.
            "text.parse_math": False,
        }
    )


def finished(figure: Figure, alt: str) -> Plot:
    """The drawing of a figure."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # A script that the font lacks is drawn as boxes; the page and the figures spell it out.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(file, dpi=_DOTS_PER_INCH)
    return Plot(file.getvalue(), alt)


def error_bars(estimates: Sequence[Estimate]) -> NDArray[np.float64]:
    """How far the intervals reach below and above their values, shape (2, estimates)."""
    values = np.array([estimate.value for estimate in estimates])
    lows = np.array([estimate.low for estimate in estimates])
    highs = np.array([estimate.high for estimate in estimates])
    reach: NDArray[np.float64] = np.clip([values - lows, highs - values], 0, None)
    return reach


def room_for(names: int, inches: float) -> tuple[float, int]:
    """The inches that names take at so many each, and how many names one shown stands for."""
    wanted = inches * names
    return min(wanted, _LARGEST_INCHES), ceil(wanted / _LARGEST_INCHES)


def shortened(label: str) -> str:
    """A label of a length that there is room for; long ones lose their middle."""
    if len(label) <= _LONGEST_LABEL:
        return label
    half = _LONGEST_LABEL // 2
    return f"{label[: half - 1]}…{label[-half:]}"
