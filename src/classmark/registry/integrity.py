"""The manifest: SHA-256 of every file of a version, written last, checked at every load."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson

from classmark.durable import JSON_OPTIONS
from classmark.errors import TamperedVersionError

MANIFEST = "manifest.json"
_REMEDY = "Never use it: restore it from a backup, roll back, or train it again."


def write_manifest(folder: Path) -> None:
    """Record every file of a version; present means complete, so that this is written last."""
    digests = {name: _sha256(folder / name) for name in sorted(_names(folder))}
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
    expected = _expected(folder)
    found = set(_names(folder))
    problems = [f"{name} is missing" for name in sorted(set(expected) - found)]
    problems += [f"{name} does not belong to it" for name in sorted(found - set(expected))]
    problems += [
        f"{name} was changed"
        for name in sorted(found & set(expected))
        if _sha256(folder / name) != expected[name]
    ]
    if problems:
        raise TamperedVersionError(
            f"{folder} is not what was registered: {'; '.join(problems)}.", remedy=_REMEDY
        )
    if manifest_digest(folder) != digest:
        raise TamperedVersionError(
            f"{folder} is not what was registered: {MANIFEST} was changed.", remedy=_REMEDY
        )


def manifest_digest(folder: Path) -> str:
    """SHA-256 of the manifest itself: it stands for the whole version."""
    return _sha256(folder / MANIFEST)


def _expected(folder: Path) -> dict[str, str]:
    try:
        manifest = orjson.loads((folder / MANIFEST).read_bytes())
        return {str(name): str(digest) for name, digest in manifest["files"].items()}
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise TamperedVersionError(
            f"{folder} is not what was registered: {MANIFEST} is missing or damaged.",
            remedy=_REMEDY,
        ) from error


def _names(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise TamperedVersionError(
                f"{folder} is not what was registered: {path.name} is a link or no plain file.",
                remedy=_REMEDY,
            )
        if path.is_file() and path != folder / MANIFEST:
            yield path.relative_to(folder).as_posix()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
