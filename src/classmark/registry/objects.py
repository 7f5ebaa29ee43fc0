"""Objects under keys, in a folder or in S3: what a storage of versions is made of."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

# Where a folder keeps what is half written; no model may be called so.
INNER = ".storage/"
# What is read at once; a version's files are not.
LARGEST_SMALL_OBJECT = 16_777_216
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()=+-]+(/[A-Za-z0-9!_.*'()=+-]+)*")


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where versions are kept beside the home.

    Attributes:
        uri: `s3://bucket/prefix`, `file:///path` or an absolute path; empty keeps none.
        endpoint_url: Of a server that speaks S3; empty takes that of AWS.
        region: Of the bucket; empty takes what AWS's own settings say.
        timeout_seconds: How long one try waits for a connection and for an answer; there are two.
        grace_hours: What is half uploaded may be removed when nothing was added for so long.
    """

    uri: str = ""
    endpoint_url: str = ""
    region: str = ""
    timeout_seconds: float = 4.0
    grace_hours: float = 24.0


@dataclass(frozen=True, slots=True)
class Location:
    """Where a storage is.

    Attributes:
        bucket: In S3; empty for a folder of this machine.
        path: The folder's path, or the prefix of the keys, which may be empty.
    """

    bucket: str
    path: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a listing tells of an object."""

    key: str
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """An object's bytes, and the tag that stands for just these."""

    content: bytes
    tag: str


class Objects(Protocol):
    """Objects under keys, each of them whole or absent.

    All methods raise `UnavailableError` where the place does not answer, and `SettingError` where
    there is no such bucket or nobody is let in.

    Attributes:
        where: For messages.
    """

    where: str

    def create(self, key: str, content: bytes) -> bool:
        """Write an object that is not there yet; False if there is one."""

    def upload(self, key: str, source: Path, digest: str) -> bool:
        """The same with a file's bytes.

        Args:
            key: Of the object.
            source: The file.
            digest: Its SHA-256: nothing else is stored.
        """

    def replace(self, key: str, content: bytes, tag: str) -> bool:
        """Write over an object that still has a tag; False if it has not, or is gone."""

    def read(self, key: str) -> Content | None:
        """A small object, if it is there."""

    def download(self, key: str, target: Path) -> bool:
        """Copy an object into a new file; False if there is no such object."""

    def digest(self, key: str) -> str | None:
        """SHA-256 of an object, read back; None if it is not there."""

    def listed(self, prefix: str) -> list[StoredObject]:
        """All objects whose key begins so, by key; a prefix is empty or ends with a slash."""

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects, in that order; those that are gone already are none."""


def storage_location(uri: str) -> Location:
    """Where a URI leads.

    Raises:
        ValueError: It leads nowhere that versions can be kept; what it is stays untold, as it may
            hold a password.
    """
    if uri.startswith("s3://"):
        bucket, _, prefix = uri.removeprefix("s3://").rstrip("/").partition("/")
        plain = not prefix or _PREFIX.fullmatch(prefix)
        if _BUCKET.fullmatch(bucket) and plain and not {".", ".."} & set(prefix.split("/")):
            return Location(bucket, prefix)
        raise ValueError("uri is no s3://BUCKET/PREFIX")
    path = uri.removeprefix("file://")
    if not path.startswith("/") or ".." in path.split("/") or not path.isprintable():
        raise ValueError("uri is neither s3://BUCKET/PREFIX nor an absolute path")
    return Location("", path)
