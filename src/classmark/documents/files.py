"""Documents out of files: which fields hold the text, the label and the rest."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classmark.documents.document import Document, content_id
from classmark.documents.records import Record, read_records
from classmark.errors import RecordError, SourceError

_ID_FIELDS = ("source_id", "arxiv_id", "id", "pmid", "paper_id", "doi")
_RECORDS_NAMED = 5


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of a record are read.

    Attributes:
        text: Joined by ". " in this order; None takes title and abstract where the first record has
            an abstract, else text.
        label: None takes primary_category where the first record has it, else label.
        label_required: Whether a record without the label's field is an error.
    """

    text: tuple[str, ...] | None = None
    label: str | None = None
    label_required: bool = True

    def settled(self, first: Mapping[str, Any]) -> "Fields":
        """The same with what was left open taken from the first record."""
        text = self.text or (("title", "abstract") if "abstract" in first else ("text",))
        label = self.label or ("primary_category" if "primary_category" in first else "label")
        required = self.label_required or self.label is not None
        return Fields(text, label, required)


def read_documents(path: Path, fields: Fields | None = None) -> Iterator[Document]:
    """The documents of a JSON, JSONL or CSV file, in its order, uncleaned.

    Raises:
        SourceError: The file is missing, empty, or not of its format.
        RecordError: Records lack a field or all text, or have something else than text there; the
            message names the first of them.
    """
    records = read_records(path)
    first = next(records, None)
    if first is None:
        raise SourceError(f"{path} holds no records.", remedy="Give a file with documents.")
    settled = (fields or Fields()).settled(first.values)
    problems: list[str] = []
    for record in _chain(first, records):
        problem = _problem(record, settled)
        if problem:
            problems.append(f"{record.place}: {problem}")
        elif not problems:
            yield _document(record.values, settled)
        if len(problems) == _RECORDS_NAMED:
            break
    if problems:
        raise RecordError(
            f"Unusable records in {path}: {'; '.join(problems)}.",
            remedy="Mend or remove them, or name other fields with --text-fields and --label-field;"
            f" the first record has: {', '.join(first.values) or 'none'}.",
        )


def _chain(first: Record, rest: Iterable[Record]) -> Iterator[Record]:
    yield first
    yield from rest


def _problem(record: Record, fields: Fields) -> str | None:
    """What makes a record unusable, or None."""
    return _text_problem(record.values, fields.text or ()) or _label_problem(record.values, fields)


def _text_problem(values: Mapping[str, Any], fields: tuple[str, ...]) -> str | None:
    for field in fields:
        if field not in values:
            return f"no field '{field}'"
        if not isinstance(values[field], str | None):
            return f"'{field}' is a {type(values[field]).__name__}, not text"
    if not any((values[field] or "").strip() for field in fields):
        return f"no text in {' and '.join(repr(field) for field in fields)}"
    return None


def _label_problem(values: Mapping[str, Any], fields: Fields) -> str | None:
    field = fields.label or ""
    label = values.get(field)
    if field not in values and fields.label_required:
        return f"no field '{field}'"
    if isinstance(label, dict | list):
        return f"'{field}' is a {type(label).__name__}, not a label"
    if not str(label).strip().isprintable():
        return f"'{field}' has characters that don't print"
    return None


def _document(values: Mapping[str, Any], fields: Fields) -> Document:
    text_fields = fields.text or ()
    text = ". ".join(part for field in text_fields if (part := (values[field] or "").strip()))
    label = values.get(fields.label or "")
    authors = values.get("authors")
    published = values.get("published")
    return Document(
        id=_source_id(values) or content_id(text),
        text=text,
        label=None if label is None or label == "" else str(label).strip() or None,
        title=str(values.get("title") or ""),
        authors=tuple(map(str, authors)) if isinstance(authors, list) else (),
        published=None if published is None else str(published),
    )


def _source_id(values: Mapping[str, Any]) -> str | None:
    for field in _ID_FIELDS:
        value = values.get(field)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return None
