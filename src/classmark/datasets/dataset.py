"""What we learn from: documents in three parts, immutable, with a fingerprint."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from classmark.documents import Document

PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A snapshot: which documents, in which part, made how.

    Attributes:
        name: Under which it is found.
        parts: The documents of "train", "val" and "test".
        created_at: When it was made, ISO 8601 in UTC.
        source: Where the documents came from: path and SHA-256, or a name.
        recipe: The settings it was made with, cleaning steps and their versions among them.
        dropped: How many documents were left out, by reason.
        read: How many documents the source had.
    """

    name: str
    parts: Mapping[str, Sequence[Document]]
    created_at: str
    source: Mapping[str, str]
    recipe: Mapping[str, Any]
    dropped: Mapping[str, int] = field(default_factory=dict)
    read: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({d.label for _, d in self._rows() if d.label is not None}))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every row's id, text, label and part; rows in any order give the same."""
        digests = sorted(_row_digest(part, document) for part, document in self._rows())
        return hashlib.sha256(b"".join(digests)).hexdigest()

    @property
    def snapshot_id(self) -> str:
        """12 digits for rows and recipe together: the same rows made otherwise are another one."""
        recipe = json.dumps(self.recipe, sort_keys=True, default=str)
        return hashlib.sha256(f"{self.fingerprint} {recipe}".encode()).hexdigest()[:12]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many documents each part has, by label."""
        return {
            part: dict(sorted(Counter(d.label or "" for d in documents).items()))
            for part, documents in self.parts.items()
        }

    def sizes(self) -> dict[str, int]:
        """How many documents each part has."""
        return {part: len(documents) for part, documents in self.parts.items()}

    def _rows(self) -> Iterator[tuple[str, Document]]:
        for part, documents in self.parts.items():
            for document in documents:
                yield part, document


def _row_digest(part: str, document: Document) -> bytes:
    digest = hashlib.sha256()
    for value in (part, document.id, document.label or "", document.text):
        encoded = value.encode()
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.digest()
