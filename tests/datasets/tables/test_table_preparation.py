"""From a table to a dataset: nothing lost uncounted, nothing learned from val or test."""

from collections.abc import Callable
from datetime import datetime
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.linear_model import LogisticRegression, Ridge

from classmark.datasets import (
    Conventions,
    FeaturePipeline,
    Importance,
    Kind,
    Outliers,
    PreparedTable,
    Selection,
    TableRecipe,
    TableSource,
    Task,
    prepare_table,
)
from classmark.datasets.tables.feature_columns import FeaturePlan
from classmark.errors import RecordError, SettingError

RECIPE = TableRecipe(("y",))
Load = Callable[..., Any]


@pytest.fixture(scope="module")
def prepared(now: datetime) -> Callable[..., PreparedTable]:
    def made(frame: pd.DataFrame, recipe: TableRecipe = RECIPE) -> PreparedTable:
        return prepare_table("shelf", TableSource(frame, {"name": "test"}), recipe, now=now)

    return made


Prepared = Callable[..., PreparedTable]


def table(rows: int = 200, seed: int = 1) -> pd.DataFrame:
    """Measures, colours and texts, as cells, with a class that follows from them."""
    random = np.random.default_rng(seed)
    width = random.normal(10, 2, rows)
    return pd.DataFrame(
        {
            "width": [f"{value:.4f}" for value in width],
            "height": [f"{value:.4f}" for value in random.normal(5, 1, rows)],
            "colour": random.choice(["red", "green", "blue"], rows),
            "y": np.where(width > 10, "wide", "narrow"),
        },
        dtype=object,
    )


def ids(made: PreparedTable) -> dict[str, list[str]]:
    return {part: rows.index.tolist() for part, rows in made.table.parts.items()}


def dense(values: Any) -> Any:
    return values.toarray() if sparse.issparse(values) else values


@pytest.mark.parametrize(
    ("load", "task", "least"),
    [
        (load_iris, Task.CLASSIFICATION, 0.85),
        (load_wine, Task.CLASSIFICATION, 0.9),
        (load_breast_cancer, Task.CLASSIFICATION, 0.9),
        (load_diabetes, Task.REGRESSION, 0.3),
    ],
)
def test_real_tables_come_to_features_that_a_model_learns_from(
    load: Load, task: Task, least: float, prepared: Prepared
) -> None:
    frame = load(as_frame=True).frame
    made = prepared(frame, TableRecipe(("target",), outliers=Outliers.CLIP))
    assert made.table.task is task
    sizes = made.table.sizes()
    assert sum(sizes.values()) == len(frame.drop_duplicates())
    for part, share in zip(("train", "val", "test"), (0.7, 0.15, 0.15), strict=True):
        assert abs(sizes[part] / sum(sizes.values()) - share) < 0.03
    train, test = made.features("train"), made.features("test")
    model = LogisticRegression(max_iter=2000) if task is Task.CLASSIFICATION else Ridge()
    model.fit(train.values, train.targets)
    assert model.score(test.values, test.targets) > least


def test_the_one_duplicate_of_iris_is_counted(prepared: Prepared) -> None:
    made = prepared(load_iris(as_frame=True).frame, TableRecipe(("target",)))
    assert made.table.findings.dropped == {"duplicate": 1}
    assert made.table.findings.read == 150


def test_every_class_gets_its_share_of_every_part(prepared: Prepared) -> None:
    frame = table(400)
    frame.loc[:19, "y"] = "rare"
    counts = prepared(frame).table.counts()
    assert [counts[part]["y"]["rare"] for part in ("train", "val", "test")] == [14, 3, 3]


def test_planted_missing_values_are_counted(prepared: Prepared) -> None:
    frame = table()
    frame.loc[10:29, "width"] = None
    frame.loc[[5, 6, 7], "colour"] = None
    frame.loc[[0, 1], "y"] = None
    made = prepared(frame)
    assert {column.name: column.missing for column in made.table.columns} == {
        "width": 20,
        "height": 0,
        "colour": 3,
    }
    assert made.table.findings.dropped == {"missing_target": 2}
    assert sum(made.table.sizes().values()) == 198
    assert np.isfinite(dense(made.features("test").values)).all()


def test_planted_duplicates_are_dropped_and_counted(prepared: Prepared) -> None:
    frame = table()
    made = prepared(pd.concat([frame, frame.iloc[:25], frame.iloc[:3]]))
    assert made.table.findings.dropped == {"duplicate": 28}
    assert ids(made) == ids(prepared(frame))


