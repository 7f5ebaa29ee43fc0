"""Files that are whole or absent, whatever kills the process that writes them."""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import orjson

JSON_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends well.

    Yields:
        The open file. If the block raises, `path` is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.draft")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one go, or not at all."""
    with replacing(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, or nothing."""
    write_bytes(path, orjson.dumps(value, option=JSON_OPTIONS) + b"\n")


@contextmanager
def publishing(folder: Path) -> Iterator[Path]:
    """A draft folder that becomes `folder` when the block ends well.

    Yields:
        The draft, on the same file system and private to its owner (0700).

    Raises:
        FileExistsError: `folder` is there already and not empty.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.draft")
    draft.mkdir(mode=0o700)
    try:
        yield draft
        for path in draft.rglob("*"):
            _sync_file(path)
        sync_folder(draft)
        try:
            draft.rename(folder)
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:
                raise
            raise FileExistsError(folder) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    sync_folder(folder.parent)


def leads_outside(path: Path, folder: Path) -> bool:
    """Whether links let a path, which may not be there, lead out of a folder."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def point_link(link: Path, target: str) -> None:
    """Let the symbolic link `link` point at the relative `target`, in one step."""
    draft = link.with_name(f".{link.name}.{uuid.uuid4().hex}.draft")
    draft.symlink_to(target)
    try:
        draft.replace(link)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(link.parent)


@contextmanager
def exclusive(lock: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock file against all other processes; the kernel frees it when we die.

    Raises:
        BlockingIOError: Another process holds it, and we are not to wait.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _sync_file(path: Path) -> None:
    if path.is_file():
        with suppress(OSError), path.open("rb") as file:
            os.fsync(file.fileno())
