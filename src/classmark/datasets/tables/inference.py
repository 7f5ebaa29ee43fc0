"""What columns hold, told from their cells; where they allow two readings, nobody guesses."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from classmark.datasets.tables.cells import (
    DateOrder,
    Decimal,
    are_plain_numbers,
    date_in,
    decimals_of,
    look_like_dates,
    may_be_thousands,
    number_in,
    orders_of,
    truths_in,
)
from classmark.datasets.tables.columns import Cells, Column, Conventions, Kind
from classmark.errors import RecordError

_CELLS_NAMED = 3
# A column of whose different cells so many are numbers, or dates, was meant to hold nothing else.
_MOSTLY = 0.5
# Words that a free text has on average at least.
_WORDS_OF_TEXT = 2.5
# Categories repeat: so many rows have each on average at least ...
_ROWS_A_CATEGORY = 2
# ... and what hardly ever repeats names its row.
_IDENTIFIER_SHARE = 0.9
# Fewer rows say nothing about whether a column repeats.
_FEW_ROWS = 20
_NAMES_OF_IDENTIFIERS = frozenset({"id", "uuid", "key", "index", "nr", "number", "unnamed"})


def inferred(cells: Cells, conventions: Conventions) -> Column:
    """What a column of written cells is; the order of its rows plays no part.

    Raises:
        RecordError: Numbers or dates can be read in two ways, or most cells are such and some not.
    """
    given = dict(conventions.kinds).get(cells.name)
    if given is not None:
        return _as_given(cells, given, conventions)
    if not cells.rows:
        return cells.column(Kind.EMPTY)
    if len(cells.rows) == 1 and not cells.missing:
        return cells.column(Kind.CONSTANT)
    return (
        _truths(cells)
        or _numeric(cells, conventions)
        or _dated(cells, conventions)
        or _worded(cells)
    )


def kind_of_numbers(name: str, numbers: Sequence[float], filled: int) -> Kind:
    """Whether numbers measure something, or count the rows or name them.

    Args:
        name: Of the column.
        numbers: Its different values.
        filled: How many rows have one.
    """
    are_whole = all(number.is_integer() for number in numbers)
    if filled < _FEW_ROWS or len(numbers) <= filled * _IDENTIFIER_SHARE or not are_whole:
        return Kind.NUMERIC
    is_counter = len(numbers) == filled == max(numbers) - min(numbers) + 1
    words = name.lower().replace("-", "_").replace(" ", "_").split("_")
    is_named_so = bool(_NAMES_OF_IDENTIFIERS & set(words)) or name.endswith(("Id", "ID"))
    return Kind.IDENTIFIER if is_counter or is_named_so else Kind.NUMERIC


def _as_given(cells: Cells, kind: Kind, conventions: Conventions) -> Column:
    """The column as somebody said it is."""
    readers: Mapping[Kind, Callable[[], Column | None]] = {
        Kind.NUMERIC: lambda: _numeric(cells, conventions),
        Kind.DATE: lambda: _dated(cells, conventions),
        Kind.BOOLEAN: lambda: _truths(cells),
    }
    found = readers.get(kind, lambda: cells.column(kind))()
    if found is not None and cells.rows:
        return replace(found, kind=kind)
    readings = {Kind.NUMERIC: _is_number, Kind.DATE: _is_date}
    strange = _strangers(cells, readings.get(kind, lambda _: False))
    raise RecordError(
        f"Column {cells.name!r} can't be {kind}: {strange or 'it has no value'}.",
        remedy="Mend these cells, name them with --missing, or say another type with --types.",
    )


def _truths(cells: Cells) -> Column | None:
    truths = truths_in(cells.rows)
    return replace(cells.column(Kind.BOOLEAN), truths=truths) if truths else None


def _numeric(cells: Cells, conventions: Conventions) -> Column | None:
    ways = decimals_of(cells.rows)
    if not ways:
        return None
    is_plain = are_plain_numbers(cells.rows)
    decimal = ways[0] if len(ways) == 1 else conventions.decimal
    if decimal is None and not is_plain:
        raise _ambiguous(cells, "numbers with thousands or with a decimal comma", "--decimal")
    numbers = {number_in(cell, decimal or Decimal.POINT) or 0.0 for cell in cells.rows}
    kind = kind_of_numbers(cells.name, sorted(numbers), cells.filled)
    note = "" if is_plain else f"numbers with a decimal {decimal}"
    if decimal is None and may_be_thousands(cells.rows):
        note = "points were read as decimal points; --decimal comma reads them as thousands"
    elif look_like_dates(cells.rows):
        note = f"may be dates without dashes; --types {cells.name}=date reads them so"
    return replace(
        cells.column(kind, note), decimal=decimal or Decimal.POINT, distinct=len(numbers)
    )


def _dated(cells: Cells, conventions: Conventions) -> Column | None:
    orders = orders_of(cells.rows)
    if not orders:
        return None
    order = orders[0] if len(orders) == 1 else conventions.date_order
    if order is None:
        raise _ambiguous(cells, "dates with the day or with the month first", "--date-order")
    return replace(cells.column(Kind.DATE), date_order=order)


def _ambiguous(cells: Cells, what: str, option: str) -> RecordError:
    ways = "point or comma" if option == "--decimal" else "day or month"
    shown = ", ".join(map(repr, islice(_doubtful(cells, option), _CELLS_NAMED)))
    return RecordError(
        f"Column {cells.name!r} can be read as {what}: {shown}.",
        remedy=f"Say which with {option} {ways}.",
    )


def _doubtful(cells: Cells, option: str) -> Iterator[str]:
    """The cells that mean one thing or another."""
    for cell in cells.rows:
        if option == "--decimal":
            one, other = number_in(cell, Decimal.POINT), number_in(cell, Decimal.COMMA)
            is_doubtful = one != other
        else:
            is_doubtful = date_in(cell, DateOrder.DAY) != date_in(cell, DateOrder.MONTH)
        if is_doubtful:
            yield cell


def _worded(cells: Cells) -> Column:
    """A column of words: what repeats is a category, sentences are text, names are identifiers."""
    note = _mixture(cells)
    distinct, words = len(cells.rows), sum(len(cell.split()) for cell in cells.rows)
    repeats = cells.filled >= distinct * _ROWS_A_CATEGORY
    if not repeats and words >= distinct * _WORDS_OF_TEXT:
        return cells.column(Kind.TEXT, note)
    names_rows = cells.filled >= _FEW_ROWS and distinct > cells.filled * _IDENTIFIER_SHARE
    if not names_rows:
        return cells.column(Kind.CATEGORICAL, note)
    if note:
        raise RecordError(
            f"Column {cells.name!r} holds {note}.",
            remedy="Mend these cells, name them with --missing, or say what the column is with "
            f"--types, as --types {cells.name}=categorical.",
        )
    return cells.column(Kind.IDENTIFIER)


def _mixture(cells: Cells) -> str:
    """What stands among numbers or dates, and where; empty if the column is of one kind."""
    for what, reading in (("numbers", _is_number), ("dates", _is_date)):
        fitting = sum(map(reading, cells.rows))
        if len(cells.rows) * _MOSTLY <= fitting:
            strange = _strangers(cells, reading)
            return f"{what} and other values: {strange}" if strange else f"{what} in several ways"
    return ""


def _strangers(cells: Cells, reading: Callable[[str], bool]) -> str:
    """The first cells that can't be read so, with their rows."""
    strange = sorted((row, cell) for cell, row in cells.rows.items() if not reading(cell))
    return ", ".join(f"row {row} {cell[:40]!r}" for row, cell in strange[:_CELLS_NAMED])


def _is_number(cell: str) -> bool:
    return any(number_in(cell, decimal) is not None for decimal in Decimal)


def _is_date(cell: str) -> bool:
    return any(date_in(cell, order) is not None for order in DateOrder)
