"""The ensemble that serves: NumPy over what its members answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from classmark.models.artifact import ArtifactConfig, damaged
from classmark.models.classifier import Classifier
from classmark.models.members import load_members

COMBINATION = "combination.safetensors"
# Smaller probabilities count as this one: how much smaller they are says little.
_LEAST = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Vote:
    """The weighted mean of the members' probabilities.

    Attributes:
        weights: Of each member, sum 1, shape (members,).
    """

    weights: NDArray[np.float64]

    @property
    def asks(self) -> tuple[int, ...]:
        """The members whose answers count."""
        return tuple(map(int, np.flatnonzero(self.weights)))

    def probabilities(self, answers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of all classes, shape (classes,), from answers of shape (members, classes)."""
        found: NDArray[np.float64] = self.weights @ answers
        # Rounded, the weights of members that are all sure may sum to more than 1.
        mean: NDArray[np.float64] = found / found.sum()
        return mean

    def fits(self, members: int, classes: int) -> bool:
        """Whether it is for so many members."""
        del classes
        return self.weights.shape == (members,)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What is written."""
        return {"weights": self.weights}


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """A multinomial logistic regression over the members' log-probabilities.

    Attributes:
        coefficients: Shape (members * classes, classes).
        intercept: Shape (classes,).
    """

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]

    @property
    def asks(self) -> tuple[int, ...]:
        """All members."""
        return tuple(range(len(self.coefficients) // len(self.intercept)))

    def probabilities(self, answers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of all classes, shape (classes,), from answers of shape (members, classes)."""
        scores = log_probabilities(answers).ravel() @ self.coefficients + self.intercept
        exponents = np.exp(scores - scores.max())
        found: NDArray[np.float64] = exponents / exponents.sum()
        return found

    def fits(self, members: int, classes: int) -> bool:
        """Whether it is for so many members and classes."""
        shapes = (self.coefficients.shape, self.intercept.shape)
        return shapes == ((members * classes, classes), (classes,))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What is written."""
        return {"coefficients": self.coefficients, "intercept": self.intercept}


Combination = Vote | Stack


def log_probabilities(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probabilities whose mean over the classes (the last axis) is 0: what stacks look at."""
    logs = np.log(np.maximum(answers, _LEAST))
    centred: NDArray[np.float64] = logs - logs.mean(-1, keepdims=True)
    return centred


class EnsembleClassifier(Classifier):
    """Members whose answers are combined; it reads as much of a text as the one that reads most."""

    def __init__(self, members: Sequence[Classifier], combination: Combination) -> None:
        self.labels = members[0].labels
        lengths = [member.max_tokens for member in members]
        known = [length for length in lengths if length is not None]
        self.max_tokens = max(known) if len(known) == len(lengths) else None
        self._members = members
        self._combination = combination

    @classmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """The classifier whose members and combination lie in a folder."""
        members = load_members(folder, config.parameters["members"].split(","), config)
        tensors = load_file(folder / COMBINATION)
        combination: Combination = Vote(**tensors) if "weights" in tensors else Stack(**tensors)
        if not combination.fits(len(members), len(config.labels)):
            raise damaged(folder, f"{COMBINATION} and the members do not belong together")
        return cls(members, combination)

    def _widen(self, cores: int) -> bool:
        """Those members that can."""
        wide = [member.widened(cores) for member in self._members]
        self._members = [one or other for one, other in zip(wide, self._members, strict=True)]
        return any(wide)

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        """The members' answers to one clean text, combined, shape (classes,)."""
        answers = np.zeros((len(self._members), len(self.labels)))
        for place in self._combination.asks:
            answers[place] = self._members[place].probabilities(text)
        return self._combination.probabilities(answers)
