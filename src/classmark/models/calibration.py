"""How sure an artifact may say that it is, and below what it rather does not answer.

`calibration.json` lies beside the weights, so that every runtime obeys the same numbers. An
artifact without the file answers as its family computes.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from classmark.durable import JSON_OPTIONS
from classmark.models.artifact import damaged

CALIBRATION = "calibration.json"
_SMALLEST = np.finfo(np.float64).tiny

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Knots:
    """A line through points, for the probability of one class against the rest.

    Attributes:
        given: Probabilities of the family, ascending, shape (knots,).
        calibrated: What they are worth, never falling, shape (knots,).
    """

    given: Probabilities
    calibrated: Probabilities


@dataclass(frozen=True, slots=True)
class Promise:
    """What holds for the answers that are not abstained.

    Attributes:
        accuracy: The share of them that is right at least.
        risk: The probability, over the draw of the calibration rows, that this is not so.
        rows: Calibration rows that it rests on.
        coverage: The share of these that is answered.
    """

    accuracy: float
    risk: float
    rows: int
    coverage: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is done to the probabilities of a family, and when it abstains.

    Attributes:
        temperature: Log-probabilities are divided by it; None where they are not.
        knots: Of each class; empty where probabilities are not bent class by class.
        abstain_below: Answers with less calibrated confidence are abstained; None abstains never.
        promise: What `abstain_below` was chosen for.
    """

    temperature: float | None = None
    knots: tuple[Knots, ...] = ()
    abstain_below: float | None = None
    promise: Promise | None = None

    @property
    def method(self) -> str:
        """As "temperature", "isotonic" or "none"."""
        if self.temperature is not None:
            return "temperature"
        return "isotonic" if self.knots else "none"

    def applied(self, probabilities: Probabilities) -> Probabilities:
        """The calibrated probabilities of one text, shape (classes,), sum 1.

        A temperature (Guo et al. 2017) never changes which class is the most probable. Knots
        (isotonic regression of one class against the rest, then normalised: Zadrozny and Elkan
        2002) may.
        """
        if self.temperature is not None:
            return _tempered(probabilities, self.temperature)
        return _bent(probabilities, self.knots) if self.knots else probabilities

    def abstains(self, confidence: float) -> bool:
        """Whether an answer of this calibrated confidence is not sure enough."""
        return self.abstain_below is not None and confidence < self.abstain_below

    def described(self) -> dict[str, Any]:
        """As `calibration.json` has it."""
        return {
            "method": self.method,
            "temperature": self.temperature,
            "knots": [[one.given.tolist(), one.calibrated.tolist()] for one in self.knots],
            "abstain_below": self.abstain_below,
            "promise": None if self.promise is None else asdict(self.promise),
        }


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write `calibration.json` into an artifact."""
    content = orjson.dumps(calibration.described(), option=JSON_OPTIONS)
    (folder / CALIBRATION).write_bytes(content)


def read_calibration(folder: Path, classes: int) -> Calibration:
    """The calibration of an artifact with so many classes; none where there is no file.

    Raises:
        TamperedVersionError: The file is not what was written.
    """
    path = folder / CALIBRATION
    if not path.exists():
        return Calibration()
    try:
        return _parsed(orjson.loads(path.read_bytes()), classes)
    except (OSError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise damaged(folder, f"{CALIBRATION} is damaged ({error})") from error


def _parsed(values: dict[str, Any], classes: int) -> Calibration:
    temperature, promise = values["temperature"], values["promise"]
    found = Calibration(
        temperature=None if temperature is None else float(temperature),
        knots=tuple(_parsed_knots(*pair) for pair in values["knots"]),
        abstain_below=_parsed_share(values["abstain_below"]),
        promise=None if promise is None else _parsed_promise(promise),
    )
    knots = classes if values["method"] == "isotonic" else 0
    if found.method != values["method"] or len(found.knots) != knots:
        raise ValueError("its method, knots and classes do not belong together")
    if found.temperature is not None and not 0 < found.temperature < np.inf:
        raise ValueError(f"{found.temperature} is no temperature")
    return found


def _parsed_knots(given: Sequence[float], calibrated: Sequence[float]) -> Knots:
    knots = Knots(np.array(given, np.float64), np.array(calibrated, np.float64))
    shapes = {knots.given.shape, knots.calibrated.shape}
    # A number that is none fails every comparison.
    if (
        shapes != {(knots.given.size,)}
        or not knots.given.size
        or not (np.diff(knots.given) > 0).all()
        or not (np.diff(knots.calibrated) >= 0).all()
        or not all(0 <= value <= 1 for value in (*knots.given, *knots.calibrated))
    ):
        raise ValueError("a class has knots that are no ascending probabilities")
    return knots


def _parsed_promise(values: dict[str, Any]) -> Promise:
    accuracy, risk, coverage = (float(values[key]) for key in ("accuracy", "risk", "coverage"))
    if not all(0 <= share <= 1 for share in (accuracy, risk, coverage)):
        raise ValueError("its promise is of no shares")
    return Promise(accuracy, risk, int(values["rows"]), coverage)


def _parsed_share(value: float | None) -> float | None:
    if value is None or 0 <= value <= 1:
        return value
    raise ValueError(f"{value} is no confidence")


def _tempered(probabilities: Probabilities, temperature: float) -> Probabilities:
    scores = np.log(np.maximum(probabilities, _SMALLEST)) / temperature
    exponents = np.exp(scores - scores.max())
    found: Probabilities = exponents / exponents.sum()
    best = probabilities.argmax()
    if found.argmax() != best:
        # Two that differed in their last digit only are equal now: the label must not change.
        found[best] = np.nextafter(found.max(), 1)
    return found


def _bent(probabilities: Probabilities, knots: tuple[Knots, ...]) -> Probabilities:
    pairs = zip(probabilities, knots, strict=True)
    found = np.array([np.interp(given, one.given, one.calibrated) for given, one in pairs])
    total = found.sum()
    bent: Probabilities = found / total if total else probabilities
    return bent
