"""Exact duplicates, by source id, title and text."""

import hashlib
import re

from classmark.documents.document import Document
from classmark.documents.quality import DropReason

_NOT_A_WORD = re.compile(r"[\W_]+")


def _digest(text: str) -> bytes:
    """16 bytes that stand for the words of a text, whatever its case and punctuation."""
    words = _NOT_A_WORD.sub(" ", text.casefold()).strip() or text.strip()
    return hashlib.blake2b(words.encode(), digest_size=16).digest()


class ExactDuplicates:
    """Remembers what it has seen; the first of several equal documents counts as the original."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._titles: set[bytes] = set()
        self._texts: set[bytes] = set()

    def reason_to_drop(self, document: Document) -> DropReason | None:
        """Why this document repeats an earlier one, or None if it is new (and remembered)."""
        title, text = _digest(document.title), _digest(document.text)
        if document.id in self._ids:
            return DropReason.DUPLICATE_ID
        if document.title and title in self._titles:
            return DropReason.DUPLICATE_TITLE
        if text in self._texts:
            return DropReason.DUPLICATE_TEXT
        self._ids.add(document.id)
        self._titles.add(title)
        self._texts.add(text)
        return None
