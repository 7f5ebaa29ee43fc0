"""Who may go live: pure rules over what is known of a version."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from classmark.errors import ConflictError, PromotionRefusedError
from classmark.registry.version import Version

# Intervals of fewer rows promise more than they keep.
_FEWEST_ROWS = 10
# Of numbers a single row can outweigh all others, and no test sees what no row shows: of so many
# rows one is hit by what befalls 3.7 % of all, but once in 40 times.
_FEWEST_ROWS_OF_NUMBERS = 100
# Ten thousand times the rows are not worth a guess.
_MOST_TIMES_SHORTER = 100


class Status(StrEnum):
    """Where a version stands in its life."""

    TRAINING = "training"
    TESTING = "testing"
    STAGING = "staging"
    PRODUCTION = "production"
    ARCHIVED = "archived"


class Decision(StrEnum):
    """What comes of a comparison with production."""

    PROMOTE = "promote"
    REJECT = "reject"
    MORE_DATA = "need more data"


@dataclass(frozen=True, slots=True)
class PromotionSettings:
    """How much worse than production a version may be.

    Attributes:
        margin: The loss that is let pass, as a share: 0.01 is one point of accuracy, or one
            hundredth of production's mean absolute error. It must be shown to be less.
        class_margin: Of a class that is shown to be found less often, the loss of recall that is
            let pass, as a share.
    """

    margin: float = 0.01
    class_margin: float = 0.05


@dataclass(frozen=True, slots=True)
class Beside:
    """That a version was judged, and what it was judged beside.

    Attributes:
        live: What was live then; None if nothing was.
    """

    live: Version | None

    def __str__(self) -> str:
        return f"beside {self.live}" if self.live else "when nothing was live"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the same rows say of a candidate beside production.

    Attributes:
        measure: What is compared: "accuracy", or "mean absolute error of price".
        rows: How many.
        gain: By how much the candidate is better, as a share; below 0 it is worse.
        low: Lower end of the gain's paired 95 % interval.
        high: Upper end.
        losses: Of each class that is shown to be found less often, how much less, as a share.
        of_numbers: Whether how far off an answer is counts, and not only whether it is right.
    """

    measure: str
    rows: int
    gain: float
    low: float
    high: float
    losses: tuple[tuple[str, float], ...] = ()
    of_numbers: bool = False

    @property
    def is_finite(self) -> bool:
        """Whether each figure is a number to compare with: nothing follows from NaN."""
        figures = (self.gain, self.low, self.high, *(loss for _, loss in self.losses))
        return all(map(math.isfinite, figures))

    @property
    def fewest_rows(self) -> int:
        """Of how many rows it can be shown that a candidate is no worse."""
        return _FEWEST_ROWS_OF_NUMBERS if self.of_numbers else _FEWEST_ROWS

    def __str__(self) -> str:
        gain, low, high = (f"{100 * share:+.1f}" for share in (self.gain, self.low, self.high))
        return f"{self.measure} {gain} points ({low} to {high}) on {self.rows:,} rows"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a candidate.

    Attributes:
        decision: Promote it, reject it, or ask more rows.
        reasons: Why, a sentence each without its full stop.
    """

    decision: Decision
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.decision.capitalize()}: {'; '.join(self.reasons)}."


def judged(evidence: Sequence[Evidence], settings: PromotionSettings) -> Verdict:
    """Whether a candidate may take production's place, by what was measured of both.

    It may if each measure is shown to be better, or not worse by the margin or more, and no class
    is lost. That is a test of non-inferiority at 2.5 % (Committee for Proprietary Medicinal
    Products 2001, *Points to consider on switching between superiority and non-inferiority*). A
    figure that is not finite shows nothing.

    Args:
        evidence: One for each measure, at least one.
        settings: How much worse is let pass.
    """
    rejections = [reason for one in evidence for reason in _rejections(one, settings)]
    if rejections:
        return Verdict(Decision.REJECT, tuple(rejections))
    doubts = [reason for one in evidence for reason in _doubts(one, settings.margin)]
    if doubts:
        return Verdict(Decision.MORE_DATA, tuple(doubts))
    return Verdict(Decision.PROMOTE, tuple(_praise(one, settings.margin) for one in evidence))


# Here and below what lets pass must be shown: a setting that is NaN lets nothing pass.
def _rejections(one: Evidence, settings: PromotionSettings) -> Iterator[str]:
    if not one.is_finite:
        return
    if one.rows >= _FEWEST_ROWS and one.low <= -settings.margin and one.high < 0:
        yield f"worse than production: {one}"
    for label, loss in one.losses:
        if not loss <= settings.class_margin:
            yield f"{label} is found less often, by {100 * loss:.1f} points of recall"


def _doubts(one: Evidence, margin: float) -> Iterator[str]:
    if not one.is_finite:
        yield f"{one.measure} can't be measured: a figure of it is no finite number"
    elif one.rows < one.fewest_rows:
        yield f"{one.rows} rows are too few: {one.fewest_rows} at least"
    elif not one.low > -margin:
        needed = _rows_needed(one, margin)
        more = f"; about {needed:,} rows would tell, if it stays so" if needed else ""
        yield f"not shown to lose less than {100 * margin:g} points: {one}{more}"


def _praise(one: Evidence, margin: float) -> str:
    if one.low > 0:
        return f"better than production: {one}"
    return f"not worse than production by {100 * margin:g} points or more: {one}"


def _rows_needed(one: Evidence, margin: float) -> int | None:
    """With how many rows the interval would end at the margin; None if nobody has so many.

    Its length shrinks with the square root of the rows.
    """
    length, allowed = one.gain - one.low, one.gain + margin
    if not allowed > length / _MOST_TIMES_SHORTER:
        return None
    shorter = length / allowed
    exact = one.rows * shorter**2
    # Two figures: it is a guess.
    unit: int = 10 ** max(0, math.floor(math.log10(exact)) - 1)
    return math.ceil(exact / unit) * unit


def check_promotion(
    model: str, candidate: Version, status: Status, production: Version | None
) -> None:
    """Let a version of a model pass that may be promoted.

    Raises:
        PromotionRefusedError: It is live already, not finished, or not newer than production.
    """
    if status is Status.PRODUCTION:
        raise PromotionRefusedError(
            f"{candidate} is in production already.", remedy="There is nothing to do."
        )
    if status is Status.TRAINING:
        raise PromotionRefusedError(
            f"{candidate} is still in training.", remedy="Promote it when training has ended."
        )
    if production is not None and candidate < production:
        raise PromotionRefusedError(
            f"{candidate} is older than {production}, which is in production.",
            remedy=f"To go back on purpose, use: classmark rollback {model} --to {candidate}",
        )


def check_rollback(model: str, target: Version, status: Status, production: Version | None) -> None:
    """Let a version of a model pass that may be rolled back to.

    Raises:
        PromotionRefusedError: It is live, was never finished, or is newer than production.
    """
    if production is None:
        raise _nothing_live(model, target)
    if status is Status.PRODUCTION:
        raise PromotionRefusedError(
            f"{target} is in production already.",
            remedy=f"Name a version that was live before: classmark history {model}",
        )
    if status is Status.TRAINING:
        raise PromotionRefusedError(
            f"{target} is still in training.",
            remedy=f"Name a version that was live before: classmark history {model}",
        )
    if target > production:
        raise PromotionRefusedError(
            f"{target} is newer than {production}, which is in production.",
            remedy=f"To go forward, use: classmark promote {model}@{target}",
        )


def no_way_back(
    model: str, production: Version | None, known: Sequence[Version]
) -> PromotionRefusedError:
    """Why there is nothing to go back to where no version is named, and what can be done.

    Args:
        model: The model's name.
        production: Its version that is live, if any.
        known: All its versions, the oldest first.
    """
    if production is None:
        return _nothing_live(model, known[-1])
    older = [one for one in known if one < production]
    if older:
        remedy = f"Name the one to go back to, as: classmark rollback {model} --to {older[-1]}"
    elif known[-1] > production:
        remedy = f"None is older; to go forward, use: classmark promote {model}@{known[-1]}"
    else:
        remedy = f"{production} is the only version there is: train another one, and promote it."
    return PromotionRefusedError(
        f"No earlier version of {model!r} was in production.", remedy=remedy
    )


def _nothing_live(model: str, there: Version) -> PromotionRefusedError:
    return PromotionRefusedError(
        f"No version of {model!r} is in production, so there is nothing to roll back from.",
        remedy=f"Promote one: classmark promote {model}@{there}",
    )


def check_archiving(version: Version, status: Status) -> None:
    """Let a version pass that may be archived.

    Raises:
        ConflictError: It is live, in training, or archived already.
    """
    if status is Status.ARCHIVED:
        raise ConflictError(f"{version} is archived already.", remedy="There is nothing to do.")
    check_deletion(version, status)


def check_deletion(version: Version, status: Status) -> None:
    """Let a version pass that may be deleted.

    Raises:
        ConflictError: It is live or in training.
    """
    if status is Status.PRODUCTION:
        raise ConflictError(
            f"{version} is in production.",
            remedy="Put another one live first: classmark promote or classmark rollback",
        )
    if status is Status.TRAINING:
        raise ConflictError(
            f"{version} is still in training.", remedy="Wait until the training has ended."
        )
