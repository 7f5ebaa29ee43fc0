"""What is there twice, exactly or nearly."""

from classmark.datasets.profiling.copies import CopyCounts
from classmark.datasets.profiling.profile import Duplicates
from classmark.documents import Document, content_id

WORDS = " ".join(f"word{number}" for number in range(60))


def found_in(*documents: Document, parts: str = "") -> Duplicates:
    copies = CopyCounts()
    for place, document in enumerate(documents):
        copies.add(document, parts[place : place + 1])
    return copies.found()


def test_ways_of_being_equal_are_counted_apart() -> None:
    found = found_in(
        Document("1", "one", title="First"),
        Document("1", "two"),
        Document("2", "three", title="FIRST!"),
        Document("3", "One."),
        Document("4", "four"),
    )
    assert found.exact == {"same id": 1, "same title": 1, "same text": 1}
    assert (found.contradicting, found.near, found.straddling) == (0, 0, 0)


def test_an_id_that_was_made_from_the_text_says_that_the_text_is_equal() -> None:
    same = Document(content_id("one"), "one")
    assert found_in(same, same).exact == {"same text": 1}


def test_a_copy_with_another_label_contradicts_and_is_shown_first() -> None:
    agreeing = [Document(f"agrees {n}", "one", "db") for n in range(7)]
    found = found_in(*agreeing, Document("other", "one", "ai"), Document("none", "one", None))
    assert found.contradicting == 1
    assert sum(found.exact.values()) == 8
    assert len(found.examples) == 5
    first = found.examples[0]
    assert (first.id, first.label, first.original_id, first.original_label) == (
        *("other", "ai"),
        *("agrees 0", "db"),
    )
    assert first.alike == "same text"


def test_near_copies_are_counted_apart_from_exact_ones() -> None:
    found = found_in(
        Document("1", WORDS),
        Document("2", f"{WORDS} changed"),
        Document("3", WORDS),
        Document("4", "something else altogether that shares nothing"),
    )
    assert found.exact == {"same text": 1}
    assert found.near == 1
    (pair,) = found.near_examples
    assert (pair.id, pair.original_id) == ("2", "1")
    assert pair.alike.endswith("% alike")


def test_near_copies_in_two_parts_straddle_and_those_in_one_do_not() -> None:
    near = [Document(str(n), f"{WORDS} number{n}") for n in range(3)]
    assert found_in(*near, parts="aaa").straddling == 0
    assert found_in(*near, parts="aab").straddling == 3


def test_of_nothing_there_are_no_copies() -> None:
    assert found_in() == Duplicates({}, 0, 0, 0, (), ())
