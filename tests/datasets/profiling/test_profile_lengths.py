"""Lengths of texts, and what so many of them don't exceed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.datasets.profiling.lengths import LengthCounts, Lengths


@given(st.lists(st.integers(0, 999), min_size=1), st.sampled_from([0.05, 0.25, 0.5, 0.95, 1.0]))
def test_a_quantile_is_the_least_length_that_so_many_do_not_exceed(
    words: list[int], share: float
) -> None:
    lengths = Lengths({word: words.count(word) for word in words}, min(words), max(words))
    found = lengths.quantile(share)
    assert sum(word <= found for word in words) >= share * len(words)
    assert sum(word < found for word in words) < share * len(words)
    assert lengths.total == len(words)
    assert lengths.mean == pytest.approx(sum(words) / len(words))


def test_of_no_texts_every_length_is_zero() -> None:
    lengths = Lengths({})
    assert (lengths.total, lengths.mean, lengths.quantile(0.5)) == (0, 0, 0)


@given(st.lists(st.integers(0, 10_000_000), min_size=1))
def test_whatever_the_lengths_they_are_counted_within_one_per_cent(words: list[int]) -> None:
    counts = LengthCounts()
    for number in words:
        counts.add(number)
    found = counts.found()
    assert (found.least, found.most, found.total) == (min(words), max(words), len(words))
    assert found.quantile(0) == min(words)
    middle = sorted(words)[(len(words) - 1) // 2]
    assert found.quantile(0.5) == pytest.approx(middle, rel=0.01)
