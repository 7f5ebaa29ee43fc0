"""Features as families take them: within bounds, and what is missing where they ask for it."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from classmark.datasets import (
    Conventions,
    Kind,
    PreparedTable,
    Selection,
    TableRecipe,
    TableSource,
    prepare_table,
)
from classmark.models.tables.features import features_of

ROWS = 60


def prepared(frame: pd.DataFrame, **made: object) -> PreparedTable:
    recipe = TableRecipe(("y",), **made)  # type: ignore[arg-type]
    return prepare_table("t", TableSource(frame, {"name": "t"}), recipe, now=datetime.now(UTC))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "height": np.where(rng.random(ROWS) < 0.3, np.nan, rng.normal(170, 9, ROWS)),
            "smokes": pd.Series(rng.choice(["yes", "no", ""], ROWS)).replace("", None),
            "town": rng.choice(["Ulm", "Bonn"], ROWS),
            "y": rng.choice(["a", "b"], ROWS),
        }
    )


def test_what_is_missing_is_nan_again_for_who_asks(frame: pd.DataFrame) -> None:
    table = prepared(frame)
    rows = table.table.parts["train"]
    filled = features_of(rows, table.pipeline, keeps_missing=False)
    kept = features_of(rows, table.pipeline, keeps_missing=True)
    names = list(table.pipeline.names)
    for column, name in (("height", "numeric__height"), ("smokes", "boolean__smokes")):
        place = names.index(name)
        assert np.isnan(kept[:, place]).tolist() == rows[column].isna().tolist()
        assert rows[column].isna().any()
    assert np.isfinite(filled).all()
    known = ~np.isnan(kept)
    assert np.array_equal(filled[known], kept[known])
    assert known.sum() == kept.size - rows[["height", "smokes"]].isna().to_numpy().sum()


def test_a_feature_that_was_not_selected_has_no_gaps(frame: pd.DataFrame) -> None:
    table = prepared(frame, selection=Selection(variance=0.9))
    rows = table.table.parts["train"]
    assert np.isfinite(features_of(rows, table.pipeline, keeps_missing=True)).all()


def test_sparse_features_keep_their_gaps(frame: pd.DataFrame) -> None:
    words = [f"word{place} other{place % 7} more{place % 11}" for place in range(ROWS)]
    kinds = Conventions(kinds=(("said", Kind.TEXT),))
    table = prepared(frame.assign(said=words), conventions=kinds)
    rows = table.table.parts["train"]
    kept = features_of(rows, table.pipeline, keeps_missing=True)
    assert sparse.issparse(kept)
    place = list(table.pipeline.names).index("numeric__height")
    gaps = np.isnan(kept.toarray()[:, place])
    assert gaps.tolist() == rows["height"].isna().tolist()


def test_features_lie_within_what_32_bits_can_hold(frame: pd.DataFrame) -> None:
    table = prepared(frame)
    rows = table.table.parts["test"].assign(height=1e99)
    values = features_of(rows, table.pipeline, keeps_missing=False)
    assert values.max() == 1e6
    assert np.isfinite(values.astype(np.float32)).all()
