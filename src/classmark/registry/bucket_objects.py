"""Objects in a bucket of S3, through s3fs; each is one conditional write, whole or absent."""

import base64
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from classmark.errors import (
    ClassmarkError,
    MissingExtraError,
    SettingError,
    UnavailableError,
)
from classmark.registry.folder_objects import changed_meanwhile
from classmark.registry.objects import (
    LARGEST_SMALL_OBJECT,
    Content,
    Location,
    StorageSettings,
    StoredObject,
)

# Between two bytes of a file that is transferred, and after its last one.
_PATIENCE_SECONDS = 60.0
_SLOWEST_BYTES_A_SECOND = 100_000
# Two writers at the same moment: S3 lets neither know yet who was first.
_CONFLICTS = {"ConditionalRequestConflict", "OperationAborted"}
_UNMET = {"PreconditionFailed", "412"}
_ABSENT = {"NoSuchKey", "404"}
_REFUSED = {401, 403}
_ELSEWHERE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint"}
_TRIES = 6


class BucketObjects:
    """Objects under a prefix of a bucket; credentials are those that AWS's own tools would take.

    Args:
        location: Bucket and prefix.
        settings: Endpoint, region, timeout.
    """

    def __init__(self, location: Location, settings: StorageSettings) -> None:
        self._bucket = location.bucket
        self._prefix = f"{location.path}/" if location.path else ""
        self._settings = settings
        self.where = f"s3://{location.bucket}/{location.path}".rstrip("/")

    def create(self, key: str, content: bytes) -> bool:
        """Write an object that is not there yet; False if there is one."""
        return self._put(key, Body=content, IfNoneMatch="*")

    def upload(self, key: str, source: Path, digest: str) -> bool:
        """The same with a file's bytes; the server is told their digest, and checks it."""
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        with _readable(source) as file:
            return self._put(key, Body=file, IfNoneMatch="*", ChecksumSHA256=checksum)

    def replace(self, key: str, content: bytes, tag: str) -> bool:
        """Write over an object that still has a tag; False if it has not, or is gone."""
        return self._put(key, Body=content, IfMatch=tag)

    def read(self, key: str) -> Content | None:
        """A small object, if it is there."""
        from fsspec.asyn import sync  # noqa: PLC0415 (an extra)

        with self._reached() as answered:
            found = self._ask("get_object", Key=self._prefix + key)
            if found["ContentLength"] > LARGEST_SMALL_OBJECT:
                found["Body"].close()
                raise OSError(f"{key} is too large for what it should be")
            read = found["Body"].read
            content = sync(self._quick.loop, read, timeout=self._limit)
            answered.append(Content(content, found["ETag"]))
        return answered[0] if answered else None

    def download(self, key: str, target: Path) -> bool:
        """Copy an object into a new file; False if there is no such object."""
        with self._reached() as answered:
            self._patient.get_file(f"{self._bucket}/{self._prefix}{key}", str(target))
            answered.append(target)
        return bool(answered)

    def digest(self, key: str) -> str | None:
        """SHA-256 of an object, read back; None if it is not there."""
        with self._reached() as answered:
            path = f"{self._bucket}/{self._prefix}{key}"
            with self._patient.open(path, "rb", cache_type="readahead") as file:
                answered.append(hashlib.file_digest(file, "sha256").hexdigest())
        return answered[0] if answered else None

    def listed(self, prefix: str) -> list[StoredObject]:
        """All objects whose key begins so, by key."""
        found: list[StoredObject] = []
        arguments = {"Prefix": self._prefix + prefix}
        while True:
            page: dict[str, Any] = {}
            with self._reached():
                page = self._ask("list_objects_v2", **arguments)
            found += [
                StoredObject(
                    one["Key"].removeprefix(self._prefix), one["Size"], one["LastModified"]
                )
                for one in page.get("Contents", [])
            ]
            if not page.get("IsTruncated"):
                return sorted(found, key=lambda one: one.key)
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects, in that order."""
        for key in keys:
            with self._reached():
                self._ask("delete_object", Key=self._prefix + key)

    @cached_property
    def _session(self) -> Any:
        """What both connections share: the credentials, and what AWS tells of S3."""
        from aiobotocore.session import AioSession  # noqa: PLC0415 (an extra)

        return AioSession()

    @cached_property
    def _quick(self) -> Any:
        """For small things: a server that is dead is known as such soon."""
        return self._file_system(self._settings.timeout_seconds, tries=2)

    @cached_property
    def _patient(self) -> Any:
        """For files, which take their time."""
        return self._file_system(max(_PATIENCE_SECONDS, self._settings.timeout_seconds), tries=4)

    def _file_system(self, read_timeout: float, tries: int) -> Any:
        from s3fs import S3FileSystem  # noqa: PLC0415 (an extra)

        region = {"region_name": self._settings.region} if self._settings.region else {}
        system = S3FileSystem(
            session=self._session,
            endpoint_url=self._settings.endpoint_url or None,
            client_kwargs=region,
            config_kwargs={
                "connect_timeout": self._settings.timeout_seconds,
                "read_timeout": read_timeout,
                "retries": {"total_max_attempts": tries, "mode": "standard"},
            },
            skip_instance_cache=True,
            use_listings_cache=False,
        )
        # It would try again what the client below it has tried already.
        system.retries = 1
        return system

    @property
    def _limit(self) -> float:
        """How long one small thing may take, tries and all: a connection may also just hang."""
        return 2.5 * self._settings.timeout_seconds

    def _ask(self, operation: str, **arguments: Any) -> Any:
        """The answer to one call of S3; a file as its body may take the longer, the larger it is.

        Raises:
            OSError: What s3fs makes of a refusal; a `TimeoutError` where there is no answer.
        """
        from fsspec.asyn import sync  # noqa: PLC0415 (an extra)

        body = arguments.get("Body", b"")
        system, limit = self._quick, self._limit
        if not isinstance(body, bytes):
            size = os.fstat(body.fileno()).st_size
            system = self._patient
            limit = 2 * _PATIENCE_SECONDS + size / _SLOWEST_BYTES_A_SECOND
            body.seek(0)
        asked = {"Bucket": self._bucket, **arguments}
        return sync(system.loop, system._call_s3, operation, timeout=limit, **asked)  # noqa: SLF001 (its public twin knows no time limit)

    def _put(self, key: str, **arguments: Any) -> bool:
        """One conditional write; False if its condition is not met."""
        for attempt in range(_TRIES):
            try:
                with self._reached(passing=_UNMET | _ABSENT | _CONFLICTS):
                    self._ask("put_object", Key=self._prefix + key, **arguments)
            except OSError as error:
                if _answer(error)[0] not in _CONFLICTS:
                    return False
                time.sleep(0.05 * 2**attempt)
            else:
                return True
        raise UnavailableError(
            f"{self.where} can't tell who was first to write {key}.", remedy="Try again."
        )

    @contextmanager
    def _reached(self, passing: Iterable[str] = ()) -> Iterator[list[Any]]:
        """What is asked in the block, with refusals in our words.

        Args:
            passing: Codes whose errors are let through as they are.

        Yields:
            A list for the answer, which stays empty where there is no such object.
        """
        failures = _failures()
        try:
            yield []
        except failures as error:
            code = _answer(error)[0]
            if code in passing:
                raise
            absent = code in _ABSENT or (isinstance(error, FileNotFoundError) and not code)
            if not absent:
                raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> ClassmarkError:
        code, status = _answer(error)
        told = str(error) or "no answer in time"
        if code == "NoSuchBucket":
            return SettingError(
                f"There is no bucket {self._bucket!r} at {self._server}.",
                remedy="Make it, or name another in the setting storage.uri.",
            )
        if status in _REFUSED or "Credentials" in type(error).__name__:
            return SettingError(
                f"The storage {self.where} does not let you in ({told}).",
                remedy="Check the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or"
                " AWS_PROFILE) and what they allow.",
            )
        if code in _ELSEWHERE:
            return SettingError(
                f"The bucket {self._bucket!r} is in another region ({told}).",
                remedy="Name it in the setting storage.region.",
            )
        return UnavailableError(
            f"The storage {self.where} does not answer as it should ({told}).",
            remedy=f"Check that {self._server} can be reached, then try again.",
        )

    @property
    def _server(self) -> str:
        return self._settings.endpoint_url or "AWS"


def _failures() -> tuple[type[Exception], ...]:
    """What a call raises whose answer is not the one that was hoped for."""
    try:
        import s3fs  # noqa: F401, PLC0415 (an extra, which brings the others)
        from aiohttp import ClientError  # noqa: PLC0415 (as above)
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 (as above)
    except ModuleNotFoundError as error:
        raise MissingExtraError("A storage in S3", extra="s3") from error
    return OSError, BotoCoreError, ClientError


@contextmanager
def _readable(source: Path) -> Iterator[IO[bytes]]:
    try:
        with source.open("rb") as file:
            yield file
    except UnavailableError as error:
        if error.__cause__ and _answer(error.__cause__)[0] in {"BadDigest", "InvalidRequest"}:
            raise changed_meanwhile(source) from error
        raise


def _answer(error: BaseException) -> tuple[str, int]:
    """The code and the HTTP status of a server's refusal; empty where no server answered."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    if not isinstance(response, dict):
        return "", 0
    code = str(response.get("Error", {}).get("Code", ""))
    return code, int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