def test_kept_duplicates_are_all_in_one_part(prepared: Prepared) -> None:
    frame = table()
    copied = pd.concat([frame, frame.iloc[:25], frame.iloc[:25]])
    made = prepared(copied, TableRecipe(("y",), keep_duplicates=True))
    assert sum(made.table.sizes().values()) == 250
    contents = {
        part: {tuple(row) for row in rows.to_numpy().tolist()}
        for part, rows in made.table.parts.items()
    }
    assert all(not one & other for one, other in combinations(contents.values(), 2))


def test_rows_of_equal_features_and_other_targets_are_reported_and_stay_together(
    prepared: Prepared,
) -> None:
    frame = table()
    twins = frame.iloc[:30].copy()
    twins["y"] = twins["y"].map({"wide": "narrow", "narrow": "wide"})
    made = prepared(pd.concat([frame, twins]))
    assert made.table.findings.conflicts == 60
    assert made.table.findings.alike == 30
    contents = [
        set(rows[["width", "height", "colour"]].itertuples(index=False, name=None))
        for rows in made.table.parts.values()
    ]
    assert all(not one & other for one, other in combinations(contents, 2))


def test_rows_that_differ_in_their_number_alone_stay_together(prepared: Prepared) -> None:
    frame = table(120)
    numbered = pd.concat([frame, frame.iloc[:40]], ignore_index=True)
    numbered.insert(0, "id", range(160))
    made = prepared(numbered)
    assert made.table.columns[0].kind is Kind.IDENTIFIER
    assert made.table.findings.dropped == {}
    assert made.table.findings.alike == 40
    contents = [set(rows["width"]) for rows in made.table.parts.values()]
    assert all(not one & other for one, other in combinations(contents, 2))


def test_an_identifier_is_seen_through_copies_of_its_rows(prepared: Prepared) -> None:
    frame = table()
    frame.insert(0, "id", [f"r{number}" for number in range(200)])
    made = prepared(pd.concat([frame, frame.iloc[:60]]))
    assert made.table.columns[0].kind is Kind.IDENTIFIER


@settings(max_examples=6)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_plays_no_part(prepared: Prepared, random: Any) -> None:
    frame = table(60)
    order = list(range(60))
    random.shuffle(order)
    one, other = prepared(frame), prepared(frame.iloc[order])
    assert one.table.snapshot_id == other.table.snapshot_id
    assert ids(one) == ids(other)
    first, second = one.features("train"), other.features("train")
    assert dense(first.values).tobytes() == dense(second.values).tobytes()


def test_another_seed_makes_another_split(prepared: Prepared) -> None:
    one, other = prepared(table()), prepared(table(), TableRecipe(("y",), seed=7))
    assert ids(one)["test"] != ids(other)["test"]
    assert one.table.snapshot_id != other.table.snapshot_id


def with_traps(rows: int = 300) -> pd.DataFrame:
    """A table in which whoever looks at all rows learns something else than from train."""
    frame = table(rows)
    random = np.random.default_rng(3)
    frame["spread"] = [f"{value:.3f}" for value in random.lognormal(3, 2, rows)]
    frame.loc[::7, "spread"] = None
    frame["words"] = [f"word{number} of a text that is long" for number in range(rows)]
    return frame


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(correlation=0.5),
        Selection(most_important=12),
        Selection(most_important=12, importance=Importance.MUTUAL_INFORMATION),
        Selection(variance=0.9),
    ],
    ids=str,
)
def test_nothing_is_learned_from_val_or_test(selection: Selection, prepared: Prepared) -> None:
    recipe = TableRecipe(("y",), outliers=Outliers.CLIP, selection=selection)
    made = prepared(with_traps(), recipe)
    plan = FeaturePlan(made.table.used, clips=True, selection=selection)
    parts, rows = made.table.parts, made.table.parts["test"]
    honest = FeaturePipeline.fitted(parts["train"], parts["train"][["y"]], plan)
    everything = pd.concat(list(parts.values()))
    leaky = FeaturePipeline.fitted(everything, everything[["y"]], plan)
    given = dense(made.features("test").values)
    assert given.tobytes() == dense(honest.features(rows)).tobytes()
    # The trap works: a pipeline that looked at all rows gives something else.
    assert given.tobytes() != dense(leaky.features(rows)).tobytes()


def test_the_imputed_value_is_the_median_of_train(prepared: Prepared) -> None:
    frame = with_traps()[["spread", "y"]]
    frame["more"] = [f"{number * 7 % 101}.5" for number in range(300)]
    made = prepared(frame)
    train = made.table.parts["train"]["spread"]
    median, everything = train.median(), pd.to_numeric(frame["spread"]).median()
    assert median != everything
    filled = train.fillna(median)
    scaled = (median - filled.mean()) / filled.std(ddof=0)
    test, rows = made.features("test"), made.table.parts["test"]
    column = dense(test.values)[:, list(test.names).index("numeric__spread")]
    np.testing.assert_allclose(column[rows["spread"].isna()], scaled)


