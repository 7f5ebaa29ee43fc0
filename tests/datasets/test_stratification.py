"""Groups and rows of several labels are shared out whole and alike."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from classmark.datasets import PARTS, Split, split
from classmark.datasets.splitting import Ratios, seeded_key
from classmark.datasets.stratification import Rows
from classmark.errors import RecordError

USUAL: Ratios = (0.8, 0.1, 0.1)
# Of each row its label and its group; most rows stand alone.
grouped = st.lists(
    st.tuples(st.integers(0, 2), st.one_of(st.none(), st.integers(0, 12))),
    min_size=60,
    max_size=150,
)
several = st.lists(st.sets(st.integers(0, 4), min_size=1, max_size=4), min_size=30, max_size=120)


def keys(count: int, seed: int = 42) -> NDArray[np.uint64]:
    return np.array([seeded_key(str(row), seed) for row in range(count)], dtype=np.uint64)


def grouped_rows(pairs: list[tuple[int, int | None]]) -> Rows:
    groups = [row + 100 if group is None else group for row, (_, group) in enumerate(pairs)]
    labels = [label for label, _ in pairs]
    used = sorted(set(labels))
    return Rows(
        names=[f"label {label}" for label in used],
        labels=np.array([used.index(label) for label in labels], dtype=np.int32),
        keys=keys(len(pairs)),
        groups=np.array(groups, dtype=np.int32),
    )


def labelled_rows(sets: list[set[int]], groups: list[int] | None = None) -> Rows:
    used = sorted(set().union(*sets))
    label_sets = [sorted(used.index(label) for label in row) for row in sets]
    return Rows(
        names=[f"label {label}" for label in used],
        labels=np.array([row[0] for row in label_sets], dtype=np.int32),
        keys=keys(len(sets)),
        groups=np.array(groups or range(len(sets)), dtype=np.int32),
        label_sets=label_sets,
    )


def shuffled(rows: Rows, random: Random) -> tuple[Rows, list[int]]:
    """The rows in another order, their groups numbered anew, and where each came from."""
    order = random.sample(range(len(rows)), len(rows))
    _, groups = np.unique(rows.groups[order], return_inverse=True)
    taken = Rows(
        names=rows.names,
        labels=rows.labels[order],
        keys=rows.keys[order],
        groups=(groups.max() - groups).astype(np.int32),
        label_sets=rows.label_sets and [rows.label_sets[row] for row in order],
    )
    return taken, order


@given(grouped)
def test_a_group_is_never_torn_apart(pairs: list[tuple[int, int | None]]) -> None:
    rows = grouped_rows(pairs)
    try:
        parts = split(rows, USUAL, Split.GROUP)
    except RecordError:
        return
    assert set(parts.tolist()) == {0, 1, 2}
    for group in set(rows.groups.tolist()):
        assert len(set(parts[rows.groups == group].tolist())) == 1


@given(grouped, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_numbers_of_groups_play_no_part(
    pairs: list[tuple[int, int | None]], random: Random
) -> None:
    rows = grouped_rows(pairs)
    other, order = shuffled(rows, random)
    try:
        parts = split(rows, USUAL, Split.STRATIFIED)
    except RecordError:
        with pytest.raises(RecordError):
            split(other, USUAL, Split.STRATIFIED)
    else:
        assert split(other, USUAL, Split.STRATIFIED).tolist() == parts[order].tolist()


@given(st.integers(60, 200), st.integers(1, 10))
def test_small_groups_leave_the_shares_within_one_row(singles: int, pairs: int) -> None:
    labels = [(row % 2, None) for row in range(singles)]
    groups = [(pair % 2, pair) for pair in range(pairs) for _ in range(2)]
    rows = grouped_rows([*labels, *groups])
    parts = split(rows, USUAL, Split.STRATIFIED)
    for label in (0, 1):
        sizes = np.bincount(parts[rows.labels == label], minlength=3)
        assert np.abs(sizes - sizes.sum() * np.array(USUAL)).max() <= 1 + 1e-9


@pytest.mark.parametrize("size", [1, 5, 17])
def test_three_groups_of_a_label_come_into_three_parts(size: int) -> None:
    few = [(0, group) for group in range(3) for _ in range(size)]
    rows = grouped_rows([*few, *[(1, None)] * 40, *[(0, None)] * (5 if size == 1 else 0)])
    parts = split(rows, USUAL, Split.GROUP)
    assert set(parts[rows.labels == 0].tolist()) == {0, 1, 2}


def test_two_groups_can_t_be_in_three_parts() -> None:
    rows = grouped_rows([*[(0, 1)] * 10, *[(0, 2)] * 10, *[(1, None)] * 40])
    with pytest.raises(RecordError, match=r"label 0 \(20\).*") as refused:
        split(rows, USUAL, Split.GROUP)
    assert "copies and groups count once" in refused.value.remedy


def test_a_group_may_hold_several_labels() -> None:
    rows = grouped_rows([(row % 2, row // 4) for row in range(80)])
    parts = split(rows, USUAL, Split.GROUP)
    assert np.bincount(parts).tolist() == [64, 8, 8]
    assert np.bincount(parts[rows.labels == 0]).tolist() == [32, 4, 4]


@given(several)
def test_rows_of_several_labels_are_partitioned(sets: list[set[int]]) -> None:
    rows = labelled_rows([*sets, {0}, {1}])
    parts = split(rows, USUAL, Split.STRATIFIED)
    assert len(parts) == len(rows)
    assert set(parts.tolist()) <= set(range(len(PARTS)))


def test_each_of_several_labels_is_shared_out_alike() -> None:
    chance = Random(11)  # noqa: S311 (nothing secret)
    # Twelve labels from common to rare, one to three a row: as papers with cross-lists have them.
    weights = [2.0**-label for label in range(12)]
    sets = [
        set(chance.choices(range(12), weights=weights, k=chance.randint(1, 3))) for _ in range(4000)
    ]
    rows = labelled_rows(sets)
    parts = split(rows, USUAL, Split.STRATIFIED)
    sizes = np.bincount(parts) / len(rows)
    assert np.abs(sizes - USUAL).max() < 0.01
    for label in range(len(rows.names)):
        has = np.array([label in row for row in rows.label_sets or ()])
        if has.sum() >= 30:
            exact = has.sum() * np.array(USUAL)
            assert np.abs(np.bincount(parts[has], minlength=3) - exact).max() <= 2.5, label


@given(several, st.randoms(use_true_random=False))
def test_several_labels_are_shared_out_whatever_the_order_of_rows(
    sets: list[set[int]], random: Random
) -> None:
    rows = labelled_rows([*sets, {0}, {1}])
    other, order = shuffled(rows, random)
    parts = split(rows, USUAL, Split.STRATIFIED)
    assert split(other, USUAL, Split.STRATIFIED).tolist() == parts[order].tolist()


def test_groups_of_rows_with_several_labels_stay_whole() -> None:
    sets = [{row % 3, 3 + row % 2} for row in range(120)]
    rows = labelled_rows(sets, groups=[row // 3 for row in range(120)])
    parts = split(rows, USUAL, Split.STRATIFIED)
    assert all(len(set(parts[start : start + 3].tolist())) == 1 for start in range(0, 120, 3))
    assert np.abs(np.bincount(parts) / 120 - USUAL).max() < 0.05
