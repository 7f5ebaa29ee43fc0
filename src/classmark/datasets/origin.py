"""What a dataset came from, so that it can be told later whether that is still the same."""

import hashlib
import os
from pathlib import Path

from classmark.documents import HUB_PREFIX, is_hub_name
from classmark.errors import SourceError


def origin_of(source: str | Path) -> dict[str, str]:
    """Path and SHA-256 of a file, or of a folder's files; of anything else its name.

    A folder's digest is over the relative path and the digest of each of its files, sorted, those
    apart that are hidden.

    Raises:
        SourceError: A file can't be read.
    """
    path = Path(source)
    try:
        if path.is_file():
            return {"path": _printable(path), "sha256": _digest(path)}
        if path.is_dir():
            return {"path": _printable(path), "sha256": _digest_of_folder(path)}
        local = Path(str(source).removeprefix(HUB_PREFIX).partition("@")[0])
        if is_hub_name(source) and local.is_dir():
            return {"name": str(source), "sha256": _digest_of_folder(local)}
    except OSError as error:
        raise SourceError(
            f"{error.filename or path} can't be read: {error.strerror or error}.",
            remedy="Check its permissions.",
        ) from error
    return {"name": str(source)}


def _printable(path: Path) -> str:
    """The path as text, with other bytes than UTF-8 spelled out."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of_folder(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in relative.parts):
            whole.update(f"{_digest(path)} {relative}\n".encode(errors="surrogateescape"))
    return whole.hexdigest()
