"""What a target is to a model: codes of classes, or numbers of mean 0 and deviation 1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from classmark.datasets import Column
from classmark.models.tables.predictions import TargetPredictions

if TYPE_CHECKING:
    import pandas as pd

Outputs = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Target:
    """A column that is predicted, and what was learned of it from the train part.

    Attributes:
        column: As the dataset has it.
        classes: In the order of the model's outputs, sorted; empty of a number.
        mean: Of a number.
        scale: Its deviation; 1 where it does not vary.
    """

    column: Column
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def of_classes(cls, column: Column, values: "pd.Series[Any]") -> Self:
        """The target whose classes are those of the train part."""
        return cls(column, tuple(sorted(set(values.tolist()))))

    @classmethod
    def of_numbers(cls, column: Column, values: "pd.Series[Any]") -> Self:
        """The target whose mean and deviation are those of the train part."""
        numbers = values.to_numpy(np.float64)
        return cls(column, mean=float(numbers.mean()), scale=float(numbers.std()) or 1.0)

    @property
    def name(self) -> str:
        """Of the column."""
        return self.column.name

    @property
    def width(self) -> int:
        """How many outputs a model has for it: one a class, or one."""
        return len(self.classes) or 1

    def encoded(self, values: "pd.Series[Any]") -> NDArray[Any]:
        """What a model learns: codes of known classes, or scaled numbers, shape (rows,)."""
        if self.classes:
            codes = {label: code for code, label in enumerate(self.classes)}
            return np.array([codes[value] for value in values], np.int64)
        numbers: NDArray[Any] = (values.to_numpy(np.float64) - self.mean) / self.scale
        return numbers

    def decoded(self, outputs: Outputs) -> TargetPredictions:
        """What a model's outputs mean, in the target's own classes or unit.

        Args:
            outputs: Shape (rows, width): probabilities, or scaled numbers.
        """
        if not self.classes:
            return TargetPredictions(self.name, outputs[:, 0] * self.scale + self.mean)
        # Some libraries compute in 32 bits, and their sums are a little off 1.
        probabilities = outputs / outputs.sum(1, keepdims=True)
        given = np.array(self.classes, object)[probabilities.argmax(1)]
        return TargetPredictions(self.name, given, self.classes, probabilities)

    def described(self) -> dict[str, Any]:
        """The target as a file has it."""
        return {
            "column": self.column.described(),
            "classes": list(self.classes),
            "mean": self.mean,
            "scale": self.scale,
        }

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Self:
        """The target that a file describes.

        Raises:
            KeyError: Something is missing.
            TypeError: Something is of another kind.
            ValueError: A number is none, or a column can't be.
        """
        return cls(
            Column.of(described["column"]),
            tuple(map(str, described["classes"])),
            float(described["mean"]),
            float(described["scale"]),
        )
