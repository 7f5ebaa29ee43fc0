"""Near-duplicates are found, and what is not alike is left apart."""

import random
import tracemalloc
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classmark.documents import NearDuplicates, sample_documents
from classmark.documents.near_duplicates import signature

TEXTS = [document.text for document in sample_documents()]


def pairs_of(text: str) -> set[tuple[str, str]]:
    words = text.lower().split()
    return set(pairwise(words))


def similarity(one: str, other: str) -> float:
    first, second = pairs_of(one), pairs_of(other)
    return len(first & second) / len(first | second)


def reworded(text: str, share: float, chance: random.Random) -> str:
    """The text with some of its words, in one run, made other ones."""
    words = text.split()
    count = round(len(words) * share)
    start = chance.randrange(len(words) - count + 1)
    words[start : start + count] = [f"w{chance.getrandbits(32)}" for _ in range(count)]
    return " ".join(words)


def groups(texts: list[str], at_least: float) -> list[int]:
    near = NearDuplicates()
    for text in texts:
        near.add(text)
    return [int(group) for group in near.groups(at_least)]


def plain(text: str) -> str:
    return "".join(c if c.isalnum() else " " for c in text)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.3, 0.5])
def test_equal_positions_tell_the_share_of_common_word_pairs(share: float) -> None:
    chance = random.Random(7)  # noqa: S311 (nothing secret)
    for text in map(plain, TEXTS[::20]):
        other = reworded(text, share, chance)
        told = float((signature(text) == signature(other)).mean())
        # Four standard deviations of a share of 128.
        assert told == pytest.approx(similarity(text, other), abs=0.18)


def test_case_and_punctuation_make_no_difference() -> None:
    assert np.array_equal(
        signature("On shelves: they hold BOOKS!"), signature("on shelves they hold books")
    )


def test_copies_are_grouped_with_their_originals_and_with_nothing_else() -> None:
    chance = random.Random(1)  # noqa: S311 (nothing secret)
    copies = [reworded(text, 0.1, chance) for text in TEXTS]
    found = groups([*TEXTS, *copies], 0.6)
    assert found[len(TEXTS) :] == found[: len(TEXTS)]
    lowest = groups(TEXTS, 0.6)
    assert found[: len(TEXTS)] == lowest


def test_a_chain_of_copies_is_one_group() -> None:
    chance = random.Random(3)  # noqa: S311 (nothing secret)
    chain = [plain(TEXTS[0])]
    for _ in range(5):
        chain.append(reworded(chain[-1], 0.12, chance))
    assert groups([*chain, TEXTS[50]], 0.6) == [0] * 6 + [6]


def test_a_stricter_similarity_splits_groups() -> None:
    chance = random.Random(5)  # noqa: S311 (nothing secret)
    text = plain(TEXTS[0])
    some, many = reworded(text, 0.02, chance), reworded(text, 0.15, chance)
    assert groups([text, some, many], 0.6) == [0, 0, 0]
    assert groups([text, some, many], 0.9) == [0, 0, 2]


def test_links_hold_each_group_together() -> None:
    near = NearDuplicates()
    for text in ("a b c d e f", "a b c d e f", "a b c d e f", "u v w x y z"):
        near.add(text)
    links = list(near.links(0.9))
    assert sorted((one, other) for one, other, _ in links) in ([(0, 1), (0, 2)], [(0, 1), (1, 2)])
    assert {alike for _, _, alike in links} == {1.0}


@pytest.mark.parametrize("texts", [[], ["one"], ["", "", " "], ["...", "!!!"], ["one", "two"]])
def test_texts_of_few_words_are_alike_only_if_they_are_equal(texts: list[str]) -> None:
    assert groups(texts, 0.5) == list(range(len(texts)))


def test_single_words_can_be_equal() -> None:
    assert groups(["one", "One!"], 0.5) == [0, 0]


@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=12))
def test_the_number_of_a_group_is_its_lowest_and_belongs_to_it(letters: list[str]) -> None:
    texts = [f"{letter}1 {letter}2 {letter}3 {letter}4" for letter in letters]
    found = groups(texts, 0.9)
    assert found == [texts.index(text) for text in texts]
    for one, other in combinations(range(len(texts)), 2):
        assert (found[one] == found[other]) == (texts[one] == texts[other])


def test_a_word_as_long_as_a_book_is_no_trouble() -> None:
    assert groups(["x" * 1_000_000, "x" * 1_000_000, "y" * 1_000_000], 0.9) == [0, 0, 2]


@settings(max_examples=6)
@given(st.randoms(use_true_random=False))
def test_the_order_in_which_texts_come_plays_no_part(chance: random.Random) -> None:
    # Templates: half of the words are common, so that bands are shared by many.
    texts = [
        " ".join(["the same words stand here"] * 1 + [f"c{i}" for i in range(20)])
        + " "
        + " ".join(f"w{number}x{i}" for i in range(22))
        for number in range(60)
    ]
    shuffled = chance.sample(texts, len(texts))
    found, again = groups(texts, 0.4), groups(shuffled, 0.4)
    together = {frozenset(t for t, g in zip(texts, found, strict=True) if g == n) for n in found}
    assert together == {
        frozenset(t for t, g in zip(shuffled, again, strict=True) if g == n) for n in again
    }


def test_a_long_text_takes_little_memory() -> None:
    text = "one two three " * 200_000
    tracemalloc.start()
    signature(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The words themselves as Python's texts take most of it; 600,000 times 128 hashes took 600 MB.
    assert peak < 120_000_000
