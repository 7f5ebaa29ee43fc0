"""Exact duplicates, by source id, title and text."""

import hashlib
import re
import sqlite3
import weakref
from collections.abc import Iterator
from dataclasses import dataclass

from classmark.documents.document import Document
from classmark.documents.quality import DropReason

_NOT_A_WORD = re.compile(r"[\W_]+")


def words_of(text: str) -> list[str]:
    """The words of a text, whatever its case and punctuation; of no words, its characters."""
    return _NOT_A_WORD.sub(" ", text.casefold()).split() or text.split()


def _digest(kind: str, text: str) -> bytes:
    return hashlib.blake2b(f"{kind}\0{text}".encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Repeat:
    """What a document repeats.

    Attributes:
        reason: In which way.
        original_id: The earlier document's id.
        original_label: The earlier document's label.
    """

    reason: DropReason
    original_id: str
    original_label: str | None


class ExactDuplicates:
    """Remembers what it has seen; the first of several equal documents counts as the original.

    It remembers in a file of its own that nobody else sees, so that memory does not grow.
    """

    def __init__(self) -> None:
        # An empty name is SQLite's for a file that goes with the connection.
        self._seen = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._seen.close)
        self._seen.execute("PRAGMA cache_size = -16000")
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute(
            "CREATE TABLE seen (digest BLOB PRIMARY KEY, id TEXT, label TEXT) WITHOUT ROWID"
        )
        self._seen.execute("BEGIN")

    def repeat_of(self, document: Document) -> Repeat | None:
        """Which earlier document this one repeats, or None if it is new (and remembered)."""
        marks = dict(_marks(document))
        places = ", ".join("?" * len(marks))
        found = self._seen.execute(
            f"SELECT digest, id, label FROM seen WHERE digest IN ({places})",  # noqa: S608 (?, ?)
            tuple(marks),
        ).fetchall()
        if found:
            known = {digest: (id_, label) for digest, id_, label in found}
            first = next(digest for digest in marks if digest in known)
            return Repeat(marks[first], *known[first])
        self._seen.executemany(
            "INSERT INTO seen VALUES (?, ?, ?)",
            ((digest, document.id, document.label) for digest in marks),
        )
        return None


def _marks(document: Document) -> Iterator[tuple[bytes, DropReason]]:
    """By what a document is known again."""
    yield _digest("id", document.id), DropReason.DUPLICATE_ID
    for known_as in document.ids:
        yield _digest("id", known_as), DropReason.DUPLICATE_ID
    if document.title:
        yield _digest("title", " ".join(words_of(document.title))), DropReason.DUPLICATE_TITLE
    yield _digest("text", " ".join(words_of(document.text))), DropReason.DUPLICATE_TEXT
