"""What a model says of the rows of a table."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class TargetPredictions:
    """What is said of one target.

    Attributes:
        name: Of the target.
        values: The most probable classes as text, or numbers in the target's unit, shape (rows,).
        classes: The order of the probabilities; empty of a number.
        probabilities: Shape (rows, classes), each row sums to 1; None of a number.
    """

    name: str
    values: NDArray[Any]
    classes: tuple[str, ...] = ()
    probabilities: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TablePredictions:
    """What is said of all targets, in the order of the table.

    Attributes:
        targets: One after the other.
    """

    targets: tuple[TargetPredictions, ...]

    def __iter__(self) -> Iterator[TargetPredictions]:
        return iter(self.targets)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The predictions as columns of a table.

        `predicted_TARGET` of every target; of classes also `confidence_TARGET`, and
        `probability_TARGET=CLASS` of each.
        """
        columns: dict[str, NDArray[Any]] = {}
        for target in self.targets:
            columns[f"predicted_{target.name}"] = target.values
            if target.probabilities is None:
                continue
            columns[f"confidence_{target.name}"] = target.probabilities.max(1)
            for label, of_class in zip(target.classes, target.probabilities.T, strict=True):
                columns[f"probability_{target.name}={label}"] = of_class
        return columns
