"""What is read of a text that is longer than a model's input.

The same code cuts in training and in serving, so that a model is asked what it learned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

# Of a text that is cut to head and tail, the share of tokens that come from its head: Sun et al.
# (2019) found 128 of 510 best.
_HEAD_SHARE = 0.25
# A text of more windows than these is read from its beginning so far: an answer has to end.
_MOST_WINDOWS = 16


class LongTexts(StrEnum):
    """How a text is read that has more tokens than fit.

    The head alone; head and tail, three quarters of them from the end; or all of it in windows,
    whose probabilities are averaged.
    """

    HEAD = "head"
    HEAD_TAIL = "head-tail"
    WINDOWS = "windows"


@dataclass(frozen=True, slots=True)
class WindowCutter:
    """Cuts texts into inputs of a model.

    Attributes:
        tokenizer: Of the `tokenizers` library, neither truncating nor padding.
        max_tokens: Of an input, special tokens too.
        long_texts: What becomes of longer ones.
        before: Special tokens that begin an input.
        after: Special tokens that end it.
        blank: What stands for a text without tokens, where there are no special ones either.
    """

    tokenizer: Any
    max_tokens: int
    long_texts: LongTexts
    before: tuple[int, ...]
    after: tuple[int, ...]
    blank: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Any, max_tokens: int, long_texts: LongTexts) -> "WindowCutter":
        """The cutter of a tokenizer, which is set to neither truncate nor pad."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        # Between the special tokens stands what the letter became.
        encoded = tokenizer.encode("a")
        special = list(encoded.special_tokens_mask)
        first = special.index(0) if 0 in special else len(special)
        last = len(special) - special[::-1].index(0) if 0 in special else len(special)
        before, after = tuple(encoded.ids[:first]), tuple(encoded.ids[last:])
        blank = () if before or after else tuple(tokenizer.encode(".").ids)
        return cls(tokenizer, max_tokens, long_texts, before, after, blank)

    def windows(self, text: str) -> list[list[int]]:
        """The inputs that stand for a text: one, or several where it is read in windows."""
        tokens = self.tokenizer.encode(text, add_special_tokens=False).ids or self.blank
        return [[*self.before, *piece, *self.after] for piece in self.cut(tokens)]

    def cut(self, tokens: Sequence[int]) -> list[Sequence[int]]:
        """What is read of a text's tokens, or of their places: for each input, without specials."""
        room = self.max_tokens - len(self.before) - len(self.after)
        if len(tokens) <= room or self.long_texts is LongTexts.HEAD:
            return [tokens[:room]]
        if self.long_texts is LongTexts.HEAD_TAIL:
            head = int(room * _HEAD_SHARE)
            return [[*tokens[:head], *tokens[head - room :]]]
        count = min(-(-len(tokens) // room), _MOST_WINDOWS)
        if count == _MOST_WINDOWS:
            return [tokens[start : start + room] for start in range(0, count * room, room)]
        # Windows of the same length: a last one of a few words would have the same say.
        ends = [len(tokens) * number // count for number in range(count + 1)]
        return [tokens[start:end] for start, end in pairwise(ends)]
