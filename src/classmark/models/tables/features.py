"""Features of rows as a family takes them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from classmark.datasets import FeaturePipeline, Kind, typed

if TYPE_CHECKING:
    import pandas as pd

# Of scaled features. No row of train lies so far out; and in 32 bits, in which some families
# compute, larger ones would be infinite.
_FURTHEST = 1e6
# These have a feature of their own, under their own name.
_FILLED = (Kind.NUMERIC, Kind.BOOLEAN)


def features_of(rows: "pd.DataFrame", pipeline: FeaturePipeline, *, keeps_missing: bool) -> Any:
    """The features of rows, shape (rows, features), dense or sparse (CSR).

    Args:
        rows: With all columns that the pipeline was fitted on.
        pipeline: Makes the features.
        keeps_missing: Whether missing numbers and truths are NaN again, instead of the median or
            the most frequent that the pipeline puts in their place.

    Raises:
        RecordError: A column is missing, or a cell is not what its column holds.
    """
    values: Any = pipeline.features(rows)
    is_sparse = not isinstance(values, np.ndarray)
    cells = values.data if is_sparse else values
    np.clip(cells, -_FURTHEST, _FURTHEST, out=cells)
    gaps = _gaps(rows, pipeline) if keeps_missing else {}
    if gaps and is_sparse:
        return _with_sparse_gaps(values.tocsc(), gaps).tocsr()
    for place, is_missing in gaps.items():
        values[is_missing, place] = np.nan
    return values


def _gaps(rows: "pd.DataFrame", pipeline: FeaturePipeline) -> dict[int, Any]:
    """By feature which rows miss it; features of principal components miss nothing."""
    places = {name: place for place, name in enumerate(pipeline.names)}
    frame = typed(rows, pipeline.columns)
    named = {f"{column.kind}__{column.name}": column for column in pipeline.columns}
    return {
        places[name]: is_missing
        for name, column in named.items()
        if column.kind in _FILLED
        and name in places
        and (is_missing := frame[column.name].isna().to_numpy()).any()
    }


def _with_sparse_gaps(values: Any, gaps: dict[int, Any]) -> Any:
    """The same matrix (CSC) with NaN in the gaps that are stored; XGBoost takes others as missing.

    What a median is scaled to is hardly ever exactly 0, the value that is not stored.
    """
    for place, is_missing in gaps.items():
        stored = slice(values.indptr[place], values.indptr[place + 1])
        values.data[stored][is_missing[values.indices[stored]]] = np.nan
    return values
