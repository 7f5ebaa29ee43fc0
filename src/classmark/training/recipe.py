"""What is to be trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from classmark.errors import SettingError

METHODS = ("temperature", "isotonic", "none")


@dataclass(frozen=True, slots=True)
class Reliability:
    """What is asked of confidences, and of the answers that are not abstained.

    Attributes:
        method: How probabilities are calibrated: "temperature", "isotonic" or "none".
        accuracy: The share of the answers that is promised to be right; None promises nothing and
            abstains never.
        risk: The probability, over the draw of the calibration rows, that the promise is broken.

    Raises:
        SettingError: There is no such method, or a share is not between 0 and 1.
    """

    method: str = "temperature"
    accuracy: float | None = 0.9
    risk: float = 0.05

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise SettingError(
                f"There is no calibration {self.method!r}.",
                remedy=f"Choose one of: {', '.join(METHODS)}.",
            )
        for name, share in (("promise", self.accuracy), ("risk", self.risk)):
            if share is not None and not 0 < share < 1:
                raise SettingError(
                    f"A {name} of {share} can't be.",
                    remedy="Give a share between 0 and 1, both excluded.",
                )


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """A family and what is set of it.

    Attributes:
        family: Its name in the catalogue.
        parameters: As they come from `--set KEY=VALUE`.
        seed: Everything random follows from it.
        with_baseline: Whether a cheap family is trained beside, to compare with.
        reliability: How it is calibrated, and what is promised of its answers.
    """

    family: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    seed: int = 42
    with_baseline: bool = True
    reliability: Reliability = Reliability()
