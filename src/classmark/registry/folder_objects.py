"""Objects in a folder: files that appear whole, under names that nobody takes twice."""

import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO

from classmark.durable import (
    NotPlainError,
    exclusive,
    leads_outside,
    plain_file,
    sync_folder,
)
from classmark.errors import UnavailableError
from classmark.registry.objects import INNER, LARGEST_SMALL_OBJECT, Content, StoredObject

# The folder of a key may be removed, as it was empty, before the object is there.
_TRIES = 5


class FolderObjects:
    """Objects below one folder, which may be shared by machines.

    Args:
        root: The folder; it must be there.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.where = str(root)

    def create(self, key: str, content: bytes) -> bool:
        """Write an object that is not there yet; False if there is one."""
        with self._reached(), self._draft() as draft:
            with draft.open("xb") as file:
                file.write(content)
                _sync(file)
            return self._linked(draft, key)

    def upload(self, key: str, source: Path, digest: str) -> bool:
        """The same with a file's bytes."""
        with self._reached(), self._draft() as draft:
            with source.open("rb") as given, draft.open("x+b") as file:
                shutil.copyfileobj(given, file)
                _sync(file)
                file.seek(0)
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != digest:
                raise changed_meanwhile(source)
            return self._linked(draft, key)

    def replace(self, key: str, content: bytes, tag: str) -> bool:
        """Write over an object that still has a tag; False if it has not, or is gone."""
        with self._reached(), self._draft() as draft, exclusive(self._root / INNER / "lock"):
            found = self.read(key)
            if found is None or found.tag != tag:
                return False
            with draft.open("xb") as file:
                file.write(content)
                _sync(file)
            target = self._path(key)
            draft.replace(target)
            sync_folder(target.parent)
        return True

    def read(self, key: str) -> Content | None:
        """A small object, if it is there."""
        with self._reached(), self._opened(key) as file:
            if file is None:
                return None
            content = file.read(LARGEST_SMALL_OBJECT + 1)
        if len(content) > LARGEST_SMALL_OBJECT:
            raise self._unusable(f"{key} is too large for what it should be")
        return Content(content, hashlib.sha256(content).hexdigest())

    def download(self, key: str, target: Path) -> bool:
        """Copy an object into a new file; False if there is no such object."""
        with self._reached(), self._opened(key) as file:
            if file is None:
                return False
            with target.open("xb") as copy:
                shutil.copyfileobj(file, copy)
        return True

    def digest(self, key: str) -> str | None:
        """SHA-256 of an object, read back; None if it is not there."""
        with self._reached(), self._opened(key) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() if file else None

    def listed(self, prefix: str) -> list[StoredObject]:
        """All objects whose key begins so, by key; what is half written only if it is asked for."""
        with self._reached():
            self._check_root()
            walked = os.walk(self._path(prefix), onerror=_raise_unless_gone)
            paths = [Path(at, name) for at, _, names in walked for name in names]
            found = [self._known(path) for path in paths]
        is_inner = prefix.startswith(INNER)
        kept = [one for one in found if one and one.key.startswith(INNER) == is_inner]
        return sorted(kept, key=lambda one: one.key)

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects, in that order, and the folders that are empty then."""
        with self._reached():
            for key in keys:
                self._path(key).unlink(missing_ok=True)
                self._remove_empty_above(key)

    def _path(self, key: str) -> Path:
        """Where an object lies, or what is below a prefix; never outside of the storage.

        Raises:
            UnavailableError: A link leads out of it.
        """
        path = self._root / key
        folder = path if not key or key.endswith("/") else path.parent
        if leads_outside(folder, self._root):
            raise UnavailableError(
                f"{folder} leads out of {self._root} by a link; nothing is read or written there.",
                remedy="Put a folder in the link's place.",
            )
        return path

    def _remove_empty_above(self, key: str) -> None:
        with suppress(OSError):
            for folder in list(PurePosixPath(key).parents)[:-1]:
                (self._root / folder).rmdir()

    def _known(self, path: Path) -> StoredObject | None:
        """What is known of a file; None of a link, and of what went while we looked."""
        try:
            known = path.lstat()
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(known.st_mode):
            return None
        at = datetime.fromtimestamp(known.st_mtime, UTC)
        return StoredObject(path.relative_to(self._root).as_posix(), known.st_size, at)

    @contextmanager
    def _draft(self) -> Iterator[Path]:
        self._check_root()
        draft = self._path(f"{INNER}{uuid.uuid4().hex}.draft")
        draft.parent.mkdir(exist_ok=True)
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _linked(self, draft: Path, key: str) -> bool:
        """Give a draft its name, unless something has it: a link never writes over anything."""
        target = self._path(key)
        for _ in range(_TRIES):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(draft, target)
            except FileExistsError:
                return False
            except FileNotFoundError:
                continue
            sync_folder(target.parent)
            return True
        raise FileNotFoundError(f"{target.parent} does not stay")

    @contextmanager
    def _opened(self, key: str) -> Iterator[BufferedReader | None]:
        """The file of an object, never one that a link leads to; None if there is none."""
        path = self._path(key)
        with ExitStack() as held:
            file = None
            try:
                file = held.enter_context(plain_file(path))
            except NotPlainError:
                if not path.is_symlink():
                    raise
            except (FileNotFoundError, NotADirectoryError):
                self._check_root()
            yield file

    def _check_root(self) -> None:
        if not self._root.is_dir():
            raise UnavailableError(
                f"There is no folder {self._root} to keep versions in.",
                remedy="Make it or mount it, or name another in the setting storage.uri.",
            )

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unusable(str(error)) from error

    def _unusable(self, problem: str) -> UnavailableError:
        return UnavailableError(
            f"The storage {self.where} can't be used ({problem}).",
            remedy="Check its permissions, the space on it, and that it knows hard links.",
        )


def _raise_unless_gone(error: OSError) -> None:
    """Let pass that a folder is not there, or no longer."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def changed_meanwhile(source: Path) -> UnavailableError:
    """That a file did not arrive as its manifest says it is."""
    return UnavailableError(
        f"{source} did not arrive as its manifest says it is.",
        remedy="Check it with classmark verify, then publish again.",
    )


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
