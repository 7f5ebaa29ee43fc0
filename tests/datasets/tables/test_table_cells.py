"""What a cell says: numbers, dates and truth values, read as they were written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.datasets.tables.cells import (
    DateOrder,
    Decimal,
    date_in,
    decimals_of,
    number_in,
    orders_of,
    truths_in,
)

FLOATS = st.floats(-1e100, 1e100)
MOMENTS = st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 30))  # noqa: DTZ001


@given(FLOATS)
def test_a_number_is_read_as_python_wrote_it(number: float) -> None:
    assert number_in(repr(number), Decimal.POINT) == number


@given(FLOATS)
def test_a_decimal_comma_changes_nothing_of_a_number(number: float) -> None:
    assert number_in(repr(number).replace(".", ","), Decimal.COMMA) == number


@given(st.integers(-(10**15), 10**15), st.sampled_from(["", ".25"]))
def test_thousands_are_read_in_both_ways_of_writing_them(whole: int, fraction: str) -> None:
    written = f"{whole:,}{fraction}"
    expected = float(f"{whole}{fraction}")
    assert number_in(written, Decimal.POINT) == expected
    swapped = written.translate(str.maketrans(",.", ".,"))
    assert number_in(swapped, Decimal.COMMA) == expected
    assert number_in(written.replace(",", " "), Decimal.POINT) == expected


@pytest.mark.parametrize(
    "cell",
    [
        *("", " ", "-", ".", "e5", "1e", "1,23,456", "1 2", "12,34.5", "1.2.3", "0x10", "١٢"),
        *("1e101", "1e999", "inf", "nan", "12%", "$5", "1,234'567", "0,123"),
    ],
)
def test_what_is_no_number_with_a_point_is_none(cell: str) -> None:
    assert number_in(cell, Decimal.POINT) is None


@given(st.text(max_size=30))
def test_any_text_is_looked_at_without_a_failure(cell: str) -> None:
    for decimal in Decimal:
        number_in(cell, decimal)
    for order in DateOrder:
        date_in(cell, order)
    truths_in([cell])


@pytest.mark.parametrize(
    ("cells", "ways"),
    [
        (["1", "20"], [Decimal.POINT]),
        (["1.5", "20"], [Decimal.POINT]),
        (["1,5", "20"], [Decimal.COMMA]),
        (["1,234", "20"], [Decimal.POINT, Decimal.COMMA]),
        (["1,234", "0.5"], [Decimal.POINT]),
        (["1,234", "2,5"], [Decimal.COMMA]),
        (["1.234,5"], [Decimal.COMMA]),
        (["1,234.5"], [Decimal.POINT]),
        (["1.5", "2,5"], []),
        (["1", "a"], []),
    ],
)
def test_the_way_of_writing_follows_from_all_cells_together(
    cells: list[str], ways: list[Decimal]
) -> None:
    assert decimals_of(cells) == ways


@given(MOMENTS)
def test_an_iso_date_with_its_time_is_read_to_the_microsecond(moment: datetime) -> None:
    assert date_in(moment.isoformat(), DateOrder.DAY) == moment
    assert date_in(moment.isoformat(" "), DateOrder.MONTH) == moment


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_a_moment_with_a_zone_is_told_in_utc(moment: datetime, minutes: int) -> None:
    zoned = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    if moment.year in {1000, 9999}:
        return
    expected = zoned.astimezone(UTC).replace(tzinfo=None)
    assert date_in(zoned.isoformat(), DateOrder.DAY) == expected


@given(MOMENTS, st.sampled_from("/-"))
def test_day_and_month_are_read_in_the_order_that_is_said(moment: datetime, mark: str) -> None:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    european = f"{day.day:02d}{mark}{day.month}{mark}{day.year:04d}"
    american = f"{day.month:02d}{mark}{day.day}{mark}{day.year:04d}"
    assert date_in(european, DateOrder.DAY) == day
    assert date_in(american, DateOrder.MONTH) == day


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("31.12.2024", (2024, 12, 31)),
        ("3.4.2024", (2024, 4, 3)),
        ("2024/02/29", (2024, 2, 29)),
        ("20240229", (2024, 2, 29)),
        ("2024-05", (2024, 5, 1)),
        ("3 Jan 2024", (2024, 1, 3)),
        ("03-Sep-2024", (2024, 9, 3)),
        ("January 3rd, 2024", (2024, 1, 3)),
        ("Sept 3, 2024", (2024, 9, 3)),
        ("2024-01-03 12:30 AM", (2024, 1, 3, 0, 30)),
        ("2024-01-03 12:30 pm", (2024, 1, 3, 12, 30)),
        ("2024-01-03T08:05:09.25Z", (2024, 1, 3, 8, 5, 9, 250_000)),
    ],
)
@pytest.mark.parametrize("order", DateOrder)
def test_forms_that_leave_no_doubt_are_read_by_either_order(
    cell: str, expected: tuple[int, int, int], order: DateOrder
) -> None:
    assert date_in(cell, order) == datetime(*expected)  # noqa: DTZ001 (UTC without saying so)


@pytest.mark.parametrize(
    "cell",
    [
        *("2024-02-30", "2023-02-29", "2024-13-01", "2024-01-01 25:00", "1.2.24", "3 Foo 2024"),
        *("2024", "2024-01/02", "0000-01-01", "2024-01-01 13:00 PM", "2024-01-01T00:00+99:99"),
        "today",
    ],
)
def test_what_is_no_date_is_none(cell: str) -> None:
    assert date_in(cell, DateOrder.DAY) is None


def test_one_day_beyond_the_twelfth_settles_the_order_of_all() -> None:
    assert orders_of(["03/04/2024", "13/04/2024"]) == [DateOrder.DAY]
    assert orders_of(["03/04/2024", "04/13/2024"]) == [DateOrder.MONTH]
    assert orders_of(["03/04/2024", "04/05/2024"]) == [DateOrder.DAY, DateOrder.MONTH]
    assert orders_of(["03/03/2024"]) == [DateOrder.DAY]
    assert orders_of(["13/04/2024", "04/13/2024"]) == []


def test_truth_is_told_from_two_words_in_any_case() -> None:
    assert truths_in(["Yes", "NO", "yes"]) == ("yes", "no")
    assert truths_in(["0", "1"]) == ("1", "0")
    assert truths_in(["yes", "false"]) is None
    assert truths_in(["yes"]) is None
