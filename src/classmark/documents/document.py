"""What was written."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One text and what its source says of it.

    Attributes:
        id: The source's own id, or one made from the content where the source has none.
        text: What is classified: title and abstract, joined.
        label: Its class, or of several the first; None where the source has none.
        title: The title alone; empty where the source has none.
        authors: As the source spells them.
        published: As the source writes it, ISO 8601 where it can be.
        labels: All its classes in a dataset where a document may have several, else empty.
        ids: By which other sources know it, with their kind: `doi:10.1000/182`, `pmid:123`.
        group: What it belongs to (a thread, a journal, an author) where groups stay together.
    """

    id: str
    text: str
    label: str | None = None
    title: str = ""
    authors: tuple[str, ...] = ()
    published: str | None = None
    labels: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    group: str | None = None


def content_id(text: str) -> str:
    """An id made from the text: the same text has the same id, wherever it stands."""
    return "sha256-" + hashlib.sha256(text.encode()).hexdigest()[:16]
