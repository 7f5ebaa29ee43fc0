"""The manifest: SHA-256 of every file of a version, written last, checked at every load."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import orjson

from classmark.durable import JSON_OPTIONS
from classmark.errors import TamperedVersionError

MANIFEST = "manifest.json"
_DIGEST = re.compile("[0-9a-f]{64}")


def write_manifest(folder: Path) -> None:
    """Record every file of a version; present means complete, so that this is written last."""
    digests = {name: _sha256(folder, name) for name in sorted(_names(folder))}
    manifest = {"algorithm": "sha256", "files": digests}
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest, option=JSON_OPTIONS))


def verify_manifest(folder: Path, digest: str) -> None:
    """Check every byte of a version.

    Args:
        folder: Where the version lies.
        digest: The SHA-256 of its manifest, as the registry knows it.

    Raises:
        TamperedVersionError: A file is missing, changed, extra, or no plain file; it is named.
    """
    expected = _expected(folder, digest)
    try:
        found = set(_names(folder))
    except OSError as error:
        raise _tampered(folder, f"it can't be read ({error.strerror})") from error
    problems = [f"{name} is missing" for name in sorted(set(expected) - found)]
    problems += [f"{name} does not belong to it" for name in sorted(found - set(expected))]
    problems += [
        f"{name} was changed"
        for name in sorted(found & set(expected))
        if _sha256(folder, name) != expected[name]
    ]
    if problems:
        raise _tampered(folder, "; ".join(problems))


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 as we write it."""
    return _DIGEST.fullmatch(text) is not None


def manifest_digest(folder: Path) -> str:
    """SHA-256 of the manifest itself: it stands for the whole version."""
    return _sha256(folder, MANIFEST)


def checked_files(content: bytes) -> dict[str, str]:
    """The digests by name of a manifest that comes from elsewhere.

    Args:
        content: Of the manifest.

    Returns:
        What can be written below a folder, and nowhere else.

    Raises:
        ValueError: It is no manifest, or names what no version has; it says which.
    """
    try:
        files = orjson.loads(content)["files"].items()
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{MANIFEST} is no manifest") from error
    for name, digest in files:
        if not _is_inside(name):
            raise ValueError(f"{MANIFEST} names {name!r}, which leads out of it")
        if not isinstance(digest, str) or not is_digest(digest):
            raise ValueError(f"{MANIFEST} has no SHA-256 of {name!r}")
    folders = {str(folder) for name, _ in files for folder in PurePosixPath(name).parents}
    if both := folders & {name for name, _ in files}:
        raise ValueError(f"{MANIFEST} names {both.pop()!r} as a file and as a folder")
    return dict(files)


def _is_inside(name: str) -> bool:
    """Whether a name is that of a file of a version: plain, relative, and written in one way."""
    plain = name.isprintable() and "\\" not in name and name != MANIFEST
    parts = PurePosixPath(name).parts
    return plain and name == "/".join(parts) and bool(parts) and not {"..", "/"} & set(parts)


def _expected(folder: Path, digest: str) -> dict[str, str]:
    """What the manifest says, once it is known to be the one that was registered."""
    if not os.path.lexists(folder):
        raise _tampered(folder, "its folder is not there")
    try:
        kind = (folder / MANIFEST).lstat().st_mode
        if stat.S_ISLNK(kind):
            raise _tampered(folder, f"{MANIFEST} is a link")
        if not stat.S_ISREG(kind):
            # A pipe would be waited for, and for ever.
            raise _tampered(folder, f"{MANIFEST} can't be read (it is no plain file)")
        content = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise _tampered(folder, f"{MANIFEST} can't be read ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise _tampered(folder, f"{MANIFEST} was changed{'' if content else ' (it is empty)'}")
    return _listed(folder, content)


def _listed(folder: Path, content: bytes) -> dict[str, str]:
    """The digest of each file; a manifest may be the registered one and still be none."""
    try:
        files = orjson.loads(content)["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise _tampered(folder, f"{MANIFEST} is no manifest") from error


def _names(folder: Path) -> Iterator[str]:
    if folder.is_symlink() or folder.parent.is_symlink():
        raise _tampered(folder, "it is a link to another folder, or its model's folder is")
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise _tampered(folder, f"{name} is a link or no plain file")
        if path.is_file() and name != MANIFEST:
            yield name


def _sha256(folder: Path, name: str) -> str:
    try:
        with (folder / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _tampered(folder, f"{name} can't be read ({error.strerror})") from error


def _tampered(folder: Path, problem: str) -> TamperedVersionError:
    return TamperedVersionError(
        f"{folder} is not what was registered: {problem}.",
        remedy="Never use it: restore it from a backup, or put an intact version live with"
        " classmark promote or classmark rollback, or train it again.",
    )
