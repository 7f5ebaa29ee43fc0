"""Pieces: every word of what a model reads can be taken out, and nothing else is touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.evaluation.explanation.pieces import CutText, cut_text, words_of


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in words_of(text)]


def shown(text: str, cut: CutText) -> list[str]:
    return [text[start:end] for start, end in cut.spans]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Joins, in SQL-92.", ["Joins", "in", "SQL", "92"]),
        ("don't we\u2019ll 'quoted'", ["don't", "we\u2019ll", "quoted"]),
        ("snake_case x", ["snake_case", "x"]),
        ("हिन्दी में लिखा", ["हिन्दी", "में", "लिखा"]),
        ("क्या é", ["क्या", "é"]),
        ("日本語abcかな", ["日", "本", "語", "abc", "か", "な"]),
        ("Ελληνικά по-русски العربية", ["Ελληνικά", "по", "русски", "العربية"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("<b>bold</b> & more", ["b", "bold", "b", "more"]),
        ("?!", ["?!"]),
        ("a\0b", ["a", "b"]),
    ],
)
def test_words_are_found_in_any_script(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_what_stands_behind_a_word_goes_with_it() -> None:
    text = "(An) index, of course."
    cut = cut_text(text, [(0, len(text))], 100)
    assert cut.segments == ("(An) ", "index, ", "of ", "course.")
    assert cut.shortened(np.array([True, False, True, True])) == "(An) of course."
    assert cut.shortened(np.zeros(4, bool)) == ""


@given(st.text(min_size=1, max_size=60), st.integers(1, 12))
def test_all_pieces_together_are_the_text(text: str, most: int) -> None:
    cut = cut_text(text, [(0, len(text))], most)
    assert "".join(cut.segments) == text
    assert len(cut.spans) == len(cut.segments) <= most
    assert cut.words == cut.words_read
    for (start, end), segment in zip(cut.spans, cut.segments, strict=True):
        assert text[start:end] in segment


def test_many_words_are_taken_together() -> None:
    text = " ".join(f"w{number}" for number in range(10))
    cut = cut_text(text, [(0, len(text))], 4)
    assert shown(text, cut) == ["w0 w1 w2", "w3 w4 w5", "w6 w7 w8", "w9"]
    assert cut.words_a_piece == 3


def test_what_is_not_read_is_in_no_piece() -> None:
    text = "one two three four five six"
    read = [(0, 5), (19, len(text))]  # up to within "two", and from "five" on
    cut = cut_text(text, read, 100)
    assert shown(text, cut) == ["one", "two", "five", "six"]
    assert cut.shortened(np.ones(4, bool)) == "one two five six"
    assert (cut.words, cut.words_read) == (6, 4)


def test_no_piece_spans_what_is_not_read() -> None:
    text = "one two three four five six"
    cut = cut_text(text, [(0, 7), (19, len(text))], 1)
    assert shown(text, cut) == ["one two", "five six"]


def test_a_text_of_which_no_word_is_read_is_taken_whole() -> None:
    assert shown("one two", cut_text("one two", [], 100)) == ["one", "two"]
