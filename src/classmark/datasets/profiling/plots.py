"""Plots of a profile as PNG, drawn narrow so that they can be read on a telephone too."""

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import MaxNLocator

from classmark.datasets.profiling.lengths import Lengths
from classmark.datasets.profiling.profile import Profile
from classmark.datasets.profiling.timeline import Timeline, timeline_of

_BLUE, _ORANGE, _GREY = "#1f4e79", "#e07b39", "#8a97a5"
# Parts differ in their pattern too: not everybody tells the colours apart.
_PART_LOOKS = ((_BLUE, ""), (_ORANGE, "////"), (_GREY, "...."), ("#5b8c5a", "xxxx"))
_WIDTH_INCHES = 5.0
_DOTS_PER_INCH = 160
_LONGEST_LABEL = 24
_BINS = 40
_PANELS = 12


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing.

    Attributes:
        png: Its bytes.
        alt: What it shows, for those who don't see it.
    """

    png: bytes
    alt: str


def draw(profile: Profile) -> dict[str, Plot]:
    """All plots by the names of their files; what there is nothing to show of is left out."""
    style = rc_context(
        {
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "hatch.linewidth": 0.6,
            # A label is what it is, whatever dollars it holds.
            "text.parse_math": False,
        }
    )
    with style:
        plots = {"lengths.png": _lengths(profile.lengths)}
        if profile.class_sizes:
            plots["classes.png"] = _classes(profile)
            plots["class_lengths.png"] = _class_lengths(profile)
        timeline = timeline_of(profile.months)
        if timeline:
            plots["timeline.png"] = _timeline(profile, timeline)
    return plots


def drawn_label(label: str, rank: int) -> str:
    """A label as a plot shows it: long ones without their middle, others by their number.

    Args:
        label: Of a class.
        rank: The class's number in the table of classes, which spells everything out.
    """
    if not _can_be_drawn(label):
        return f"class no. {rank}"
    if len(label) <= _LONGEST_LABEL:
        return label
    half = _LONGEST_LABEL // 2
    return f"{label[: half - 1]}…{label[-half:]}"


def _classes(profile: Profile) -> Plot:
    """A bar a class, in pieces where there are parts."""
    names = [drawn_label(one.label, rank) for rank, one in enumerate(profile.classes, start=1)]
    totals = [one.documents for one in profile.classes]
    figure, axes = _figure(0.28 * (len(names) + 2) + 1.1)
    _stacked(axes, [one.parts or {"": one.documents} for one in profile.classes])
    others = len(profile.class_sizes) - len(names)
    for name, count in (
        (f"{others:,} other classes", sum(profile.class_sizes.values()) - sum(totals)),
        ("no label", profile.missing.get("label", 0)),
    ):
        if count:
            axes.barh(len(names), count, 0.75, color="white", edgecolor=_GREY)
            names.append(name)
            totals.append(count)
    _number_bars(axes, totals)
    _name_rows(axes, names)
    axes.set_xlabel("documents")
    axes.set_title("Documents of each class")
    if profile.parts:
        figure.legend(loc="outside lower center", ncols=len(profile.parts), frameon=False)
    sizes = ", ".join(f"{name} {count:,}" for name, count in zip(names, totals, strict=True))
    return Plot(_png(figure), f"Bars: documents of each class. {sizes}.")


def _stacked(axes: Axes, parts: Sequence[Mapping[str, int]]) -> None:
    left = [0] * len(parts)
    for place, part in enumerate(parts[0]):
        colour, hatch = _PART_LOOKS[place % len(_PART_LOOKS)]
        counts = [one.get(part, 0) for one in parts]
        bars = axes.barh(range(len(parts)), counts, 0.75, left=left, label=part or None)
        for bar in bars:
            bar.set(facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0)
        left = [start + count for start, count in zip(left, counts, strict=True)]


def _number_bars(axes: Axes, totals: Sequence[int]) -> None:
    for row, count in enumerate(totals):
        axes.annotate(
            f"{count:,}", (count, row), (3, 0), textcoords="offset points", va="center", fontsize=10
        )
    axes.margins(x=0.16)


def _lengths(lengths: Lengths) -> Plot:
    """A histogram up to the 99th percentile; the rest is told, not drawn."""
    most = max(lengths.quantile(0.99), lengths.least + 1)
    shown = {words: count for words, count in lengths.documents.items() if words <= most}
    figure, axes = _figure(3.2)
    # Whole numbers of words a bar, so that no bar has more lengths in it than its neighbour.
    step = max(1, -(-(most + 1 - lengths.least) // _BINS))
    edges = [edge - 0.5 for edge in range(lengths.least, most + step + 1, step)]
    axes.hist(list(shown), edges, weights=list(shown.values()), color=_BLUE)
    median = lengths.quantile(0.5)
    axes.axvline(median, color="black", linestyle="--", linewidth=1.2)
    axes.set_title(f"Words in a text (dashed: the median, {median:,})")
    left_out = lengths.total - sum(shown.values())
    beyond = f"; {left_out:,} longer, up to {lengths.most:,}, not drawn" if left_out else ""
    axes.set_xlabel(f"words{beyond}", fontsize=10)
    axes.set_ylabel("documents")
    alt = (
        f"Histogram of text lengths in words: {lengths.least:,} to {lengths.most:,}, "
        f"median {median:,}, middle half {lengths.quantile(0.25):,} to {lengths.quantile(0.75):,}."
    )
    return Plot(_png(figure), alt)


def _class_lengths(profile: Profile) -> Plot:
    """A box a class: quartiles, with a line from the 5th to the 95th percentile."""
    names = [drawn_label(one.label, rank) for rank, one in enumerate(profile.classes, start=1)]
    figure, axes = _figure(0.28 * len(names) + 1.3)
    for row, one in enumerate(profile.classes):
        low, first, middle, third, high = (
            one.lengths.quantile(share) for share in (0.05, 0.25, 0.5, 0.75, 0.95)
        )
        axes.plot([low, high], [row, row], color=_BLUE, linewidth=1.2)
        axes.barh(row, third - first, 0.6, left=first, color="#a9c3dd", edgecolor=_BLUE)
        axes.plot([middle, middle], [row - 0.3, row + 0.3], color="black", linewidth=2)
    _name_rows(axes, names)
    axes.set_xlim(left=0)
    figure.supxlabel("words (box: middle half, line: middle 90 %)", fontsize=10)
    axes.set_title("Words in a text of each class")
    medians = ", ".join(
        f"{name} {one.lengths.quantile(0.5):,}"
        for name, one in zip(names, profile.classes, strict=True)
    )
    return Plot(_png(figure), f"Boxes: words in a text of each class. Medians: {medians}.")


def _timeline(profile: Profile, timeline: Timeline) -> Plot:
    """A row of bars for all documents, and one for each of the largest classes."""
    rows = [("all", timeline.counts(profile.months))]
    if len(profile.classes) > 1:
        rows += [
            (drawn_label(one.label, rank), timeline.counts(one.months))
            for rank, one in enumerate(profile.classes[:_PANELS], start=1)
        ]
    figure = Figure(figsize=(_WIDTH_INCHES, 0.68 * len(rows) + 0.9), layout="constrained")
    panels = figure.subplots(len(rows), sharex=True, squeeze=False)[:, 0]
    for panel, (name, counts) in zip(panels, rows, strict=True):
        panel.bar(range(len(counts)), counts, 0.9, color=_BLUE)
        peak = max(range(len(counts)), key=counts.__getitem__)
        told = f"{name}: most in {timeline.periods[peak]}, {counts[peak]:,}"
        panel.set_title(told if counts[peak] else f"{name}: none", fontsize=10, pad=2)
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)
    step = -(-len(timeline.periods) // 6)
    panels[-1].set_xticks(
        range(0, len(timeline.periods), step), timeline.periods[::step], fontsize=10
    )
    panels[-1].set_xlim(-0.7, len(timeline.periods) - 0.3)
    earlier = timeline.earlier(profile.months)
    before = f" ({earlier:,} earlier ones not drawn)" if earlier else ""
    title = f"Documents published in each {timeline.unit}{before}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    peaks = "; ".join(panel.get_title(loc="left") for panel in panels)
    return Plot(_png(figure), f"Bars: {title.lower()}. {peaks}.")


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    axes = figure.subplots()
    axes.xaxis.set_major_formatter("{x:,.0f}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True))
    return figure, axes


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


@lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    """What the font of the plots has."""
    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def _can_be_drawn(label: str) -> bool:
    return all(ord(character) in _characters() for character in label)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        # Labels are checked before; a plot lacks a sign rather than the page its plot.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(file, format="png", dpi=_DOTS_PER_INCH)
    return file.getvalue()
