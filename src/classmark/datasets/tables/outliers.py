"""Values far from the others, told from the rows that are learned from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

# Tukey 1977, Exploratory Data Analysis: so many times the interquartile range beyond the quartiles.
_REACH = 1.5
_FEWEST_ROWS = 8
_LARGEST = 1e30
_ROWS_LISTED = 20


@dataclass(frozen=True, slots=True)
class Fences:
    """Beyond which the values of a column are outliers.

    Attributes:
        low: The least value inside.
        high: The largest value inside.
        outside: How many rows of train lie beyond.
    """

    low: float
    high: float
    outside: int


@dataclass(frozen=True, slots=True)
class OutlierReport:
    """The outliers of the train part.

    Attributes:
        fences: Of each numeric column; those whose middle half is one value have none.
        isolated: How many rows an isolation forest sets apart.
        both: How many of them lie beyond a fence too: what `drop` leaves out.
        ids: The first of these.
    """

    fences: Mapping[str, Fences]
    isolated: int
    both: int
    ids: Sequence[str] = ()


def fences_of(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The fences of each column by the interquartile range, low and high, infinite where none are.

    Args:
        values: Shape (rows, columns); NaN are left out.
    """
    low, high = np.full(values.shape[1], -np.inf), np.full(values.shape[1], np.inf)
    for place, column in enumerate(values.T):
        known = column[~np.isnan(column)]
        if len(known):
            first, third = np.quantile(known, (0.25, 0.75))
            # Where half of all values are one and the same, all others would be outliers.
            if third > first:
                low[place] = first - _REACH * (third - first)
                high[place] = third + _REACH * (third - first)
    return low, high


def outliers_in(
    train: "pd.DataFrame", numeric: Sequence[str], seed: int
) -> tuple[OutlierReport, NDArray[np.bool_]]:
    """What is found in the train part, and which of its rows both rules call outliers."""
    values = train[list(numeric)].to_numpy(np.float64)
    low, high = fences_of(values)
    beyond = (values < low) | (values > high)
    isolated = _isolated(values, seed)
    both = isolated & beyond.any(axis=1)
    fences = {
        name: Fences(float(low[i]), float(high[i]), int(beyond[:, i].sum()))
        for i, name in enumerate(numeric)
        if np.isfinite(low[i])
    }
    ids = tuple(train.index[both][:_ROWS_LISTED].tolist())
    return OutlierReport(fences, int(isolated.sum()), int(both.sum()), ids), both


def _isolated(values: NDArray[np.float64], seed: int) -> NDArray[np.bool_]:
    """Which rows an isolation forest (Liu, Ting, Zhou 2008) sets apart with few questions."""
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 (extra)

    if not values.shape[1] or len(values) < _FEWEST_ROWS:
        return np.zeros(len(values), dtype=np.bool_)
    medians = np.array([np.median(column[~np.isnan(column)]) for column in values.T])
    # The forest's numbers are of single precision.
    filled = np.clip(np.where(np.isnan(values), medians, values), -_LARGEST, _LARGEST)
    found: NDArray[np.bool_] = IsolationForest(random_state=seed).fit_predict(filled) < 0
    return found
