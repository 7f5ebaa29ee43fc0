"""Few of many, and how they are shown."""

from hypothesis import given
from hypothesis import strategies as st

from classmark.datasets.profiling.samples import Fewest, excerpt_of, sampling_key
from classmark.documents import Document


@given(st.lists(st.integers(-20, 20)), st.integers(1, 10))
def test_the_least_are_kept_and_of_equals_the_first(keys: list[int], size: int) -> None:
    fewest: Fewest[int] = Fewest(size)
    for place, key in enumerate(keys):
        fewest.add(key, place)
    assert list(fewest.items()) == sorted(range(len(keys)), key=keys.__getitem__)[:size]


def test_what_would_not_be_kept_is_not_wanted() -> None:
    fewest: Fewest[str] = Fewest(1)
    assert fewest.wants(9)
    fewest.add(5, "five")
    assert fewest.wants(4)
    assert not fewest.wants(5)


def test_sampling_is_fair_and_follows_from_the_seed() -> None:
    share = sum(sampling_key(str(number), 1) < 2**63 for number in range(2000)) / 2000
    assert 0.45 < share < 0.55
    assert sampling_key("a", 1) == sampling_key("a", 1) != sampling_key("a", 2)


def test_an_excerpt_is_one_line_that_can_be_printed() -> None:
    found = excerpt_of(Document("1", "one\n two\x00 three\t" + "x" * 999, "db"), 4)
    assert found.text.startswith("one two\ufffd three xxx")
    assert found.text.endswith("x…")
    assert len(found.text) == 300
    assert found.words == 4


def test_the_title_is_not_shown_twice() -> None:
    found = excerpt_of(Document("1", "A title. The abstract.", title="A title"), 4)
    assert (found.title, found.text) == ("A title", "The abstract.")
    assert excerpt_of(Document("1", "A title", title="A title"), 2).text == "A title"
