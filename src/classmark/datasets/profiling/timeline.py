"""When documents were published: years or months in a row, without gaps."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

# Three years of months can still be told apart in a plot; of years, a century.
_MOST_MONTHS = 36
_MOST_YEARS = 100


@dataclass(frozen=True, slots=True)
class Timeline:
    """Periods one after the other.

    Attributes:
        unit: "year" or "month".
        periods: As `2024` or `2024-05`, none left out.
    """

    unit: str
    periods: tuple[str, ...]

    def earlier(self, months: Mapping[str, int]) -> int:
        """How many documents were published before the first period."""
        return sum(months.values()) - sum(self.counts(months))

    def counts(self, months: Mapping[str, int]) -> list[int]:
        """How many documents each period has."""
        found: Counter[str] = Counter()
        for month, count in months.items():
            found[month if self.unit == "month" else month[:4]] += count
        return [found[period] for period in self.periods]


def timeline_of(months: Mapping[str, int]) -> Timeline | None:
    """The periods that documents fall into; None if no date is known.

    Months where all dates have one and they span three years at most, else years. Of more than a
    century the hundred years up to the last one are taken.

    Args:
        months: How many documents were published when, by `YYYY-MM` or `YYYY`.
    """
    if not months:
        return None
    if all(len(month) > 4 for month in months):
        numbers = [int(month[:4]) * 12 + int(month[5:]) - 1 for month in months]
        if max(numbers) - min(numbers) < _MOST_MONTHS:
            span = range(min(numbers), max(numbers) + 1)
            return Timeline("month", tuple(f"{one // 12}-{one % 12 + 1:02}" for one in span))
    years = [int(month[:4]) for month in months]
    first = max(min(years), max(years) - _MOST_YEARS + 1)
    return Timeline("year", tuple(map(str, range(first, max(years) + 1))))
