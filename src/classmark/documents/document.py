"""What was written."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One text and what its source says of it.

    Attributes:
        id: The source's own id, or one made from the content where the source has none.
        text: What is classified: title and abstract, joined.
        label: Its class; None where the source has none.
        title: The title alone; empty where the source has none.
        authors: As the source spells them.
        published: As the source writes it, ISO 8601 where it can be.
    """

    id: str
    text: str
    label: str | None = None
    title: str = ""
    authors: tuple[str, ...] = ()
    published: str | None = None


def content_id(text: str) -> str:
    """An id made from the text: the same text has the same id, wherever it stands."""
    return "sha256-" + hashlib.sha256(text.encode()).hexdigest()[:16]
