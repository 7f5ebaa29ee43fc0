"""Texts that look damaged are counted, others are not."""

import pytest

from classmark.datasets.profiling.oddities import OddityCounts
from classmark.documents import Document, sample_documents

LONG, FEW, MARKUP, GARBLED = (
    "a word of more than 60 characters",
    "letters for less than 60% of their characters",
    "HTML markup or entities",
    "garbled or control characters",
)


def signs_of(*texts: str) -> dict[str, int]:
    oddities = OddityCounts()
    for place, text in enumerate(texts):
        oddities.add(Document(str(place), text), len(text.split()))
    return {oddity.sign: oddity.documents for oddity in oddities.found()}


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("a text with " + "x" * 61, LONG),
        ("ab 12 34 56 78", FEW),
        ("-- %% ##", FEW),
        ("some <b>bold</b> words", MARKUP),
        ("a line<br/>break", MARKUP),
        ('a <a href="x">link</a> here', MARKUP),
        ("fish &amp; chips", MARKUP),
        ("an apostrophe&#39;s code", MARKUP),
        ("une caf\u00c3\u00a9 here", GARBLED),
        ("a lost \ufffd sign", GARBLED),
        ("a bell \x07 rings", GARBLED),
    ],
)
def test_a_damaged_text_shows_its_sign(text: str, sign: str) -> None:
    assert {name for name, count in signs_of(text).items() if count} == {sign}


@pytest.mark.parametrize(
    "text",
    [
        "a text with " + "x" * 60,
        "if a < b and c > d then e",
        "the café of Ångström, AT&T and R&D",
        "これは日本語の文章です。",
        "price: 12.50 euros today only",
        "lines\nand\ttabs\r\nare fine",
        "",
    ],
)
def test_a_sound_text_shows_none(text: str) -> None:
    assert set(signs_of(text).values()) == {0}


def test_no_sample_document_looks_damaged() -> None:
    assert set(signs_of(*(one.text for one in sample_documents())).values()) == {0}


def test_the_first_three_of_each_kind_are_kept() -> None:
    oddities = OddityCounts()
    for number in range(9):
        oddities.add(Document(str(number), "<b>bold</b>"), 1)
    found = {oddity.sign: oddity for oddity in oddities.found()}[MARKUP]
    assert found.documents == 9
    assert [one.id for one in found.examples] == ["0", "1", "2"]
