"""From columns to features: which steps each kind of column goes through, as scikit-learn has them.

Everything that is learned (medians, fences, scales, categories, terms, what is selected) is learned
by `fit`, and so from the rows that are given to it alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from classmark.datasets.tables.columns import Column, Kind
from classmark.datasets.tables.feature_steps import (
    CorrelationFilter,
    DateParts,
    ImportanceFilter,
    OutlierClipper,
)
from classmark.datasets.tables.recipe import Selection

# Categories of fewer rows share one feature.
_ROWS_A_CATEGORY = 5
_MOST_TERMS = 2000
_MISSING_CATEGORY = "(missing)"
# Where fewer values than this differ from 0, features are sparse.
_SPARSE_BELOW = 0.3


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """What features are made of, and how.

    Attributes:
        columns: Those that features are made of.
        clips: Whether outliers are drawn to the fences.
        selection: Which features are kept.
        classifies: Whether the target is a class.
        seed: Of whatever is random.
    """

    columns: tuple[Column, ...]
    clips: bool = False
    selection: Selection = field(default_factory=Selection)
    classifies: bool = True
    seed: int = 42


def unfitted(plan: FeaturePlan) -> Pipeline:
    """The steps of a plan, which have learned nothing yet."""
    steps: list[tuple[str, Any]] = [
        ("columns", ColumnTransformer(_by_kind(plan), sparse_threshold=_SPARSE_BELOW))
    ]
    selection = plan.selection
    if selection.correlation is not None:
        steps.append(("correlation", CorrelationFilter(selection.correlation)))
    if selection.most_important is not None:
        steps.append(
            (
                "importance",
                ImportanceFilter(
                    selection.most_important,
                    selection.importance.value,
                    classifies=plan.classifies,
                    seed=plan.seed,
                ),
            )
        )
    if selection.variance is not None:
        # The solver that takes sparse features too, and gives the same for the same input.
        steps.append(("components", PCA(selection.variance, svd_solver="covariance_eigh")))
    return Pipeline(steps)


def _by_kind(plan: FeaturePlan) -> list[tuple[str, Any, Any]]:
    makers = {
        Kind.NUMERIC: lambda: _numeric(clips=plan.clips),
        Kind.BOOLEAN: _boolean,
        Kind.CATEGORICAL: _categorical,
        Kind.DATE: _dated,
    }
    found = [(kind.value, make(), _names(plan.columns, kind)) for kind, make in makers.items()]
    texts = [
        # scikit-learn sets step and feature apart by two underscores: none may stand in a name.
        (f"text{number}:{name.replace('__', '_')}", _text(), name)
        for number, name in enumerate(_names(plan.columns, Kind.TEXT), 1)
    ]
    return [*(step for step in found if step[2]), *texts]


def _names(columns: Sequence[Column], kind: Kind) -> list[str]:
    return [column.name for column in columns if column.kind is kind]


def _numeric(*, clips: bool) -> Pipeline:
    clipping = [("clip", OutlierClipper())] if clips else []
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    return Pipeline([*clipping, ("impute", imputer), ("scale", StandardScaler())])


def _boolean() -> SimpleImputer:
    return SimpleImputer(strategy="most_frequent", add_indicator=True, keep_empty_features=True)


def _categorical() -> Pipeline:
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="constant", fill_value=_MISSING_CATEGORY)),
            (
                "encode",
                OneHotEncoder(min_frequency=_ROWS_A_CATEGORY, handle_unknown="infrequent_if_exist"),
            ),
        ]
    )


def _dated() -> Pipeline:
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return Pipeline([("parts", DateParts()), ("impute", imputer), ("scale", StandardScaler())])


def _text() -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, max_features=_MOST_TERMS)
