"""A cascade: a cheap model answers where it is sure enough, a strong one answers the rest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import Field

from classmark.durable import JSON_OPTIONS
from classmark.models.cascade_runtime import CASCADE
from classmark.models.composition import Combined, Composite, Examination

# Where none of so many answers is worse, one in ten may yet be (the rule of three).
_FEWEST_ROWS = 30


@dataclass(frozen=True, slots=True)
class CascadeParameters:
    """What can be set of the cascade family, its members' parameters apart.

    Attributes:
        cheap: The family that is asked first.
        strong: The family that answers what the cheap one is not sure of.
        margin: How much of the strong model's accuracy on the validation rows may be given away.
    """

    cheap: str = "linear"
    strong: str = "encoder"
    margin: Annotated[float, Field(ge=0, le=1)] = 0.0


class CascadeFamily(Composite):
    """Two families; the confidence of the cheap one decides which of them answers."""

    name: ClassVar[str] = "cascade"
    parameters_class = CascadeParameters

    @classmethod
    def _members_named(cls, parameters: CascadeParameters) -> tuple[str, ...]:
        return parameters.cheap, parameters.strong

    def _combined(self, examination: Examination, export: Path) -> Combined:
        cheap, strong = examination.answers
        threshold = chosen_threshold(cheap, strong, examination.truth, self._parameters.margin)
        content = orjson.dumps({"threshold": threshold}, option=JSON_OPTIONS)
        (export / CASCADE).write_bytes(content)
        is_cheap = np.zeros(len(cheap), bool) if threshold is None else cheap.max(1) >= threshold
        parent = np.where(is_cheap[:, None], cheap, strong)
        return Combined(parent, _details(examination, parent, is_cheap, threshold))


def chosen_threshold(
    cheap: NDArray[np.float64],
    strong: NDArray[np.float64],
    truth: NDArray[np.int64],
    margin: float = 0.0,
) -> float | None:
    """The lowest confidence from which on the cheap model may answer; None where it never may.

    Above it the cheap model is right at least as often as the strong one, and by more than chance
    would have it: what it gains, the margin added, is a standard error of the rows on which only
    one of them is right. It is a confidence that the cheap model had, and it had thirty such
    answers at least.

    Args:
        cheap: Probabilities of the cheap model, shape (rows, classes).
        strong: Those of the strong model.
        truth: The index of each row's label, shape (rows,).
        margin: The share of all rows on which the cascade may be right less often than the strong
            model alone.
    """
    confidences = cheap.max(1)
    surest_first = np.argsort(-confidences, kind="stable")
    ordered = confidences[surest_first]
    gains = (cheap.argmax(1) == truth).astype(int) - (strong.argmax(1) == truth)
    # Of letting the cheap model answer a row and all that it is at least as sure of.
    gained = gains[surest_first].cumsum()
    error = np.sqrt(np.abs(gains[surest_first]).cumsum())
    answered = np.arange(1, len(truth) + 1)
    # Rows of one confidence are answered by one model.
    is_last_of_ties = np.append(ordered[1:] < ordered[:-1], True)
    is_enough = gained + margin * len(truth) >= error
    qualifies = is_last_of_ties & is_enough & (answered >= _FEWEST_ROWS)
    return float(ordered[qualifies][-1]) if qualifies.any() else None


def _details(
    examination: Examination,
    parent: NDArray[np.float64],
    is_cheap: NDArray[np.bool_],
    threshold: float | None,
) -> dict[str, Any]:
    cheap, strong = examination.accuracies()
    cascade = float((parent.argmax(1) == examination.truth).mean())
    return {
        "threshold": threshold,
        "cheap_share": float(is_cheap.mean()),
        "validation_accuracy": {"cheap": float(cheap), "strong": float(strong), "cascade": cascade},
    }
