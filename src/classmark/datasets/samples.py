"""A document as the files of a dataset have it."""

from collections.abc import Mapping
from typing import Any

from classmark.documents import Document

_OPTIONAL = ("labels", "ids", "group")


def sample_of(document: Document) -> dict[str, Any]:
    """The document as a JSON object; what it lacks of labels, ids and group is left out."""
    sample = {
        "text": document.text,
        "label": document.label,
        "title": document.title,
        "authors": document.authors,
        "published": document.published,
        "source_id": document.id,
    }
    more = {name: value for name in _OPTIONAL if (value := getattr(document, name))}
    return sample | more


def document_of(sample: Mapping[str, Any]) -> Document:
    """The document that a JSON object holds.

    Raises:
        KeyError: A field is missing.
    """
    return Document(
        id=sample["source_id"],
        text=sample["text"],
        label=sample["label"],
        title=sample["title"],
        authors=tuple(sample["authors"]),
        published=sample["published"],
        labels=tuple(sample.get("labels", ())),
        ids=tuple(sample.get("ids", ())),
        group=sample.get("group"),
    )
