"""Who learns, who tunes, who tests: stratified, and stable under the order of rows."""

from collections import Counter
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from classmark.datasets import PARTS, Split, checked_ratios, split
from classmark.datasets.splitting import Ratios, sampled_per_class, seeded_key
from classmark.datasets.stratification import Rows
from classmark.documents import Document
from classmark.errors import RecordError, SettingError

USUAL: Ratios = (0.8, 0.1, 0.1)
counts_by_label = st.dictionaries(
    st.sampled_from(["a", "b", "c", "cs.AI", "ü"]), st.integers(5, 60), min_size=2
)
hundredths = st.tuples(st.integers(1, 98), st.integers(1, 98)).filter(lambda two: sum(two) < 100)
all_ratios = hundredths.map(lambda two: (two[0] / 100, two[1] / 100, (100 - sum(two)) / 100))


def documents_of(counts: dict[str, int]) -> list[Document]:
    return [
        Document(f"{label}/{number}", f"text {number}", label)
        for label, count in counts.items()
        for number in range(count)
    ]


def rows_of(documents: list[Document], seed: int) -> Rows:
    names = sorted({document.label or "" for document in documents})
    return Rows(
        names=names,
        labels=np.array([names.index(d.label or "") for d in documents], dtype=np.int32),
        keys=np.array([seeded_key(d.id, seed) for d in documents], dtype=np.uint64),
        groups=np.arange(len(documents), dtype=np.int32),
    )


def stratified_split(
    documents: list[Document], ratios: Ratios, seed: int
) -> dict[str, list[Document]]:
    """Each part's documents, ordered by their keys."""
    parts = split(rows_of(documents, seed), ratios, Split.STRATIFIED).tolist()
    ordered = sorted(
        zip(documents, parts, strict=True), key=lambda pair: seeded_key(pair[0].id, seed)
    )
    return {
        name: [document for document, place in ordered if PARTS[place] == name] for name in PARTS
    }


def sample_of(documents: list[Document], per_class: int, seed: int) -> list[Document]:
    return [documents[i] for i in sampled_per_class(rows_of(documents, seed), per_class)]


def ids(documents: list[Document]) -> list[str]:
    return [document.id for document in documents]


def can_be_shared(count: int, ratios: Ratios) -> bool:
    """Whether each part can have a document and be within one document of its exact share."""
    return any(
        min(first, second, count - first - second) >= 1
        and all(
            abs(size - count * ratio) <= 1 + 1e-9
            for size, ratio in zip((first, second, count - first - second), ratios, strict=True)
        )
        for first, second in product(range(1, count), repeat=2)
    )


@given(counts_by_label, st.integers())
def test_the_parts_together_are_what_was_split(counts: dict[str, int], seed: int) -> None:
    documents = documents_of(counts)
    parts = stratified_split(documents, USUAL, seed)
    assert list(parts) == list(PARTS) == ["train", "val", "test"]
    assert sorted(ids([d for part in parts.values() for d in part])) == sorted(ids(documents))


@given(counts_by_label, all_ratios, st.integers(0, 99))
def test_each_part_has_its_share_of_each_label_within_one_document(
    counts: dict[str, int], ratios: Ratios, seed: int
) -> None:
    assume(all(can_be_shared(count, ratios) for count in counts.values()))
    parts = stratified_split(documents_of(counts), ratios, seed)
    for (part, documents), ratio in zip(parts.items(), ratios, strict=True):
        found = Counter(document.label for document in documents)
        for label, count in counts.items():
            assert found[label] >= 1, (part, label)
            assert abs(found[label] - count * ratio) <= 1 + 1e-9, (part, label)


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (5, (3, 1, 1)),
        (9, (7, 1, 1)),
        (10, (8, 1, 1)),
        (14, (11, 2, 1)),
        (15, (12, 2, 1)),
        (20, (16, 2, 2)),
        (1000, (800, 100, 100)),
        (100_000, (80_000, 10_000, 10_000)),
    ],
)
def test_shares_are_rounded_by_largest_remainder(count: int, sizes: tuple[int, ...]) -> None:
    parts = stratified_split(documents_of({"a": count, "b": 10}), USUAL, seed=1)
    assert tuple(sum(d.label == "a" for d in part) for part in parts.values()) == sizes


