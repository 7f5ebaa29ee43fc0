"""What a search may try of a parameter: a range of numbers, or a list of values."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log

# How many values of a range stand on a grid.
_GRID_STEPS = 5

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Range:
    """All numbers from one to another, both ends too.

    Attributes:
        low: The smallest.
        high: The largest.
        is_log: Whether equal ratios count the same, instead of equal differences.
        is_whole: Whether only whole numbers can be.
    """

    low: float
    high: float
    is_log: bool = False
    is_whole: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.is_log and self.low <= 0):
            lowest = ", and a range by ratios begins above 0" if self.is_log else ""
            raise ValueError(f"there is no range {self}: its ends must rise{lowest}")

    def __str__(self) -> str:
        return f"{self.low:.12g}..{self.high:.12g}{':log' if self.is_log else ''}"

    def grid(self) -> tuple[Value, ...]:
        """Five numbers that divide the range evenly, or fewer whole ones."""
        shares = [step / (_GRID_STEPS - 1) for step in range(_GRID_STEPS)]
        inner = [self._at(share) for share in shares[1:-1]]
        values = [self.low, *inner, self.high]
        kind = round if self.is_whole else float
        return tuple(dict.fromkeys(map(kind, values)))

    def _at(self, share: float) -> float:
        if self.is_log:
            # Rounded, so that a grid has numbers that people can type.
            return float(f"{exp(log(self.low) + share * log(self.high / self.low)):.6g}")
        return float(f"{self.low + share * (self.high - self.low):.6g}")


@dataclass(frozen=True, slots=True)
class Choices:
    """A list of values, in no order that counts."""

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if len(set(map(repr, self.values))) < max(2, len(self.values)):
            raise ValueError(f"there is nothing to choose in {self}")

    def __str__(self) -> str:
        return ",".join("none" if value is None else str(value) for value in self.values)

    def grid(self) -> tuple[Value, ...]:
        """All of them."""
        return self.values


SearchSpace = Mapping[str, Range | Choices]
