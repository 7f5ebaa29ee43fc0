"""Terms that set classes apart."""

from math import log, sqrt

import numpy as np
import pytest

from classmark.datasets.profiling.terms import TermCounts
from classmark.documents import sample_documents

FILLER = ["we", "show", "that", "this", "model", "of", "ours", "is", "very", "good"]


def counted(*rows: tuple[str, str | None], **given: int) -> TermCounts:
    terms = TermCounts(**given)
    for text, label in rows:
        terms.add(text, () if label is None else (label,))
    return terms


def two_classes() -> list[tuple[str, str | None]]:
    rng = np.random.default_rng(0)
    rows: list[tuple[str, str | None]] = []
    for label, own in (("db", "query"), ("cv", "image")):
        for _ in range(60):
            noise = [f"noise{rng.integers(200)}" for _ in range(20)]
            rows.append((" ".join([*FILLER, own, *noise]), label))
    return rows


def test_a_planted_term_is_found_in_its_class_alone() -> None:
    terms = counted(*two_classes())
    assert [term.word for term in terms.top("db", 10)] == ["query"]
    (term,) = terms.top("cv", 10)
    assert (term.word, term.share, term.share_elsewhere) == ("image", 1.0, 0.0)
    assert term.z > 3


def test_the_score_is_that_of_the_paper() -> None:
    terms = counted(*two_classes())
    (term,) = terms.top("db", 1)
    each = {
        label: [set(text.split()) for text, other in two_classes() if other == label]
        for label in ("db", "cv")
    }
    here, there = (sum(map(len, each[label])) for label in ("db", "cv"))
    weight = 0.1 * (here + there)
    prior = weight * 60 / (here + there)
    one = log((60 + prior) / (here + weight - 60 - prior))
    other = log(prior / (there + weight - prior))
    assert term.z == pytest.approx((one - other) / sqrt(1 / (60 + prior) + 1 / prior))


def test_a_word_counts_once_a_document() -> None:
    shouting = [("spam " * 1000, "db")]
    assert counted(*two_classes(), *shouting).top("db", 10)[0].word == "query"


def test_words_that_say_nothing_and_single_letters_are_no_terms() -> None:
    rows = [("the of x query", "db")] * 60 + [("image", "cv")] * 60
    assert [term.word for term in counted(*rows).top("db", 10)] == ["query"]


def test_case_is_no_difference_and_any_script_has_words() -> None:
    rows = [("SQL Übung Straße état-major запрос", "db")] * 400 + [("image", "cv")] * 400
    found = {term.word for term in counted(*rows).top("db", 10)}
    assert found == {"sql", "übung", "strasse", "état-major", "запрос"}


def test_documents_without_a_label_are_compared_with_no_class() -> None:
    unlabelled: list[tuple[str, str | None]] = [("query", None)] * 500
    with_them = counted(*two_classes(), *unlabelled)
    assert with_them.top("db", 5) == counted(*two_classes()).top("db", 5)
    assert with_them.vocabulary() == counted(*two_classes()).vocabulary()


def test_one_class_alone_or_none_of_that_name_has_no_terms() -> None:
    terms = counted(*[("query plan", "db")] * 9)
    assert terms.top("db", 5) == terms.top("cv", 5) == ()


def test_the_only_word_of_all_documents_is_no_term() -> None:
    assert counted(("word", "db"), ("word", "db"), ("word", "cv")).top("db", 5) == ()


def test_a_document_of_two_classes_counts_in_both() -> None:
    terms = TermCounts()
    for _ in range(40):
        terms.add("query image", ("db", "cv"))
        terms.add("robot", ("ro",))
    assert {term.word for term in terms.top("db", 5)} == {"query", "image"}
    assert {term.word for term in terms.top("cv", 5)} == {"query", "image"}


def test_different_words_are_counted_but_numbers_and_endless_ones() -> None:
    terms = counted(("Query query 12 3.5 well-known don't " + "x" * 41, "db"))
    found = terms.vocabulary()
    assert (found.words, found.whole) == (3, True)


def test_in_little_memory_the_rarest_words_are_given_up_and_the_terms_stay() -> None:
    rows = [
        (f"{text} only{number}a only{number}b", label)
        for number, (text, label) in enumerate(two_classes() * 10)
    ]
    terms = counted(*rows, most_entries=2000)
    assert not terms.vocabulary().whole
    assert terms.vocabulary().words < 2000
    assert terms.top("db", 1)[0].word == "query"


def test_the_samples_show_what_their_classes_are_about() -> None:
    terms = TermCounts()
    for document in sample_documents():
        terms.add(document.text, (document.label or "",))
    first = {label: [one.word for one in terms.top(label, 3)] for label in ("cs.RO", "cs.CV")}
    assert "robots" in first["cs.RO"]
    assert "image" in first["cs.CV"]
