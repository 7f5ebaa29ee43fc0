"""How long texts are, counted in bounded memory."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

# Below it each length is counted for itself.
_EXACT_WORDS = 1000


@dataclass(frozen=True)
class Lengths:
    """How long texts are, in words that stand between white space.

    From 1,000 words on lengths are kept to three digits, but for the least and the most.

    Attributes:
        documents: How many texts have which length.
        least: Of the shortest text; 0 if there is none.
        most: Of the longest text; 0 if there is none.
    """

    documents: Mapping[int, int]
    least: int = 0
    most: int = 0

    @cached_property
    def total(self) -> int:
        """How many texts there are."""
        return sum(self.documents.values())

    @cached_property
    def mean(self) -> float:
        """Words of a text on average; 0 if there is none."""
        return sum(words * count for words, count in self.documents.items()) / max(self.total, 1)

    def quantile(self, share: float) -> int:
        """The least length that at least this share of the texts does not exceed."""
        reached = 0
        for words in sorted(self.documents):
            reached += self.documents[words]
            if reached >= share * self.total:
                return min(max(words, self.least), self.most)
        return self.most


class LengthCounts:
    """Counts texts by their length."""

    def __init__(self) -> None:
        self._documents: Counter[int] = Counter()
        self._least: int | None = None
        self._most = 0

    def add(self, words: int) -> None:
        """Take the next text's words."""
        unit = 1
        while words // unit >= _EXACT_WORDS:
            unit *= 10
        self._documents[words // unit * unit] += 1
        self._least = words if self._least is None else min(self._least, words)
        self._most = max(self._most, words)

    def found(self) -> Lengths:
        """What was counted."""
        return Lengths(dict(sorted(self._documents.items())), self._least or 0, self._most)
