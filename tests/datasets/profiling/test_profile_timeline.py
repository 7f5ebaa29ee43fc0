"""Periods one after the other, none left out."""

import pytest

from classmark.datasets.profiling.timeline import timeline_of


def test_a_short_time_is_shown_by_month() -> None:
    found = timeline_of({"2023-11": 2, "2024-02": 1})
    assert found is not None
    assert (found.unit, found.periods) == ("month", ("2023-11", "2023-12", "2024-01", "2024-02"))
    assert found.counts({"2023-11": 2, "2024-02": 1}) == [2, 0, 0, 1]


@pytest.mark.parametrize(
    "months", [{"2020-01": 1, "2023-01": 1}, {"2020-01": 1, "2023": 1}], ids=["long", "no month"]
)
def test_a_long_time_or_one_without_months_is_shown_by_year(months: dict[str, int]) -> None:
    found = timeline_of(months)
    assert found is not None
    assert (found.unit, found.periods) == ("year", ("2020", "2021", "2022", "2023"))
    assert found.counts(months) == [1, 0, 0, 1]
    assert found.earlier(months) == 0


def test_of_more_than_a_century_the_last_hundred_years_are_taken() -> None:
    months = {"1066": 2, "1920-05": 3, "1921-05": 1, "2020": 4}
    found = timeline_of(months)
    assert found is not None
    assert (found.periods[0], found.periods[-1], len(found.periods)) == ("1921", "2020", 100)
    assert found.earlier(months) == 5


def test_without_dates_there_is_no_timeline() -> None:
    assert timeline_of({}) is None
