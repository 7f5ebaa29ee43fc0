"""Features: fitted on train alone, named, and the same after a round trip through a file."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from skops import io

from classmark.datasets import FeaturePipeline, Importance, Selection
from classmark.datasets.tables.columns import Column, Kind
from classmark.datasets.tables.feature_columns import FeaturePlan
from classmark.errors import RecordError, SourceError, TamperedVersionError

COLUMNS = (
    Column("age", Kind.NUMERIC),
    Column("is_open", Kind.BOOLEAN, truths=("yes", "no")),
    Column("colour", Kind.CATEGORICAL),
    Column("seen", Kind.DATE),
    Column("the__note", Kind.TEXT),
)


def rows_of(count: int, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": [None if i % 10 == 3 else f"{random.normal(40, 9):.3f}" for i in range(count)],
            "is_open": random.choice(["yes", "no"], count),
            "colour": [
                None if i % 9 == 4 else ["red", "green", "blue"][i % 3] for i in range(count)
            ],
            "seen": [
                f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d} {i % 24:02d}:30" for i in range(count)
            ],
            "the__note": [f"some words of row {'odd' if i % 2 else 'even'}" for i in range(count)],
        },
        dtype=object,
    )


def classes_of(count: int) -> pd.DataFrame:
    return pd.DataFrame({"y": [["a", "b"][number % 2] for number in range(count)]})


def fitted(plan: FeaturePlan | None = None, count: int = 120) -> FeaturePipeline:
    return FeaturePipeline.fitted(rows_of(count), classes_of(count), plan or FeaturePlan(COLUMNS))


def dense(values: Any) -> NDArray[np.float64]:
    return np.asarray(values.toarray() if sparse.issparse(values) else values)


def table_of(values: NDArray[np.float64]) -> tuple[tuple[Column, ...], pd.DataFrame]:
    names = [f"x{number}" for number in range(values.shape[1])]
    columns = tuple(Column(name, Kind.NUMERIC) for name in names)
    return columns, pd.DataFrame(values, columns=names)


def test_every_feature_has_a_name_of_its_own() -> None:
    pipeline = fitted()
    values = dense(pipeline.features(rows_of(30, seed=2)))
    assert values.shape == (30, len(pipeline.names))
    assert len(set(pipeline.names)) == len(pipeline.names)
    assert np.isfinite(values).all()
    assert {
        *("numeric__age", "numeric__missingindicator_age", "boolean__is_open"),
        *("categorical__colour_(missing)", "categorical__colour_red", "date__seen_elapsed_days"),
        *("date__seen_hour_sin", "date__seen_month_cos", "text1:the_note__even"),
    } <= set(pipeline.names)


SELECTIONS = [
    Selection(),
    Selection(correlation=0.9),
    Selection(most_important=5),
    Selection(most_important=0.4, importance=Importance.MUTUAL_INFORMATION),
    Selection(variance=0.9),
    Selection(correlation=0.95, most_important=0.5, variance=0.8),
]


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
@pytest.mark.parametrize("clips", [False, True])
def test_a_round_trip_gives_the_very_same_bits(
    selection: Selection, clips: bool, tmp_path: Path
) -> None:
    pipeline = fitted(FeaturePlan(COLUMNS, clips=clips, selection=selection))
    pipeline.save(tmp_path / "features.skops")
    loaded = FeaturePipeline.load(tmp_path / "features.skops")
    unseen = rows_of(50, seed=3)
    before, after = dense(pipeline.features(unseen)), dense(loaded.features(unseen))
    assert before.tobytes() == after.tobytes()
    assert before.dtype == np.float64
    assert loaded.names == pipeline.names
    assert loaded.columns == pipeline.columns


def test_two_fits_give_the_very_same_bits() -> None:
    plan = FeaturePlan(COLUMNS, selection=Selection(correlation=0.9, most_important=6))
    one, other = fitted(plan), fitted(plan)
    assert (
        dense(one.features(rows_of(20))).tobytes() == dense(other.features(rows_of(20))).tobytes()
    )


def test_a_row_s_features_do_not_depend_on_its_neighbours() -> None:
    pipeline = fitted()
    rows = rows_of(40, seed=4)
    together = dense(pipeline.features(rows))
    alone = np.vstack([dense(pipeline.features(rows.iloc[[place]])) for place in range(40)])
    np.testing.assert_array_equal(together, alone)


def test_values_never_seen_and_missing_values_are_taken() -> None:
    pipeline = fitted()
    strange = pd.DataFrame(
        [[None, None, "octarine", None, None], ["1e99", "no", None, "1999-01-01", "new words"]],
        columns=[column.name for column in COLUMNS],
        dtype=object,
    )
    assert np.isfinite(dense(pipeline.features(strange))).all()


def test_typed_and_written_rows_give_the_same_features() -> None:
    columns = (Column("n", Kind.NUMERIC), Column("d", Kind.DATE))
    written = pd.DataFrame({"n": ["1", "2.5", None], "d": ["2024-01-02", "2024-03-04", None]})
    typed = pd.DataFrame(
        {
            "n": [1, 2.5, None],
            "d": pd.Series(["2024-01-02", "2024-03-04", None], dtype="datetime64[us]"),
        }
    )
    pipeline = FeaturePipeline.fitted(written, classes_of(3), FeaturePlan(columns))
    np.testing.assert_array_equal(pipeline.features(written), pipeline.features(typed))


def test_a_cell_of_another_kind_is_refused_with_its_row() -> None:
    rows = rows_of(5)
    rows.loc[2, "age"] = "old"
    with pytest.raises(RecordError, match=r"'age' holds numeric values, but row 3 has 'old'"):
        fitted().features(rows)
    with pytest.raises(RecordError, match="no column 'colour'"):
        fitted().features(rows_of(5).drop(columns="colour"))


def test_a_text_without_words_is_refused() -> None:
    columns = (Column("t", Kind.TEXT),)
    rows = pd.DataFrame({"t": ["?", "!", "a b"]})
    with pytest.raises(RecordError, match="no words"):
        FeaturePipeline.fitted(rows, classes_of(3), FeaturePlan(columns))


def test_medians_and_scales_are_those_of_the_fitted_rows() -> None:
    columns, rows = table_of(np.array([[1.0], [2.0], [3.0], [np.nan], [10.0]]))
    pipeline = FeaturePipeline.fitted(rows, classes_of(5), FeaturePlan(columns))
    filled = np.array([1.0, 2.0, 3.0, 2.5, 10.0])
    values = dense(pipeline.features(rows))
    np.testing.assert_allclose(values[:, 0], (filled - filled.mean()) / filled.std())
    assert (values[:, 1] > 0).tolist() == [False, False, False, True, False]


def test_clipping_draws_outliers_to_the_fences_of_the_fitted_rows() -> None:
    train = np.arange(100.0).reshape(-1, 1)
    columns, rows = table_of(train)
    pipeline = FeaturePipeline.fitted(rows, classes_of(100), FeaturePlan(columns, clips=True))
    _, wild = table_of(np.array([[1e6], [-1e6], [50.0]]))
    first, third = np.quantile(train, (0.25, 0.75))
    fences = [third + 1.5 * (third - first), first - 1.5 * (third - first), 50.0]
    expected = StandardScaler().fit(train).transform(np.reshape(fences, (-1, 1)))
    np.testing.assert_allclose(pipeline.features(wild), expected)


def test_of_two_features_that_say_the_same_the_later_goes() -> None:
    random = np.random.default_rng(5)
    first, other = random.normal(size=(2, 200))
    columns, rows = table_of(np.column_stack([first, -3 * first + 1, other, np.ones(200)]))
    plan = FeaturePlan(columns, selection=Selection(correlation=0.95))
    pipeline = FeaturePipeline.fitted(rows, classes_of(200), plan)
    assert pipeline.names == ("numeric__x0", "numeric__x2", "numeric__x3")


@pytest.mark.parametrize("importance", Importance)
@pytest.mark.parametrize("classifies", [True, False])
def test_the_features_that_tell_of_the_target_are_kept(
    importance: Importance, classifies: bool
) -> None:
    random = np.random.default_rng(6)
    values = random.normal(size=(300, 10))
    columns, rows = table_of(values)
    told = values[:, 3] + values[:, 7]
    target = pd.DataFrame({"y": np.where(told > 0, "up", "down") if classifies else told})
    selection = Selection(most_important=2, importance=importance)
    plan = FeaturePlan(columns, selection=selection, classifies=classifies)
    pipeline = FeaturePipeline.fitted(rows, target, plan)
    assert pipeline.names == ("numeric__x3", "numeric__x7")


@pytest.mark.parametrize("importance", Importance)
def test_features_are_chosen_for_all_of_several_targets(importance: Importance) -> None:
    random = np.random.default_rng(7)
    values = random.normal(size=(300, 8))
    columns, rows = table_of(values)
    targets = pd.DataFrame({"a": values[:, 1] > 0, "b": values[:, 5] > 0}).replace(
        {True: "yes", False: "no"}
    )
    plan = FeaturePlan(columns, selection=Selection(most_important=0.25, importance=importance))
    pipeline = FeaturePipeline.fitted(rows, targets, plan)
    assert pipeline.names == ("numeric__x1", "numeric__x5")


def test_components_hold_the_share_of_variance_that_is_asked_for() -> None:
    random = np.random.default_rng(8)
    hidden = random.normal(size=(300, 2))
    columns, rows = table_of(hidden @ random.normal(size=(2, 12)))
    plan = FeaturePlan(columns, selection=Selection(variance=0.999))
    pipeline = FeaturePipeline.fitted(rows, classes_of(300), plan)
    assert pipeline.names == ("pca0", "pca1")


def test_many_terms_stay_sparse_and_are_selected_sparse() -> None:
    rows = pd.DataFrame({"t": [f"alpha{i % 50} beta{i % 40} gamma{i % 2}" for i in range(200)]})
    columns = (Column("t", Kind.TEXT),)
    selection = Selection(correlation=0.99, most_important=2)
    plain = FeaturePipeline.fitted(rows, classes_of(200), FeaturePlan(columns))
    assert sparse.issparse(plain.features(rows))
    plan = FeaturePlan(columns, selection=selection)
    pipeline = FeaturePipeline.fitted(rows, classes_of(200), plan)
    assert "text1:t__gamma0" in pipeline.names


class Intruder:
    """Something that somebody put into a file."""

    def __init__(self) -> None:
        self.command = "rm"


@pytest.mark.parametrize("stranger", [Intruder(), os.path.join, StandardScaler().fit])
def test_a_file_with_another_type_is_refused(stranger: object, tmp_path: Path) -> None:
    path = tmp_path / "features.skops"
    path.write_bytes(io.dumps({"columns": [], "steps": stranger}))
    with pytest.raises(TamperedVersionError, match="types that no feature pipeline has"):
        FeaturePipeline.load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip"])
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "features.skops"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="holds no feature pipeline"):
        FeaturePipeline.load(path)
    path.write_bytes(io.dumps({"other": 1}))
    with pytest.raises(SourceError, match="holds no feature pipeline"):
        FeaturePipeline.load(path)
    with pytest.raises(SourceError):
        FeaturePipeline.load(tmp_path / "none.skops")
