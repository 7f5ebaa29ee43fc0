"""The steps that scikit-learn lacks, each against a reckoning of its own."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy import sparse

from classmark.datasets.tables.feature_steps import CorrelationFilter, DateParts, OutlierClipper
from classmark.datasets.tables.outliers import fences_of, outliers_in

TABLES = arrays.arrays(
    np.float64,
    st.tuples(st.integers(3, 20), st.integers(2, 6)),
    elements=st.integers(-50, 50).map(float),
)


def parts_of(*moments: str | None) -> dict[str, list[float]]:
    frame = pd.DataFrame({"d": pd.Series(moments, dtype="datetime64[us]")})
    step = DateParts().fit(frame)
    return dict(zip(step.get_feature_names_out(), step.transform(frame).T.tolist(), strict=True))


def test_a_date_is_taken_apart() -> None:
    parts = parts_of("2024-02-29 18:00", "2024-03-01 06:00")
    assert parts["d_year"] == [2024, 2024]
    assert parts["d_month"] == [2, 3]
    assert parts["d_day_of_week"] == [3, 4]
    assert parts["d_hour"] == [18, 6]
    assert parts["d_elapsed_days"] == [0, 0.5]
    assert parts["d_hour_sin"] == pytest.approx([-1, 1])
    assert parts["d_hour_cos"] == pytest.approx([0, 0])
    assert parts["d_month_cos"] == pytest.approx([0.5, 0])


@given(st.lists(st.datetimes(pd.Timestamp(1900, 1, 1), pd.Timestamp(2200, 1, 1)), min_size=1))
def test_the_parts_of_a_date_are_those_of_the_calendar(moments: list[pd.Timestamp]) -> None:
    frame = pd.DataFrame({"d": pd.Series(moments, dtype="datetime64[us]")})
    step = DateParts().fit(frame)
    parts = dict(zip(step.get_feature_names_out(), step.transform(frame).T, strict=True))
    assert parts["d_year"].tolist() == [moment.year for moment in moments]
    assert parts["d_month"].tolist() == [moment.month for moment in moments]
    assert parts["d_day_of_week"].tolist() == [moment.weekday() for moment in moments]


def test_dates_without_times_have_no_hour_and_those_without_gaps_no_mark() -> None:
    parts = parts_of("2024-02-29", "2024-03-01")
    assert not {"d_hour", "d_hour_sin", "d_missing"} & set(parts)
    gaps = parts_of("2024-02-29", None)
    assert gaps["d_missing"] == [0, 1]
    assert np.isnan(gaps["d_year"][1])


@given(TABLES)
def test_no_two_kept_features_correlate_beyond_the_limit(values: NDArray[np.float64]) -> None:
    kept = CorrelationFilter(0.9).fit(values).transform(values)
    assert kept.shape[1] >= 1
    varying = kept[:, kept.std(axis=0) > 1e-9]
    if varying.shape[1] > 1:
        related = np.abs(np.corrcoef(varying.T)) - np.eye(varying.shape[1])
        assert related.max() <= 0.9 + 1e-9


@given(TABLES)
def test_sparse_and_dense_features_are_filtered_alike(values: NDArray[np.float64]) -> None:
    # A limit that no coefficient of small whole numbers meets exactly.
    limit = 0.9037
    dense = CorrelationFilter(limit).fit(values).get_support()
    thin = CorrelationFilter(limit).fit(sparse.csr_matrix(values)).get_support()
    assert dense.tolist() == thin.tolist()


@given(TABLES)
def test_clipped_values_lie_within_the_fences(values: NDArray[np.float64]) -> None:
    low, high = fences_of(values)
    clipped = OutlierClipper().fit(values).transform(values)
    assert ((clipped >= low) & (clipped <= high)).all()
    inside = (values >= low) & (values <= high)
    assert (clipped[inside] == values[inside]).all()


def test_a_column_whose_middle_half_is_one_value_has_no_fences() -> None:
    low, high = fences_of(np.array([[0.0]] * 9 + [[5.0]]))
    assert (low[0], high[0]) == (-np.inf, np.inf)


def test_missing_values_move_no_fence() -> None:
    known = np.arange(20.0).reshape(-1, 1)
    holey = np.vstack([known, [[np.nan]] * 5])
    assert fences_of(holey)[0] == fences_of(known)[0]
    assert np.isnan(OutlierClipper().fit(holey).transform(holey)[-1, 0])


def test_planted_outliers_are_found_by_both_rules() -> None:
    random = np.random.default_rng(9)
    frame = pd.DataFrame(random.normal(size=(300, 3)), columns=list("abc"))
    frame.iloc[[7, 70, 170], 1] = [60.0, -80.0, 90.0]
    frame.index = pd.Index([f"row{number}" for number in range(300)])
    report, found = outliers_in(frame, ["a", "b", "c"], seed=42)
    assert {"row7", "row70", "row170"} <= set(report.ids)
    assert found[[7, 70, 170]].all()
    assert report.both == found.sum() <= report.isolated
    assert report.fences["b"].outside >= 3


def test_a_table_without_numbers_has_no_outliers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report, found = outliers_in(pd.DataFrame({"t": ["a"] * 30}), [], seed=42)
    assert (report.isolated, report.both, found.sum()) == (0, 0, 0)