def test_planted_outliers_are_reported_and_dropped_from_train_alone(prepared: Prepared) -> None:
    frame = table(300)
    frame.loc[::10, "height"] = "9000.5"
    kept = prepared(frame)
    dropped = prepared(frame, TableRecipe(("y",), outliers=Outliers.DROP))
    counts = {part: (rows["height"] > 1000).sum() for part, rows in kept.table.parts.items()}
    assert kept.table.findings.outliers.fences["height"].outside >= counts["train"] > 0
    left = {part: (rows["height"] > 1000).sum() for part, rows in dropped.table.parts.items()}
    assert left == counts | {"train": 0}
    assert ids(dropped)["val"] == ids(kept)["val"]
    assert ids(dropped)["test"] == ids(kept)["test"]


def test_clipped_outliers_stay_in_the_rows_and_leave_the_features(prepared: Prepared) -> None:
    frame = table(300)
    frame.loc[::10, "height"] = "9000.5"
    made = prepared(frame, TableRecipe(("y",), outliers=Outliers.CLIP))
    assert (made.table.parts["train"]["height"] > 1000).any()
    features = made.features("train")
    heights = dense(features.values)[:, list(features.names).index("numeric__height")]
    assert heights.max() < 10


@pytest.mark.parametrize(
    ("cells", "task", "kept"),
    [
        ([f"{number}.25" for number in range(90)], Task.REGRESSION, 11.25),
        ([str(number % 30) for number in range(90)], Task.REGRESSION, 11.0),
        ([str(number % 3) for number in range(90)], Task.CLASSIFICATION, "2"),
        (["yes", "No", "yes"] * 30, Task.CLASSIFICATION, "No"),
        ([number % 2 == 0 for number in range(90)], Task.CLASSIFICATION, "false"),
        ([number % 2 * 1.0 for number in range(90)], Task.CLASSIFICATION, "1"),
    ],
)
def test_the_task_follows_from_the_target(
    cells: list[Any], task: Task, kept: object, prepared: Prepared
) -> None:
    frame = table(90).assign(y=cells)
    made = prepared(frame)
    assert made.table.task is task
    targets = np.concatenate([made.features(part).targets for part in made.table.parts])
    assert kept in targets.tolist()


def test_a_number_can_be_predicted_as_a_number_where_it_looks_like_classes(
    prepared: Prepared,
) -> None:
    frame = table(90).assign(y=[str(number % 5) for number in range(90)])
    made = prepared(frame, TableRecipe(("y",), Task.REGRESSION))
    assert made.features("val").targets.dtype == np.float64


def test_low_and_high_values_are_shared_out_alike(prepared: Prepared) -> None:
    frame = load_diabetes(as_frame=True).frame
    parts = prepared(frame, TableRecipe(("target",))).table.parts
    means = [rows["target"].mean() for rows in parts.values()]
    assert max(means) - min(means) < 0.1 * frame["target"].std()


def test_several_targets_are_handed_over_together(prepared: Prepared) -> None:
    frame = table().assign(z=["a", "b", "a", "c"] * 50)
    made = prepared(frame, TableRecipe(("y", "z")))
    features = made.features("val")
    assert features.targets.shape == (made.table.sizes()["val"], 2)
    assert not [name for name in features.names if name.endswith(("__y", "__z"))]


def test_columns_that_say_nothing_are_left_out_and_reported(prepared: Prepared) -> None:
    frame = table().assign(country="NL", nothing=None, key=[f"k{i}" for i in range(200)])
    made = prepared(frame)
    kinds = {column.name: column.kind for column in made.table.columns}
    assert (kinds["country"], kinds["nothing"], kinds["key"]) == (
        Kind.CONSTANT,
        Kind.EMPTY,
        Kind.IDENTIFIER,
    )
    names = " ".join(made.pipeline.names)
    assert not any(name in names for name in ("country", "nothing", "key"))


def test_a_column_without_a_value_in_train_is_left_out(prepared: Prepared) -> None:
    frame = table()
    place = ids(prepared(frame.assign(last=None)))
    widths = prepared(frame.assign(last=None)).table.parts["test"]["width"].iloc[:2].tolist()
    assert place["test"]
    seen = frame["width"].astype(float).isin(widths)
    frame["last"] = ["1.5" if one else None for one in seen]
    for seed in range(40):
        made = prepared(frame, TableRecipe(("y",), seed=seed))
        column = made.table.columns[-1]
        if made.table.parts["train"]["last"].notna().sum() == 0:
            assert (column.kind, column.note) == (Kind.EMPTY, "no value in train")
            assert np.isfinite(dense(made.features("test").values)).all()
            return
    pytest.fail("no seed kept both values out of train")


