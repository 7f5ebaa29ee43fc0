"""How a text is cut that is longer than a model's input."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from classmark.models.windows import LongTexts, WindowCutter

WORDS = {f"w{number}": number + 10 for number in range(400)}


@pytest.fixture(scope="module")
def bert_like() -> Tokenizer:
    """One token a word, between two special ones."""
    tokenizer = Tokenizer(models.WordLevel({"[S]": 0, "[E]": 1, "[U]": 2, **WORDS}, "[U]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[S] $A [E]", special_tokens=[("[S]", 0), ("[E]", 1)]
    )
    return tokenizer


@pytest.fixture(scope="module")
def gpt_like() -> Tokenizer:
    """One token a word, and nothing around them."""
    tokenizer = Tokenizer(models.WordLevel({"[U]": 2, ".": 3, **WORDS}, "[U]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def text_of(count: int) -> str:
    return " ".join(f"w{number % 400}" for number in range(count))


def ids_of(count: int) -> list[int]:
    return [number % 400 + 10 for number in range(count)]


@pytest.mark.parametrize("long_texts", LongTexts)
def test_a_text_that_fits_is_read_as_the_tokenizer_gives_it(
    bert_like: Tokenizer, long_texts: LongTexts
) -> None:
    cutter = WindowCutter.of(bert_like, 12, long_texts)
    assert cutter.windows(text_of(10)) == [bert_like.encode(text_of(10)).ids]


def test_the_head_is_what_truncation_leaves(bert_like: Tokenizer) -> None:
    cutter = WindowCutter.of(bert_like, 12, LongTexts.HEAD)
    assert cutter.windows(text_of(50)) == [[0, *ids_of(10), 1]]


def test_head_and_tail_take_a_quarter_from_the_beginning(bert_like: Tokenizer) -> None:
    cutter = WindowCutter.of(bert_like, 10, LongTexts.HEAD_TAIL)
    assert cutter.windows(text_of(50)) == [[0, *ids_of(2), *ids_of(50)[-6:], 1]]


@given(count=st.integers(0, 390), room=st.integers(2, 60))
def test_windows_hold_every_token_once_and_are_of_like_length(count: int, room: int) -> None:
    cutter = WindowCutter(_Words(), room + 2, LongTexts.WINDOWS, (0,), (1,), ())
    windows = cutter.windows(text_of(count))
    inner = [window[1:-1] for window in windows]
    read = [token for piece in inner for token in piece]
    assert all(window[0] == 0 and window[-1] == 1 for window in windows)
    assert max(map(len, inner)) <= room
    assert len(windows) <= 16
    assert read == ids_of(count)[: len(read)]
    if count <= 16 * room:
        assert len(read) == count
        assert max(map(len, inner)) - min(map(len, inner)) <= 1
    else:
        assert len(read) == 16 * room


def test_a_text_without_tokens_still_has_an_input(
    bert_like: Tokenizer, gpt_like: Tokenizer
) -> None:
    assert WindowCutter.of(bert_like, 12, LongTexts.HEAD).windows("") == [[0, 1]]
    assert WindowCutter.of(gpt_like, 12, LongTexts.HEAD).windows("") == [[3]]


def test_without_special_tokens_the_whole_input_is_text(gpt_like: Tokenizer) -> None:
    assert WindowCutter.of(gpt_like, 12, LongTexts.HEAD).windows(text_of(50)) == [ids_of(12)]


class _Encoding:
    def __init__(self, ids: Sequence[int]) -> None:
        self.ids = list(ids)


class _Words:
    """A tokenizer of one token a word."""

    def encode(self, text: str, *, add_special_tokens: bool) -> _Encoding:
        assert not add_special_tokens
        return _Encoding([WORDS[word] for word in text.split()])
