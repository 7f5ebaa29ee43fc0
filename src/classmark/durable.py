"""Files that are whole or absent, whatever kills the process that writes them."""

import errno
import fcntl
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
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
def replacing(path: Path, *, is_forced: bool = True, may_lag: bool = False) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends well.

    Args:
        path: The file.
        is_forced: Whether it is on the disk then, and survives a power cut; what can be written
            anew from elsewhere need not.
        may_lag: Whether a power cut may bring back what `path` was before, whole: one wait less.

    Yields:
        The open file. If the block raises, `path` is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.draft")
    try:
        with draft.open("xb") as file:
            yield file
            if is_forced:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        if str(error.filename) == str(draft):
            # Whoever reads it asked for this file, and knows of no draft.
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        # What goes wrong here must not take the place of what went wrong before.
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    if is_forced and not may_lag:
        sync_folder(path.parent)


def write_bytes(
    path: Path, content: bytes, *, is_forced: bool = True, may_lag: bool = False
) -> None:
    """Write a file in one go, or not at all; what else is asked is that of `replacing`."""
    with replacing(path, is_forced=is_forced, may_lag=may_lag) as file:
        file.write(content)


def as_json(value: Any) -> bytes:
    """A value as indented JSON."""
    return orjson.dumps(value, option=JSON_OPTIONS) + b"\n"


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, or nothing."""
    write_bytes(path, as_json(value))


class NotPlainError(OSError):
    """What is to be read is a link, a folder, a pipe or another thing that is no plain file."""


@contextmanager
def plain_file(path: Path) -> Iterator[BufferedReader]:
    """A plain file to read: no link is followed, and no pipe waited for.

    Raises:
        NotPlainError: It is none.
        OSError: It can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise NotPlainError(error.errno, "no plain file", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlainError(errno.EINVAL, "no plain file", str(path))
    with os.fdopen(descriptor, "rb") as file:
        yield file


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
        for path in (draft, *draft.rglob("*")):
            _sync(path)
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


def point_link(link: Path, target: str, *, is_forced: bool = True) -> None:
    """Let the symbolic link `link` point at the relative `target`, in one step."""
    draft = link.with_name(f".{link.name}.{uuid.uuid4().hex}.draft")
    draft.symlink_to(target)
    try:
        draft.replace(link)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    if is_forced:
        sync_folder(link.parent)


@contextmanager
def exclusive(lock: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock file against all other processes; the kernel frees it when we die.

    Raises:
        BlockingIOError: Another process holds it, and we are not to wait.
        OSError: It can't be opened; it may be a link, which is not followed.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    if path.is_dir():
        sync_folder(path)
    elif path.is_file():
        with suppress(OSError), path.open("rb") as file:
            os.fsync(file.fileno())