REFUSED: list[tuple[dict[str, Any], TableRecipe, type[Exception], str]] = [
    ({}, TableRecipe(("z",)), SettingError, "no column 'z' for --target"),
    (
        {},
        TableRecipe(("y",), conventions=Conventions(kinds=(("q", Kind.TEXT),))),
        SettingError,
        "q",
    ),
    ({"y": [f"k{i}" for i in range(60)]}, RECIPE, RecordError, "names its rows"),
    ({"y": [str(i) for i in range(60)]}, RECIPE, RecordError, "names its rows"),
    ({"y": [f"a long text number {i}" for i in range(60)]}, RECIPE, RecordError, "free text"),
    ({"y": ["2024-01-02", "2024-01-03"] * 30}, RECIPE, RecordError, "dates"),
    ({"y": [None] * 60}, RECIPE, RecordError, "no value"),
    ({"y": ["a"] * 60}, RECIPE, RecordError, "a single value"),
    ({"y": ["a"] * 59 + [None]}, RECIPE, RecordError, r"single class \(a\)"),
    ({"y": ["a"] * 30 + ["b"] * 28 + ["c"] * 2}, RECIPE, RecordError, r"too few rows.*c \(2\)"),
    (
        {"y": ["1.5"] * 30 + ["many"] + ["2.5"] * 29},
        TableRecipe(("y",), Task.REGRESSION),
        RecordError,
        "can't be numeric: row 31 'many'",
    ),
    (
        {"width": None, "height": "1", "colour": [f"c{i}" for i in range(60)]},
        RECIPE,
        RecordError,
        r"No column is left.*width \(empty\), height \(constant\), colour \(identifier\)",
    ),
    ({"z": [f"{i}.5" for i in range(60)]}, TableRecipe(("y", "z")), RecordError, "--task"),
]


@pytest.mark.parametrize(("change", "recipe", "kind", "told"), REFUSED)
def test_a_table_that_can_not_be_learned_from_is_refused_with_a_remedy(
    change: dict[str, Any],
    recipe: TableRecipe,
    kind: type[Exception],
    told: str,
    prepared: Prepared,
) -> None:
    with pytest.raises(kind, match=told):
        prepared(table(60).assign(**change), recipe)


def test_a_frame_with_two_columns_of_one_name_is_refused(prepared: Prepared) -> None:
    frame = pd.concat([table(60), table(60)[["width"]]], axis=1)
    with pytest.raises(SettingError, match="two columns of one name: width"):
        prepared(frame)


def test_infinite_numbers_are_missing_and_huge_ones_are_scaled(prepared: Prepared) -> None:
    frame = table().assign(height=np.random.default_rng(2).normal(size=200) * 1e99)
    frame.loc[:4, "height"] = [np.inf, -np.inf, 1e300, -1e300, np.nan]
    selection = Selection(correlation=0.9, most_important=3)
    made = prepared(frame, TableRecipe(("y",), outliers=Outliers.CLIP, selection=selection))
    assert made.table.columns[1].missing == 5
    for part in made.table.parts:
        assert np.isfinite(dense(made.features(part).values)).all()


def test_too_few_rows_to_split_are_refused(prepared: Prepared) -> None:
    frame = pd.DataFrame({"x": [1.5, 2.5], "y": [0.25, 0.75]})
    with pytest.raises(RecordError, match="2 rows are too few"):
        prepared(frame)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: TableRecipe(("y",), ratios=(0.5, 0.2, 0.2)),
        lambda: TableRecipe(()),
        lambda: TableRecipe(("y", "y")),
        lambda: Selection(correlation=1.5),
        lambda: Selection(most_important=0),
        lambda: Selection(most_important=2.5),
        lambda: Selection(variance=0),
    ],
)
def test_a_recipe_that_can_not_be_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(SettingError):
        wrong()


def test_large_integers_that_floats_can_t_tell_apart_are_different_classes(
    prepared: Callable[..., PreparedTable],
) -> None:
    large = [2**53, 2**53 + 1]
    frame = pd.DataFrame({"x": np.arange(60.0) % 7, "y": pd.Series(large * 30, dtype="int64")})
    found = prepared(frame, RECIPE)
    assert set(found.table.parts["train"]["y"]) == {str(number) for number in large}
