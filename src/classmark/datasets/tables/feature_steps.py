"""Steps of a feature pipeline that scikit-learn lacks; each learns from what it is fitted on alone.

They are saved by name, and loaded by name: see `features.TRUSTED`.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.feature_selection import SelectorMixin, mutual_info_classif, mutual_info_regression
from sklearn.utils.validation import check_is_fitted, validate_data

from classmark.datasets.tables.outliers import fences_of
from classmark.datasets.tables.recipe import Importance

_TREES = 100
# Features that are made dense at a time.
_CHUNK = 64
_MICROSECONDS_A_DAY = 86_400_000_000
# Name -> period of what comes round again.
_CYCLES = {"month": 12, "day_of_week": 7, "hour": 24}


class OutlierClipper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Numbers beyond the fences of the interquartile range become the fence; NaN stay."""

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803 (scikit-learn's names)
        """Learn the fences."""
        del y
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        self.low_, self.high_ = fences_of(values)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """The numbers within the fences."""
        check_is_fitted(self)
        values = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        clipped: NDArray[np.float64] = np.clip(values, self.low_, self.high_)
        return clipped


class DateParts(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Year, month, day of the week, hour, days since the first date, and the cycles they make.

    Hours are left out of a column without times of day; what is missing is told by a column of its
    own where train misses some.
    """

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn the first date of each column, and whether it has times and gaps."""
        del y
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        moments = [X[name].to_numpy("datetime64[us]") for name in self.feature_names_in_]
        known = [column[~np.isnat(column)] for column in moments]
        self.first_ = np.array(
            [column.min().astype(np.int64) if len(column) else 0 for column in known]
        )
        self.has_times_ = np.array([bool(_time_of_day(column).any()) for column in known])
        self.has_gaps_ = np.array([bool(np.isnat(column).any()) for column in moments])
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Shape (rows, parts); NaN where the date is missing."""
        check_is_fitted(self)
        columns: list[NDArray[np.float64]] = []
        for place, name in enumerate(self.feature_names_in_):
            columns += self._parts(place, X[name].to_numpy("datetime64[us]")).values()
        return np.column_stack(columns)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """As `ordered_month_sin`."""
        del input_features
        check_is_fitted(self)
        nothing = np.array([], dtype="datetime64[us]")
        names = [
            f"{name}_{part}"
            for place, name in enumerate(self.feature_names_in_)
            for part in self._parts(place, nothing)
        ]
        return np.array(names, dtype=object)

    def _parts(self, place: int, moments: NDArray[np.datetime64]) -> dict[str, NDArray[np.float64]]:
        is_missing = np.isnat(moments)
        months = moments.astype("datetime64[M]").astype(np.int64)
        days = moments.astype("datetime64[D]").astype(np.int64)
        elapsed = (moments.astype(np.int64) - self.first_[place]) / _MICROSECONDS_A_DAY
        parts: dict[str, Any] = {
            "year": months // 12 + 1970,
            "month": months % 12 + 1,
            # 1970-01-01 was a Thursday; Monday is 0.
            "day_of_week": (days + 3) % 7,
            "elapsed_days": elapsed,
        }
        if self.has_times_[place]:
            parts["hour"] = _time_of_day(moments) / (_MICROSECONDS_A_DAY / 24)
        for name in _CYCLES.keys() & parts.keys():
            angle = 2 * np.pi * parts[name] / _CYCLES[name]
            parts |= {f"{name}_sin": np.sin(angle), f"{name}_cos": np.cos(angle)}
        known = {name: np.where(is_missing, np.nan, parts[name]) for name in sorted(parts)}
        return known | ({"missing": is_missing * 1.0} if self.has_gaps_[place] else {})


class CorrelationFilter(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Of two features that correlate more than the limit, the later one goes.

    Args:
        limit: Of the absolute value of Pearson's coefficient.
    """

    def __init__(self, limit: float = 0.95) -> None:
        self.limit = limit

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn which features stay."""
        del y
        values = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        related = _correlations(values) > self.limit
        kept = np.ones(len(related), dtype=np.bool_)
        for place in range(1, len(related)):
            kept[place] = not (related[place, :place] & kept[:place]).any()
        self.kept_ = kept
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        kept: NDArray[np.bool_] = self.kept_
        return kept


class ImportanceFilter(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """The features that tell most of the target.

    Args:
        keep: How many, or below 1 what share.
        by: A value of `Importance`.
        classifies: Whether the target is a class.
        seed: Of the trees, and of the noise that breaks ties of mutual information.
    """

    def __init__(
        self, keep: float = 0.5, by: str = "trees", *, classifies: bool = True, seed: int = 42
    ) -> None:
        self.keep = keep
        self.by = by
        self.classifies = classifies
        self.seed = seed

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Learn each feature's importance."""
        values = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        targets = np.asarray(y).reshape(len(y), -1)
        by_trees = self.by == Importance.TREES
        self.scores_ = self._by_trees(values, targets) if by_trees else self._told(values, targets)
        count = np.ceil(self.keep * len(self.scores_)) if self.keep < 1 else self.keep
        best = np.argsort(-self.scores_, kind="stable")[: int(count)]
        self.kept_ = np.isin(np.arange(len(self.scores_)), best)
        return self

    def _by_trees(self, values: Any, targets: NDArray[Any]) -> NDArray[np.float64]:
        kind = ExtraTreesClassifier if self.classifies else ExtraTreesRegressor
        trees = kind(_TREES, random_state=self.seed)
        trees.fit(values, targets.ravel() if targets.shape[1] == 1 else targets)
        scores: NDArray[np.float64] = trees.feature_importances_
        return scores

    def _told(self, values: Any, targets: NDArray[Any]) -> NDArray[np.float64]:
        """Mutual information with the targets, their mean where there are several."""
        information = mutual_info_classif if self.classifies else mutual_info_regression
        scores = np.zeros(values.shape[1])
        for start in range(0, values.shape[1], _CHUNK):
            chunk = values[:, start : start + _CHUNK]
            dense = chunk.toarray() if sparse.issparse(chunk) else chunk.copy()
            is_binary = _codes_of_pairs(dense)
            for target in targets.T:
                scores[start : start + _CHUNK] += information(
                    dense, target, discrete_features=is_binary, random_state=self.seed
                )
        means: NDArray[np.float64] = scores / targets.shape[1]
        return means

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        kept: NDArray[np.bool_] = self.kept_
        return kept


def _time_of_day(moments: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Microseconds since midnight."""
    since: NDArray[np.int64] = moments.astype(np.int64) % _MICROSECONDS_A_DAY
    return since


def _codes_of_pairs(dense: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which columns have two values at most; these become 0 and 1 in place."""
    is_binary = np.zeros(dense.shape[1], dtype=np.bool_)
    for place, column in enumerate(dense.T):
        found, codes = np.unique(column, return_inverse=True)
        if len(found) <= 2:
            is_binary[place] = True
            dense[:, place] = codes
    return is_binary


def _correlations(values: Any) -> NDArray[np.float64]:
    """Absolute values of Pearson's coefficients, 0 for what does not vary, shape (columns,) * 2."""
    rows = values.shape[0]
    if sparse.issparse(values):
        means = np.asarray(values.mean(axis=0)).ravel()
        products = (values.T @ values).toarray() / rows - np.outer(means, means)
    else:
        centred = values - values.mean(axis=0)
        products = centred.T @ centred / rows
    spread = np.sqrt(np.clip(np.diag(products), 0, None))
    varies = spread > 1e-12
    scale = np.where(varies, spread, 1.0)
    related: NDArray[np.float64] = np.abs(products / np.outer(scale, scale))
    return related * np.outer(varies, varies)