@given(counts_by_label, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_plays_no_part(counts: dict[str, int], random: Random) -> None:
    documents = documents_of(counts)
    shuffled = random.sample(documents, len(documents))
    assert stratified_split(shuffled, USUAL, 42) == stratified_split(documents, USUAL, 42)


def test_another_seed_gives_another_split() -> None:
    documents = documents_of({"a": 50, "b": 50})
    tests = {tuple(ids(stratified_split(documents, USUAL, seed)["test"])) for seed in range(20)}
    assert len(tests) == 20
    assert len({frozenset(test) for test in tests}) == 20


def test_over_many_seeds_every_document_is_tested_alike() -> None:
    documents = documents_of({"a": 20, "b": 20})
    tested = Counter(
        document.id
        for seed in range(500)
        for document in stratified_split(documents, USUAL, seed)["test"]
    )
    assert len(tested) == 40
    assert 20 <= min(tested.values()) <= max(tested.values()) <= 85  # 50 expected, 5 sigma


def test_a_part_is_not_sorted_by_label() -> None:
    train = stratified_split(documents_of({"a": 50, "b": 50}), USUAL, 42)["train"]
    assert len({document.label for document in train[:20]}) == 2


def test_adding_documents_of_one_label_moves_none_of_another() -> None:
    few = stratified_split(documents_of({"a": 20, "b": 20}), USUAL, 42)
    more = stratified_split(documents_of({"a": 20, "b": 35, "c": 9}), USUAL, 42)
    for part in PARTS:
        assert {d.id for d in few[part] if d.label == "a"} == {
            d.id for d in more[part] if d.label == "a"
        }


@given(st.integers(1, 40), all_ratios)
def test_a_label_is_refused_only_if_it_can_t_be_in_every_part(count: int, ratios: Ratios) -> None:
    documents = documents_of({"few": count, "many": 100})
    if can_be_shared(count, ratios):
        stratified_split(documents, ratios, 42)
    else:
        with pytest.raises(RecordError, match=rf"few \({count}\)"):
            stratified_split(documents, ratios, 42)


def test_all_labels_with_too_few_documents_are_named() -> None:
    with pytest.raises(RecordError, match=r"b \(2\), d \(4\)\."):
        stratified_split(documents_of({"d": 4, "c": 5, "b": 2, "a": 9}), USUAL, 42)


@pytest.mark.parametrize("counts", [{"a": 50}, {}])
def test_one_class_is_not_enough(counts: dict[str, int]) -> None:
    with pytest.raises(RecordError, match="needs two"):
        stratified_split(documents_of(counts), USUAL, 42)


@pytest.mark.parametrize("ratios", [(0.8, 0.1, 0.1), (0.7, 0.15, 0.15), (1 / 3, 1 / 3, 1 / 3)])
def test_three_positive_shares_of_one_are_ratios(ratios: Ratios) -> None:
    assert checked_ratios(list(ratios)) == ratios


@pytest.mark.parametrize(
    "ratios",
    [
        *([], [1.0], [0.9, 0.1], [0.4, 0.3, 0.2, 0.1]),
        *([0.8, 0.2, 0.0], [1.2, -0.1, -0.1], [0.8, 0.1, 0.2], [80, 10, 10]),
        *([float("nan"), 0.5, 0.5], [0.5, float("nan"), 0.5], [float("inf"), 0.1, 0.1]),
    ],
)
def test_other_ratios_are_refused(ratios: list[float]) -> None:
    with pytest.raises(SettingError, match="sum to 1"):
        checked_ratios(ratios)


@given(counts_by_label, st.integers(1, 30), st.randoms(use_true_random=False))
def test_a_sample_has_at_most_so_many_of_each_label_whatever_their_order(
    counts: dict[str, int], per_class: int, random: Random
) -> None:
    documents = documents_of(counts)
    taken = sample_of(documents, per_class, seed=42)
    assert Counter(d.label for d in taken) == {
        label: min(count, per_class) for label, count in counts.items()
    }
    again = sample_of(random.sample(documents, len(documents)), per_class, seed=42)
    assert set(ids(again)) == set(ids(taken))


def test_a_larger_sample_holds_the_smaller_one() -> None:
    documents = documents_of({"a": 40, "b": 40})
    small = sample_of(documents, 10, seed=42)
    large = sample_of(documents, 20, seed=42)
    assert set(ids(small)) < set(ids(large))
    assert set(ids(small)) != set(ids(sample_of(documents, 10, seed=43)))


def test_the_seeded_order_is_the_same_on_every_machine() -> None:
    ordered = sorted(documents_of({"a": 6}), key=lambda d: seeded_key(d.id, 42))
    assert ids(ordered) == ["a/1", "a/3", "a/5", "a/0", "a/2", "a/4"]
