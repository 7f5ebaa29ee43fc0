"""A text cut into words that can be taken out of it one by one."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

# Scripts without spaces between words: kana and Han. Each character is a word of its own.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CutText:
    """The pieces of a text that a model reads.

    A piece has what follows it up to the next word with it, so that without any piece nothing is
    left, and two words never grow together.

    Attributes:
        spans: Where each piece begins and ends, in the order of the text.
        segments: Each piece with what follows it.
        words: In the whole text.
        words_read: Of these, by the model.
        words_a_piece: At most.
    """

    spans: tuple[Span, ...]
    segments: tuple[str, ...]
    words: int
    words_read: int
    words_a_piece: int

    def shortened(self, kept: NDArray[np.bool_]) -> str:
        """The text of the pieces that are kept, of shape (pieces,)."""
        return "".join(self.segments[place] for place in np.flatnonzero(kept))


def cut_text(text: str, read: Sequence[Span], most: int) -> CutText:
    """The pieces of a text: its words, or so many words in a row that there are about `most`.

    Args:
        text: Clean, and not empty.
        read: The parts that a model reads; what lies outside is in no piece.
        most: Pieces, but for one more at each place where the model leaves something out.
    """
    words = words_of(text)
    runs = [run for run in _runs(words, read, len(text)) if run] or [range(len(words))]
    count = sum(map(len, runs))
    size = ceil(count / most)
    groups = [run[start : start + size] for run in runs for start in range(0, len(run), size)]
    # What stands in front of the first word belongs to it.
    starts = [0, *(start for start, _ in words[1:]), len(text)]
    return CutText(
        tuple((words[group[0]][0], words[group[-1]][1]) for group in groups),
        tuple(text[starts[group[0]] : starts[group[-1] + 1]] for group in groups),
        len(words),
        count,
        size,
    )


def words_of(text: str) -> list[Span]:
    """Where the words of a text begin and end; where it has none, that is all of it.

    A word is a run of letters, digits and the marks upon them, or a single character of a script
    that sets no spaces.
    """
    marks = "".join(char for char in set(text) if unicodedata.category(char)[0] == "M")
    letter = rf"(?:(?![{_UNSPACED}])[\w{re.escape(marks)}])"
    word = re.compile(rf"[{_UNSPACED}]|{letter}+(?:['\u2019]{letter}+)*")
    return [found.span() for found in word.finditer(text)] or [(0, len(text))]


def _runs(words: Sequence[Span], read: Sequence[Span], length: int) -> Iterator[range]:
    """The words that are read, as ranges of neighbours."""
    is_read = np.zeros(length, bool)
    for start, end in read:
        is_read[start:end] = True
    edges = [
        place for place, (one, other) in enumerate(pairwise(_flags(words, is_read))) if one != other
    ]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield range(start, end)


def _flags(words: Sequence[Span], is_read: NDArray[np.bool_]) -> Iterator[bool]:
    """Whether each word is read, in part at least, between two that are not."""
    yield False
    for start, end in words:
        yield bool(is_read[start:end].any())
    yield False
