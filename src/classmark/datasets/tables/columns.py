"""The columns of a table: what each holds, and how its cells are written."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from classmark.datasets.tables.cells import DateOrder, Decimal


class Kind(StrEnum):
    """What a column holds."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CATEGORICAL = "categorical"
    TEXT = "text"
    DATE = "date"
    IDENTIFIER = "identifier"
    CONSTANT = "constant"
    EMPTY = "empty"


# Of these no features are made.
LEFT_OUT = frozenset({Kind.IDENTIFIER, Kind.CONSTANT, Kind.EMPTY})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: As the source has it.
        kind: What it holds.
        missing: In how many rows it is missing.
        distinct: How many different values it has.
        decimal: How its numbers are written.
        date_order: How its dates are written.
        truths: Its words for true and false.
        note: What somebody should look at; empty if nothing.
    """

    name: str
    kind: Kind
    missing: int = 0
    distinct: int = 0
    decimal: Decimal = Decimal.POINT
    date_order: DateOrder = DateOrder.DAY
    truths: tuple[str, str] | None = None
    note: str = ""

    def described(self) -> dict[str, Any]:
        """The column as a file has it, without types of our own."""
        values = asdict(self)
        plain = {name: str(value) for name, value in values.items() if isinstance(value, str)}
        return values | plain | {"truths": list(self.truths) if self.truths else None}

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Self:
        """The column that a file describes.

        Raises:
            KeyError: Something is missing.
            ValueError: There is no such kind or way to write.
        """
        truths = described["truths"]
        known = {
            "kind": Kind(described["kind"]),
            "decimal": Decimal(described["decimal"]),
            "date_order": DateOrder(described["date_order"]),
            "truths": (str(truths[0]), str(truths[1])) if truths else None,
        }
        return cls(**{**described, **known})


@dataclass(frozen=True, slots=True)
class Conventions:
    """What cells alone can't tell.

    Attributes:
        decimal: How numbers are written where both ways are possible; None refuses to guess.
        date_order: How dates are written where both orders are possible; None refuses to guess.
        kinds: What columns hold, by name, whatever their cells look like.
    """

    decimal: Decimal | None = None
    date_order: DateOrder | None = None
    kinds: tuple[tuple[str, Kind], ...] = ()


@dataclass(frozen=True, slots=True)
class Cells:
    """The different cells of a column, as they are written.

    Attributes:
        name: Of the column.
        rows: Each different cell with the first row that has it, counted from 1.
        filled: How many rows are not missing.
        missing: How many rows are.
    """

    name: str
    rows: Mapping[str, int]
    filled: int
    missing: int = 0

    def column(self, kind: Kind, note: str = "") -> Column:
        """A column that holds these cells."""
        return Column(self.name, kind, self.missing, len(self.rows), note=note)
