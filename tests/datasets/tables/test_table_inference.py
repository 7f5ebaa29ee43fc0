"""What columns hold, told from their cells; where they allow two readings, nobody guesses."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.datasets.tables.cells import DateOrder, Decimal
from classmark.datasets.tables.columns import Cells, Column, Conventions, Kind
from classmark.datasets.tables.inference import inferred
from classmark.errors import RecordError


def column(
    cells: Sequence[str | None], name: str = "x", conventions: Conventions | None = None
) -> Column:
    rows: dict[str, int] = {}
    for number, cell in enumerate(cells, 1):
        if cell is not None:
            rows.setdefault(cell, number)
    filled = sum(cell is not None for cell in cells)
    return inferred(Cells(name, rows, filled, len(cells) - filled), conventions or Conventions())


WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1.5", "2", None], Kind.NUMERIC),
        (["yes", "no", "yes"], Kind.BOOLEAN),
        (["0", "1", "1"], Kind.BOOLEAN),
        (["red", "blue", "red", "blue"], Kind.CATEGORICAL),
        (["2024-01-02", "2024-03-04"], Kind.DATE),
        ([f"the {word} house by the river" for word in WORDS], Kind.TEXT),
        ([f"u{number:03d}" for number in range(40)], Kind.IDENTIFIER),
        ([f"John{number} Smith{number}" for number in range(40)], Kind.IDENTIFIER),
        ([str(number) for number in range(40)], Kind.IDENTIFIER),
        (["same", "same"], Kind.CONSTANT),
        (["same", None], Kind.CATEGORICAL),
        ([None, None], Kind.EMPTY),
    ],
)
def test_a_column_is_what_its_cells_say(cells: list[str | None], kind: Kind) -> None:
    found = column(cells)
    assert found.kind is kind
    assert found.missing == cells.count(None)


def test_whole_numbers_that_never_repeat_name_rows_only_under_a_name_that_says_so() -> None:
    cells = [str(number * 7 + 3) for number in range(40)]
    assert column(cells, "customer_id").kind is Kind.IDENTIFIER
    assert column(cells, "CustomerId").kind is Kind.IDENTIFIER
    assert column(cells, "width").kind is Kind.NUMERIC
    assert column(cells, "paid").kind is Kind.NUMERIC


@given(st.permutations([*map(str, range(30)), "2.5", "3.5"]))
def test_the_order_of_rows_plays_no_part(cells: list[str]) -> None:
    assert column(cells) == column(sorted(cells))


@given(st.lists(st.one_of(st.none(), st.text(min_size=1, max_size=12)), max_size=40))
def test_any_column_has_a_kind_or_is_refused_with_a_remedy(cells: list[str | None]) -> None:
    try:
        found = column(cells)
    except RecordError as refused:
        assert "--" in refused.remedy  # noqa: PT017 (most columns are not refused)
    else:
        assert found.distinct <= len({cell for cell in cells if cell is not None})


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30, unique=True))
def test_floats_written_by_python_are_numbers(numbers: list[float]) -> None:
    found = column([f"{number!r}5" if "e" not in repr(number) else "0.5" for number in numbers])
    assert found.kind in {Kind.NUMERIC, Kind.CONSTANT, Kind.IDENTIFIER}
    assert found.decimal is Decimal.POINT


def test_a_decimal_comma_is_recognised_and_reported() -> None:
    found = column(["1,5", "2.000,25", "3"])
    assert (found.kind, found.decimal) == (Kind.NUMERIC, Decimal.COMMA)
    assert "decimal comma" in found.note


def test_thousands_are_recognised_and_reported() -> None:
    found = column(["1,500", "2,000.25", "3"])
    assert (found.kind, found.decimal) == (Kind.NUMERIC, Decimal.POINT)
    assert found.note


def test_numbers_that_can_be_read_in_two_ways_are_refused_until_somebody_says_which() -> None:
    cells = ["1,500", "2,250", "7"]
    with pytest.raises(RecordError, match=r"'1,500'.*--decimal point or comma"):
        column(cells)
    said = column(cells, conventions=Conventions(decimal=Decimal.COMMA))
    assert said.decimal is Decimal.COMMA
    said = column(cells, conventions=Conventions(decimal=Decimal.POINT))
    assert said.decimal is Decimal.POINT


def test_points_that_could_set_thousands_apart_are_reported() -> None:
    found = column(["1.500", "2.250", "7"])
    assert found.decimal is Decimal.POINT
    assert "--decimal comma" in found.note
    assert column(["1.500", "2.2", "7"]).note == ""
    said = column(["1.500", "2.250", "7"], conventions=Conventions(decimal=Decimal.COMMA))
    assert said.decimal is Decimal.COMMA


def test_dates_that_can_be_read_in_two_orders_are_refused_until_somebody_says_which() -> None:
    cells = ["03/04/2024", "05/06/2024", "01/01/2024"]
    with pytest.raises(RecordError, match=r"'03/04/2024'.*--date-order day or month"):
        column(cells)
    said = column(cells, conventions=Conventions(date_order=DateOrder.MONTH))
    assert (said.kind, said.date_order) == (Kind.DATE, DateOrder.MONTH)
    settled = column([*cells, "12/25/2024"])
    assert settled.date_order is DateOrder.MONTH


def test_what_the_cells_settle_is_not_changed_by_what_is_said() -> None:
    found = column(["1,5", "2,25"], conventions=Conventions(decimal=Decimal.POINT))
    assert found.decimal is Decimal.COMMA


def test_digits_that_may_be_dates_are_reported_and_read_so_on_request() -> None:
    cells = ["20240131", "20240229", "20240101"]
    found = column(cells, "day")
    assert found.kind is Kind.NUMERIC
    assert "--types day=date" in found.note
    said = column(cells, "day", Conventions(kinds=(("day", Kind.DATE),)))
    assert said.kind is Kind.DATE


def test_a_stray_word_among_numbers_is_refused_with_its_row() -> None:
    cells = [f"{number}.5" for number in range(40)]
    cells[16], cells[20] = "unknown", "see note"
    with pytest.raises(RecordError, match=r"numbers and other values: row 17 'unknown', row 21"):
        column(cells)


def test_a_stray_word_among_few_numbers_is_reported() -> None:
    found = column(["1", "2", "3", "4", "many"] * 4)
    assert found.kind is Kind.CATEGORICAL
    assert "row 5 'many'" in found.note


def test_two_orders_in_one_column_of_dates_are_refused() -> None:
    days = [f"{day}/01/2023" for day in range(13, 29)] + [f"01/{day}/2023" for day in range(13, 29)]
    with pytest.raises(RecordError, match="dates in several ways"):
        column(days)


def test_what_somebody_says_of_a_column_counts() -> None:
    codes = [str(number) for number in range(40)]
    for kind in (Kind.NUMERIC, Kind.CATEGORICAL, Kind.TEXT, Kind.IDENTIFIER):
        assert column(codes, conventions=Conventions(kinds=(("x", kind),))).kind is kind


@pytest.mark.parametrize("kind", [Kind.NUMERIC, Kind.DATE, Kind.BOOLEAN])
def test_what_somebody_says_against_the_cells_is_refused_with_their_rows(kind: Kind) -> None:
    with pytest.raises(RecordError, match=f"can't be {kind}: .*row 2 'b'"):
        column(["a", "b"], conventions=Conventions(kinds=(("x", kind),)))
