"""Records out of a folder of text files: each folder in it is a label."""

from collections.abc import Iterator
from pathlib import Path

from classmark.documents.reading.record import (
    BYTE_ORDER_MARK,
    LONGEST_RECORD_BYTES,
    Record,
    not_utf8,
    too_long,
)
from classmark.errors import SourceError

_SUFFIX = ".txt"


def read_folder(folder: Path) -> Iterator[Record]:
    """The records of FOLDER/<label>/**/*.txt, by name: `id` is the path in the folder.

    Hidden files and folders are passed over.

    Raises:
        SourceError: There are no two label folders, one of them holds no text, something else than
            a text stands there, or a text is not UTF-8.
    """
    for label in _label_folders(folder):
        empty = True
        for path in _texts(folder, label):
            empty = False
            name = path.relative_to(folder).as_posix()
            yield Record(name, {"id": name, "text": _text(path), "label": label.name})
        if empty:
            raise SourceError(
                f"{label} holds no {_SUFFIX} file.", remedy="Fill it, or move it away."
            )


def _label_folders(folder: Path) -> list[Path]:
    inside = _visible(folder)
    beside = [path.name for path in inside if not path.is_dir()]
    if beside:
        raise SourceError(
            f"{folder} holds more than folders: {', '.join(beside[:3])}.",
            remedy=f"Give one file, or a folder with a folder of {_SUFFIX} files for each label; "
            f"a folder in the form of the Hugging Face hub is read as hf:{_as_local(folder)}.",
        )
    for path in inside:
        _check_link(folder, path)
    if len(inside) < 2:
        found = f"one folder alone ({inside[0].name})" if inside else "nothing"
        raise SourceError(
            f"{folder} holds {found}; a classifier needs two labels.",
            remedy=f"Give a folder that holds a folder of {_SUFFIX} files for each label.",
        )
    return inside


def _texts(folder: Path, below: Path) -> Iterator[Path]:
    for path in _visible(below):
        _check_link(folder, path)
        if path.is_dir():
            yield from _texts(folder, path)
        elif path.suffix.lower() == _SUFFIX and path.is_file():
            yield path
        else:
            raise SourceError(
                f"{path} is no {_SUFFIX} file.",
                remedy=f"Name texts with {_SUFFIX}, and move away what is none.",
            )


def _visible(folder: Path) -> list[Path]:
    """What a folder shows, by name."""
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in inside:
        if not path.name.isprintable():
            raise SourceError(
                f"A name in {folder} is not UTF-8 or has characters that don't print: "
                f"{path.name!a}.",
                remedy="Rename it.",
            )
    return inside


def _check_link(folder: Path, path: Path) -> None:
    """Refuse a link that would let others' files, or the same ones for ever, be read."""
    if not path.is_symlink():
        return
    target = path.resolve()
    if not target.is_file() or not target.is_relative_to(folder.resolve()):
        raise SourceError(
            f"{path} is a link that is not followed: it leads to {target}.",
            remedy="Put the file itself there; only links to files of the same folder are read.",
        )


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(LONGEST_RECORD_BYTES + 1)
    if len(content) > LONGEST_RECORD_BYTES:
        raise too_long(path, "the text")
    try:
        text = content.removeprefix(BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        raise not_utf8(path, f"byte {error.start + 1}") from error
    if "\0" in text:
        raise SourceError(
            f"{path} is not text: it has NUL bytes.", remedy="Save it again as text in UTF-8."
        )
    return text


def _as_local(folder: Path) -> str:
    return str(folder) if folder.is_absolute() else f"./{folder}"
