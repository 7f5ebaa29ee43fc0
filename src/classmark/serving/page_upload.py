"""A file of documents that a browser sends with its question; it is read and forgotten."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

from pydantic import Base64Bytes, BaseModel, ConfigDict, ValidationError

from classmark.documents import Document, Fields, read_columns, read_documents
from classmark.errors import InputError, RecordError, SourceError
from classmark.serving.settings import ServingSettings

# Without .gz: what a megabyte unpacks to has no bound.
FORMATS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
# Of a body, for all that is not the file.
_AROUND_BYTES = 16_384


class _Sent(BaseModel):
    """As the page's script writes it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    bytes: int
    content: Base64Bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """A file.

    Attributes:
        name: As its owner calls it.
        content: What is in it.
    """

    name: str
    content: bytes


def most_bytes(settings: ServingSettings) -> int:
    """Of a file, so that it fits into a body: four characters carry three bytes."""
    return max(0, settings.max_body_bytes - _AROUND_BYTES) * 3 // 4


def uploaded(sent: str, settings: ServingSettings) -> Upload:
    """The file that a browser sent.

    Raises:
        InputError: There is none, or it is too large.
    """
    try:
        found = _Sent.model_validate_json(sent)
    except ValidationError as error:
        raise InputError("There is no file.", remedy="Choose one first.") from error
    if found.bytes > most_bytes(settings):
        raise InputError(
            f"{found.name} has {found.bytes:,} bytes; {most_bytes(settings):,} can be sent.",
            remedy="Cut it into smaller ones, or let who runs the server use classmark predict.",
        )
    return Upload(found.name, found.content)


def documents_of(upload: Upload, columns: str, settings: ServingSettings) -> list[Document]:
    """The documents of a file.

    Args:
        upload: CSV, TSV, JSON or JSON lines, by its name.
        columns: Those of the text, with commas between; empty takes those that are usual.
        settings: The limits.

    Raises:
        InputError: It can't be read, has no such column, or too many rows.
    """
    kind = PurePath(upload.name).suffix.lower()
    if kind not in FORMATS:
        raise SourceError(
            f"{upload.name} is not of a format that is read here.",
            remedy=f"Save it as one of {', '.join(FORMATS)}, in UTF-8.",
        )
    with TemporaryDirectory(prefix="classmark-") as folder:
        path = Path(folder, f"documents{kind}")
        path.write_bytes(upload.content)
        try:
            return _read(path, columns, settings)
        except InputError as error:
            # Where it lay for a moment says nothing to its owner.
            told = error.message.replace(str(path), upload.name)
            raise type(error)(told, remedy=error.remedy) from error


def _read(path: Path, columns: str, settings: ServingSettings) -> list[Document]:
    named = tuple(name for one in columns.split(",") if (name := one.strip()))
    fields = Fields(text=named or None, label_required=False)
    _check_columns(path, fields)
    most = settings.max_batch_texts
    try:
        found = list(islice(read_documents(path, fields), most + 1))
    except RecordError as error:
        raise RecordError(error.message, remedy="Mend or remove these, then try again.") from error
    if len(found) > most:
        raise InputError(
            f"{path} has more than {most:,} documents.",
            remedy="Cut it into smaller ones, or let who runs the server use classmark predict.",
        )
    return found


def _check_columns(path: Path, fields: Fields) -> None:
    """Say which columns there are where those of the text are not."""
    there = read_columns(path)
    wanted = fields.settled(dict.fromkeys(there)).text or ()
    missing = [name for name in wanted if name not in there]
    if there and missing:
        raise RecordError(
            f"{path} has no column {' and no column '.join(map(repr, missing))}.",
            remedy=f"Name the one with the text. There are: {', '.join(there)}.",
        )
