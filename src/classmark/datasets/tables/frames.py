"""A frame of cells becomes a frame of values: one column at a time, by what it holds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from classmark.datasets.tables.cells import LARGEST_NUMBER, date_in, number_in
from classmark.datasets.tables.columns import Cells, Column, Conventions, Kind
from classmark.datasets.tables.inference import inferred, kind_of_numbers
from classmark.errors import RecordError

if TYPE_CHECKING:
    import pandas as pd

# A row number as a person counts.
_FIRST_ROW = 1


def columns_of(frame: "pd.DataFrame", conventions: Conventions) -> tuple[Column, ...]:
    """What the columns of a table are.

    Raises:
        RecordError: A column can be read in two ways, or holds several kinds of things.
    """
    return tuple(_column(frame[name], conventions) for name in frame.columns)


def typed(frame: "pd.DataFrame", columns: Iterable[Column]) -> "pd.DataFrame":
    """The columns as values: numbers and truths as floats, dates in UTC, all else as text.

    Missing are NaN, NaT and None.

    Raises:
        RecordError: A column is missing, or a cell is not what its column holds.
    """
    import pandas as pd  # noqa: PLC0415 (extra)

    columns = tuple(columns)
    absent = [column.name for column in columns if column.name not in frame.columns]
    if absent:
        raise RecordError(
            f"The table has no column {', '.join(map(repr, absent))}; it has "
            f"{', '.join(map(repr, frame.columns))}.",
            remedy="Give a table with the columns that the dataset was prepared from.",
        )
    return pd.DataFrame(
        {column.name: _values(frame[column.name], column) for column in columns},
        index=frame.index,
    )


def as_written(series: "pd.Series[Any]") -> "pd.Series[Any]":
    """The cells of a typed column as a person writes them: 1 and not 1.0; missing are None."""
    if _is_truth(series):
        return _mapped(series, lambda value: "true" if value else "false", object)
    if _is_numeric(series):
        return _mapped(series, _number_written, object)
    if _is_dated(series):
        return _mapped(series, lambda value: value.isoformat(), object)
    return _mapped(series, lambda value: str(value).strip() or None, object)


def _column(series: "pd.Series[Any]", conventions: Conventions) -> Column:
    name = str(series.name)
    given = dict(conventions.kinds).get(name)
    if _is_numeric(series) and given in {None, Kind.NUMERIC}:
        column = _numeric_column(name, _floats(series), given, _whole_numbers(series))
        return replace(column, truths=("true", "false")) if _is_truth(series) else column
    if _is_dated(series) and given in {None, Kind.DATE}:
        filled = series.notna()
        kind = Kind.DATE if filled.any() else Kind.EMPTY
        return Column(name, kind, int((~filled).sum()), int(series.nunique()))
    return inferred(_cells(name, as_written(series)), conventions)


def _numeric_column(name: str, values: "pd.Series[Any]", given: Kind | None, whole: int) -> Column:
    numbers = np.unique(values.dropna().to_numpy())
    missing = int(values.isna().sum())
    distinct = max(len(numbers), whole)
    column = Column(name, given or Kind.NUMERIC, missing, distinct)
    if not len(numbers):
        return replace(column, kind=Kind.EMPTY)
    if given is not None:
        return column
    if distinct == 1 and not missing:
        return replace(column, kind=Kind.CONSTANT)
    if numbers.tolist() == [0.0, 1.0]:
        return replace(column, kind=Kind.BOOLEAN, truths=("1", "0"))
    kind = kind_of_numbers(name, numbers.tolist(), len(values) - missing)
    return replace(column, kind=kind)


def _cells(name: str, written: "pd.Series[Any]") -> Cells:
    import pandas as pd  # noqa: PLC0415 (extra)

    codes, cells = pd.factorize(written)
    known = np.flatnonzero(codes >= 0)
    _, firsts = np.unique(codes[known], return_index=True)
    # The index holds places in the source, of which rows may be left out already.
    places = written.index.to_numpy()[known[firsts]] + _FIRST_ROW
    rows = dict(zip(cells.tolist(), places.tolist(), strict=True))
    return Cells(name, rows, filled=len(known), missing=len(codes) - len(known))


def _values(series: "pd.Series[Any]", column: Column) -> "pd.Series[Any]":
    is_number = column.kind in {Kind.NUMERIC, Kind.BOOLEAN}
    if is_number and _is_numeric(series):
        return _floats(series)
    if column.kind is Kind.DATE and _is_dated(series):
        return _in_utc(series)
    written = as_written(series)
    if is_number:
        return _read(written, column, _number_reader(column), "float64")
    if column.kind is Kind.DATE:
        return _read(
            written, column, lambda cell: date_in(cell, column.date_order), "datetime64[us]"
        )
    return written


def _number_reader(column: Column) -> Callable[[str], float | None]:
    if column.kind is Kind.NUMERIC:
        return lambda cell: number_in(cell, column.decimal)
    true, false = column.truths or ("true", "false")
    meanings: Mapping[str, float] = {true: 1.0, false: 0.0}
    return lambda cell: meanings.get(cell.lower())


def _read(
    written: "pd.Series[Any]", column: Column, reading: Callable[[str], object], dtype: str
) -> "pd.Series[Any]":
    values = _mapped(written, reading, dtype)
    strange = np.flatnonzero(values.isna().to_numpy() & written.notna().to_numpy())
    if len(strange):
        raise RecordError(
            f"Column {column.name!r} holds {column.kind} values, but row "
            f"{strange[0] + _FIRST_ROW} has {written.iloc[strange[0]]!r}.",
            remedy="Mend or empty that cell; write it as the rows do that the dataset came from.",
        )
    return values


def _mapped(
    series: "pd.Series[Any]", meaning: Callable[[Any], object], dtype: Any
) -> "pd.Series[Any]":
    """What the cells mean, asked once for each different cell; missing stay missing."""
    import pandas as pd  # noqa: PLC0415 (extra)

    codes, cells = pd.factorize(series)
    # The last one is what -1 points at, the code of what is missing.
    meanings = pd.Series([*map(meaning, cells), None], dtype=dtype).to_numpy()
    values: pd.Series[Any] = pd.Series(
        meanings[codes], index=series.index, name=series.name, dtype=dtype
    )
    return values


def _is_numeric(series: "pd.Series[Any]") -> bool:
    import pandas as pd  # noqa: PLC0415 (extra)

    return bool(pd.api.types.is_numeric_dtype(series))


def _is_truth(series: "pd.Series[Any]") -> bool:
    import pandas as pd  # noqa: PLC0415 (extra)

    return bool(pd.api.types.is_bool_dtype(series))


def _is_dated(series: "pd.Series[Any]") -> bool:
    import pandas as pd  # noqa: PLC0415 (extra)

    return bool(pd.api.types.is_datetime64_any_dtype(series))


def _floats(series: "pd.Series[Any]") -> "pd.Series[Any]":
    """As floats; what is infinite or nearly so can't be scaled, and counts as missing."""
    values = series.astype("float64")
    usable: pd.Series[Any] = values.where(values.abs() <= LARGEST_NUMBER)
    return usable


def _in_utc(series: "pd.Series[Any]") -> "pd.Series[Any]":
    if series.dt.tz is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    return series.astype("datetime64[us]")


def _whole_numbers(series: "pd.Series[Any]") -> int:
    """How many different ones a column of integers has: as floats, large ones become equal."""
    import pandas as pd  # noqa: PLC0415 (extra)

    return int(series.nunique()) if pd.api.types.is_integer_dtype(series) else 0


def _number_written(value: Any) -> str:
    """An integer to its last digit, however large; a float without the zero behind the point."""
    whole = isinstance(value, Integral) or float(value).is_integer()
    return str(int(value)) if whole else repr(float(value))
