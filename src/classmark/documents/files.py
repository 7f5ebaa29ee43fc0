"""Documents out of files: which fields hold the text, the label and the rest."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from classmark.documents.document import Document, content_id
from classmark.documents.identifiers import source_id, source_ids
from classmark.documents.labels import label_problem, read_label, read_labels
from classmark.documents.reading.record import Record
from classmark.documents.reading.records import read_records
from classmark.errors import RecordError, SourceError

_TEXT_FIELDS = ("text", "sentence", "content")
_LABEL_FIELDS = ("primary_category", "label")
_SEVERAL_LABELS_FIELDS = ("labels", "categories", *_LABEL_FIELDS)
_RECORDS_NAMED = 5


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields of a record are read.

    Attributes:
        text: Joined by ". " in this order; None takes title and abstract where the first record has
            an abstract, else the first it has of text, sentence and content.
        label: None takes primary_category where the first record has it, else label; with several
            labels, labels or categories go before these.
        label_required: Whether a record without the label's field is an error.
        multi_label: Whether a record may have several labels: as a list, or as one text that is cut
            at `;`, `|` and `,`.
        group: What the document belongs to; None reads none.
    """

    text: tuple[str, ...] | None = None
    label: str | None = None
    label_required: bool = True
    multi_label: bool = False
    group: str | None = None

    def settled(self, first: Mapping[str, Any]) -> "Fields":
        """The same with what was left open taken from the first record."""
        found = ("title", "abstract") if "abstract" in first else _first_of(_TEXT_FIELDS, first)
        labels = _SEVERAL_LABELS_FIELDS if self.multi_label else _LABEL_FIELDS
        return replace(
            self,
            text=self.text or found or _TEXT_FIELDS[:1],
            label=self.label or (*_first_of(labels, first), "label")[0],
            label_required=self.label_required or self.label is not None,
        )


def read_documents(source: Path | str, fields: Fields | None = None) -> Iterator[Document]:
    """The documents of a file, a folder or a dataset of the hub (`hf:NAME`), in order, uncleaned.

    Raises:
        SourceError: The source is missing or can't be read, which is told at once; or it is empty
            or not of its format, which is told when that place is reached.
        RecordError: Records lack a field or all text, or have something else than text there; the
            message names the first of them.
        UnavailableError: The hub does not answer.
        MissingExtraError: What reads this format is not installed.
    """
    return _documents(source, read_records(source), fields or Fields())


def read_columns(source: Path | str) -> list[str]:
    """The fields of the first record of a source; none if it holds no records.

    Raises:
        SourceError: The source is missing or can't be read.
        UnavailableError: The hub does not answer.
        MissingExtraError: What reads this format is not installed.
    """
    first = next(read_records(source), None)
    return [] if first is None else list(first.values)


def _documents(source: Path | str, records: Iterator[Record], fields: Fields) -> Iterator[Document]:
    first = next(records, None)
    if first is None:
        raise SourceError(f"{source} holds no records.", remedy="Give a source with documents.")
    settled = fields.settled(first.values)
    problems: list[str] = []
    for record in _chain(first, records):
        problem = _problem(record.values, settled)
        if problem:
            problems.append(f"{record.place}: {problem}")
        elif not problems:
            yield _document(record.values, settled)
        if len(problems) == _RECORDS_NAMED:
            break
    if problems:
        raise RecordError(
            f"Unusable records in {source}: {'; '.join(problems)}.",
            remedy=_remedy(first.values, settled),
        )


def _remedy(first: Mapping[str, Any], fields: Fields) -> str:
    several = isinstance(first.get(fields.label or ""), list) and not fields.multi_label
    return (
        "Mend or remove them, or name other fields with --text-fields and --label-field"
        f"{'; --multi-label reads several labels of a record' if several else ''};"
        f" the first record has: {', '.join(first) or 'none'}."
    )


def _chain(first: Record, rest: Iterable[Record]) -> Iterator[Record]:
    yield first
    yield from rest


def _first_of(fields: tuple[str, ...], values: Mapping[str, Any]) -> tuple[str, ...]:
    """The first field that is there, alone; none if none is."""
    return tuple(field for field in fields if field in values)[:1]


def _problem(values: Mapping[str, Any], fields: Fields) -> str | None:
    """What makes a record unusable, or None."""
    return (
        _text_problem(values, fields.text or ())
        or _label_problem(values, fields)
        or _group_problem(values, fields.group)
    )


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
    if field not in values:
        return f"no field '{field}'" if fields.label_required else None
    return label_problem(field, values[field], several=fields.multi_label)


def _group_problem(values: Mapping[str, Any], field: str | None) -> str | None:
    if field is None:
        return None
    if field not in values:
        return f"no field '{field}'"
    return label_problem(field, values[field], several=False)


def _document(values: Mapping[str, Any], fields: Fields) -> Document:
    text_fields = fields.text or ()
    text = ". ".join(part for field in text_fields if (part := (values[field] or "").strip()))
    label = values.get(fields.label or "")
    labels = read_labels(label) if fields.multi_label else ()
    authors = values.get("authors")
    published = values.get("published")
    return Document(
        id=source_id(values) or content_id(text),
        text=text,
        label=next(iter(labels), None) if fields.multi_label else read_label(label),
        title=str(values.get("title") or ""),
        authors=tuple(map(str, authors)) if isinstance(authors, list) else (),
        published=None if published is None else str(published),
        labels=tuple(sorted(set(labels))),
        ids=source_ids(values),
        group=read_label(values.get(fields.group)) if fields.group else None,
    )
