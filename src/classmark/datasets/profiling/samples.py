"""Few of many: documents drawn by their ids, and those at the ends of a scale."""

import hashlib
import re
from heapq import heappush, heappushpop
from typing import Generic, TypeVar

from classmark.datasets.profiling.profile import Excerpt
from classmark.documents import Document

T = TypeVar("T")

_CHARACTERS_SHOWN = 300
_CHARACTERS_OF_TITLE = 200
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def excerpt_of(document: Document, words: int) -> Excerpt:
    """A document as a person is shown it.

    Args:
        document: Which.
        words: How many its text has.
    """
    # Mostly the title is the beginning of the text; nobody wants to read it twice.
    body = document.text.removeprefix(document.title).lstrip(". ") or document.text
    return Excerpt(
        document.id[:_CHARACTERS_OF_TITLE],
        document.label,
        _one_line(document.title, _CHARACTERS_OF_TITLE),
        _one_line(body, _CHARACTERS_SHOWN),
        words,
    )


def sampling_key(identity: str, seed: int) -> int:
    """A number for an id that looks random; the least of many are a fair sample of them."""
    digest = hashlib.blake2b(f"{seed}:{identity}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


class Fewest(Generic[T]):
    """Those of many items whose keys are least, in bounded memory; of equal keys the first.

    Args:
        size: How many are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen = 0
        # Keys and numbers with their sign turned: the largest and latest stands on top.
        self._heap: list[tuple[int, int, T]] = []

    def wants(self, key: int) -> bool:
        """Whether an item of this key would be kept as things stand."""
        return len(self._heap) < self._size or -key > self._heap[0][0]

    def add(self, key: int, item: T) -> None:
        """Take an item, if it is among the least so far."""
        self._seen += 1
        if not self.wants(key):
            return
        entry = (-key, -self._seen, item)
        if len(self._heap) < self._size:
            heappush(self._heap, entry)
        else:
            heappushpop(self._heap, entry)

    def items(self) -> tuple[T, ...]:
        """What was kept, the least first."""
        return tuple(item for _, _, item in sorted(self._heap, key=_turned))


def _turned(entry: tuple[int, int, T]) -> tuple[int, int]:
    return -entry[0], -entry[1]


def _one_line(text: str, most: int) -> str:
    """The beginning of a text with single spaces, and a sign in place of what doesn't print."""
    line = _UNPRINTED.sub("\ufffd", " ".join(text[: 4 * most].split()))
    return line if len(line) <= most else line[: most - 1] + "…"
