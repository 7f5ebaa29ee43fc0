"""What we learn from: documents in three parts, immutable, with a fingerprint."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from classmark.documents import Document

PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two documents that are the same under different labels; the first was kept.

    Attributes:
        kept_id: The document in the dataset.
        kept_label: Its label.
        dropped_id: The document that was left out.
        dropped_label: Its label.
    """

    kept_id: str
    kept_label: str
    dropped_id: str
    dropped_label: str


# Without slots: what takes a pass over all rows is remembered.
@dataclass(frozen=True)
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
        conflicts: The first documents that repeat another one under another label.
    """

    name: str
    parts: Mapping[str, Sequence[Document]]
    created_at: str
    source: Mapping[str, str]
    recipe: Mapping[str, Any]
    dropped: Mapping[str, int] = field(default_factory=dict)
    read: int = 0
    conflicts: Sequence[Conflict] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({label for part in self._counts.values() for label in part}))

    @property
    def several_labels(self) -> bool:
        """Whether a document may have several labels."""
        return bool(self.recipe.get("several_labels"))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every row's id, text, labels and part; rows in any order give the same."""
        digests = bytearray()
        for part, document in self._rows():
            digests += _row_digest(part, document)
        # As an array, sorted in its place, they take 32 bytes a row, and not 100.
        np.frombuffer(digests, dtype="S32").sort()
        return hashlib.sha256(digests).hexdigest()

    @property
    def snapshot_id(self) -> str:
        """12 digits for rows and recipe together: the same rows made otherwise are another one."""
        recipe = json.dumps(self.recipe, sort_keys=True, default=str)
        return hashlib.sha256(f"{self.fingerprint} {recipe}".encode()).hexdigest()[:12]

    def counts(self) -> dict[str, dict[str, int]]:
        """How many documents each part has, by label; one of several labels counts for each."""
        return {part: dict(found) for part, found in self._counts.items()}

    def sizes(self) -> dict[str, int]:
        """How many documents each part has."""
        return {part: len(documents) for part, documents in self.parts.items()}

    @cached_property
    def _counts(self) -> dict[str, dict[str, int]]:
        return {
            part: dict(sorted(Counter(label for d in rows for label in labels_of(d)).items()))
            for part, rows in self.parts.items()
        }

    def _rows(self) -> Iterator[tuple[str, Document]]:
        for part, documents in self.parts.items():
            for document in documents:
                yield part, document


def labels_of(document: Document) -> tuple[str, ...]:
    """All labels of a document, whether it can have several or one."""
    if document.labels:
        return document.labels
    return () if document.label is None else (document.label,)


def _row_digest(part: str, document: Document) -> bytes:
    digest = hashlib.sha256()
    # Several labels come last, so that those of a single one have the fingerprints they always had.
    values = (part, document.id, document.label or "", document.text, *document.labels)
    for value in values:
        encoded = value.encode()
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.digest()
