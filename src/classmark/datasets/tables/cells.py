"""What a cell says: numbers, dates and truth values as people write them."""

import re
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import TypeVar


class Decimal(StrEnum):
    """What stands before the fraction of a number."""

    POINT = "point"
    COMMA = "comma"


class DateOrder(StrEnum):
    """What comes first in a date like 03/04/2024."""

    DAY = "day"
    MONTH = "month"


Way = TypeVar("Way", Decimal, DateOrder)

# The squares of larger numbers, which every scaling needs, are beyond all floats.
LARGEST_NUMBER = 1e100

# Groups of three digits are set apart by one and the same sign throughout a number.
_GROUPED = r"[1-9][0-9]{{0,2}}([{group}'_ \u00a0\u202f])[0-9]{{3}}(?:\1[0-9]{{3}})*"
_NUMBER = r"[+-]?(?:(?:{grouped}|[0-9]+)(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBERS = {
    decimal: re.compile(_NUMBER.format(grouped=_GROUPED.format(group=group), mark=mark))
    for decimal, group, mark in ((Decimal.POINT, ",", r"\."), (Decimal.COMMA, r"\.", ","))
}

_TIME = (
    r"(?:(?:[T ] *)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r" ?(?P<half>[AaPp][Mm])? ?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_MONTH_NAME = r"(?P<name>[A-Z][a-z]{2,8})\.?"
_YEAR = "(?P<year>[0-9]{4})"
_DATES = tuple(
    re.compile(date + _TIME)
    for date in (
        _YEAR + r"(?:(?P<mark>[-/.])(?P<month>[0-9]{1,2})(?:(?P=mark)(?P<day>[0-9]{1,2})))",
        _YEAR + r"-(?P<month>[0-9]{2})",
        _YEAR + r"(?P<month>[0-9]{2})(?P<day>[0-9]{2})",
        r"(?P<first>[0-9]{1,2})(?P<mark>[-/.])(?P<then>[0-9]{1,2})(?P=mark)" + _YEAR,
        r"(?P<day>[0-9]{1,2})\.?[ -]" + _MONTH_NAME + r",?[ -]" + _YEAR,
        _MONTH_NAME + r" (?P<day>[0-9]{1,2})(?:st|nd|rd|th)?,? " + _YEAR,
    )
)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_TRUTHS = (("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("on", "off"), ("1", "0"))
_MOST_SPELLINGS = 8
# A group of thousands, or a fraction of three digits: nobody can tell from the cell alone.
_COULD_BE_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")


def number_in(cell: str, decimal: Decimal) -> float | None:
    """The number that a cell holds, or None if it holds none or too large a one."""
    found = _NUMBERS[decimal].fullmatch(cell)
    if not found:
        return None
    digits = cell.replace(found[1], "") if found[1] else cell
    number = float(digits.replace(",", ".") if decimal is Decimal.COMMA else digits)
    return number if abs(number) <= LARGEST_NUMBER else None


def date_in(cell: str, order: DateOrder) -> datetime | None:
    """The moment that a cell holds, in UTC without saying so, or None.

    Year first, points between (always day first), slashes or dashes (by `order`), English names of
    months; a time of day may follow. Years have four digits: two could be anything.
    """
    for pattern in _DATES:
        found = pattern.fullmatch(cell)
        if found:
            try:
                return _moment(found.groupdict(), order)
            except (ValueError, OverflowError):
                return None
    return None


def truths_in(cells: Collection[str]) -> tuple[str, str] | None:
    """The words for true and false, if the cells are just these two in any case."""
    # Two words have few ways to be written in capitals: most columns are seen through at once.
    words = {cell.lower() for cell in cells} if len(cells) <= _MOST_SPELLINGS else set()
    return next((pair for pair in _TRUTHS if words == set(pair)), None)


def decimals_of(cells: Collection[str]) -> list[Decimal]:
    """The ways by which every cell is a number; one alone where both give the same numbers."""
    return _ways(cells, Decimal, number_in)


def orders_of(cells: Collection[str]) -> list[DateOrder]:
    """The orders by which every cell is a date; one alone where both give the same dates."""
    return _ways(cells, DateOrder, date_in)


def are_plain_numbers(cells: Iterable[str]) -> bool:
    """Whether nothing but digits, signs and decimal points stands in cells that are numbers."""
    return all(re.fullmatch(r"[0-9eE+.\-]*", cell) for cell in cells)


def look_like_dates(cells: Iterable[str]) -> bool:
    """Whether numbers of eight digits could all be days of 1900 to 2099, as 20240131."""
    days = (
        re.fullmatch(r"(?:19|20)[0-9]{6}", cell) and date_in(cell, DateOrder.DAY) for cell in cells
    )
    return all(days)


def may_be_thousands(cells: Iterable[str]) -> bool:
    """Whether every point that stands in plain numbers could set thousands apart."""
    pointed = [cell for cell in cells if "." in cell]
    return bool(pointed) and all(_COULD_BE_THOUSANDS.fullmatch(cell) for cell in pointed)


def _ways(
    cells: Collection[str], ways: type[Way], reading: Callable[[str, Way], object]
) -> list[Way]:
    possible = [way for way in ways if all(reading(cell, way) is not None for cell in cells)]
    if len(possible) == 2 and all(
        reading(cell, possible[0]) == reading(cell, possible[1]) for cell in cells
    ):
        return possible[:1]
    return possible


def _moment(found: dict[str, str | None], order: DateOrder) -> datetime:
    """The moment of a pattern's groups.

    Raises:
        ValueError: There is no such day or hour.
    """
    month, day = _month_and_day(found, order)
    fraction = (found["fraction"] or "0").ljust(6, "0")[:6]
    local = datetime(
        *(int(found["year"] or 0), month, day),
        *(_hour(found), int(found["minute"] or 0), int(found["second"] or 0), int(fraction)),
        tzinfo=_zone(found["zone"]),
    )
    return local.astimezone(UTC).replace(tzinfo=None)


def _month_and_day(found: dict[str, str | None], order: DateOrder) -> tuple[int, int]:
    if found.get("name"):
        name = str(found["name"]).lower()
        matching = [i for i, month in enumerate(_MONTHS, 1) if month.startswith(name)]
        if len(matching) != 1:
            raise ValueError(name)
        return matching[0], int(found["day"] or 0)
    if "first" in found:
        pair = int(found["first"] or 0), int(found["then"] or 0)
        # Where points are written between, the day always comes first.
        is_day_first = order is DateOrder.DAY or found["mark"] == "."
        return (pair[1], pair[0]) if is_day_first else pair
    return int(found["month"] or 0), int(found.get("day") or 1)


def _hour(found: dict[str, str | None]) -> int:
    hour = int(found["hour"] or 0)
    if not found["half"]:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(hour)
    return hour % 12 + (12 if found["half"].lower() == "pm" else 0)


def _zone(written: str | None) -> timezone:
    if written in {None, "Z"}:
        return UTC
    sign, digits = str(written)[0], str(written)[1:].replace(":", "")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-shift if sign == "-" else shift)
