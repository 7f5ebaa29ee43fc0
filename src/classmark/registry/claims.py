"""Who may publish a number: a claim says for which bytes it stands, and the first one counts."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from classmark.durable import JSON_OPTIONS
from classmark.errors import (
    SettingError,
    TamperedVersionError,
    UnavailableError,
    VersionExistsError,
)
from classmark.registry.objects import Content, Objects
from classmark.registry.records import RegisteredVersion
from classmark.registry.storage import written_version
from classmark.registry.version import Version

_TRIES = 8


@dataclass(frozen=True, slots=True)
class Claim:
    """What a number stands for in a storage.

    Attributes:
        digest: SHA-256 of the manifest of the only bytes that may be published under it.
        at: When it was made, or made young again.
        was_published: Whether others may have these bytes: then the number never stands for others.
        is_clearing: Whether what is half uploaded is being removed.
    """

    digest: str
    at: str
    was_published: bool = False
    is_clearing: bool = False


class Claims:
    """The claims of one storage, `<model>/claims/<model>_vX.Y.Z.json`.

    Args:
        objects: The storage's.
        now: The clock.
    """

    def __init__(self, objects: Objects, now: Callable[[], datetime]) -> None:
        self._objects = objects
        self._now = now

    def key(self, model: str, version: Version) -> str:
        """Where the claim to a number lies."""
        return f"{model}/claims/{written_version(model, version)}.json"

    def take(self, version: RegisteredVersion) -> Claim:
        """Claim a version's number for its bytes; whoever has claimed it for the same may too.

        Returns:
            The claim; if it says so, the number has to be cleared first.

        Raises:
            VersionExistsError: It stands for other bytes.
            SettingError: The storage writes over what is there although it is told not to.
        """
        key = self.key(version.model, version.version)
        mine = Claim(version.digest, self._moment())
        for _ in range(_TRIES):
            stored = self._objects.read(key)
            if stored is None:
                if self._objects.create(key, _written(mine)):
                    self._check_refuses(key, mine)
                    return mine
                continue
            found = self._parsed(stored, key)
            if found.is_clearing:
                return found
            if found.digest != version.digest:
                raise taken(version, self._objects.where)
            # Young again, so that nobody takes it for left behind.
            if self._objects.replace(key, _written(replace(found, at=mine.at)), stored.tag):
                return found
        raise self._busy(version.name)

    def find(self, model: str, version: Version) -> Claim | None:
        """What a number stands for, if anybody has claimed it."""
        key = self.key(model, version)
        stored = self._objects.read(key)
        return self._parsed(stored, key) if stored else None

    def mark_published(self, model: str, version: Version, digest: str) -> None:
        """Keep for ever what a number stands for whose bytes are about to go.

        Raises:
            UnavailableError: It could not be written: the bytes must stay.
        """
        kept = Claim(digest, self._moment(), was_published=True)
        self._change(
            model,
            version,
            lambda found: None if found and replace(found, at=kept.at) == kept else kept,
        )

    def bury(self, model: str, version: Version, before: datetime) -> Claim | None:
        """Take a number from whoever left it behind before a moment, so that it can be cleared.

        Returns:
            The claim as it was; None if somebody has begun to work on it again.
        """
        key = self.key(model, version)
        stored = self._objects.read(key)
        if stored is None:
            found = Claim("", self._moment())
            return found if self._objects.create(key, _written(_clearing(found))) else None
        found = self._parsed(stored, key)
        if not found.is_clearing and datetime.fromisoformat(found.at) > before:
            return None
        return found if self._objects.replace(key, _written(_clearing(found)), stored.tag) else None

    def release(self, model: str, version: Version, buried: Claim) -> None:
        """End the clearing of a number: it is free, or stands for what was once published.

        Raises:
            UnavailableError: That could not be written.
        """
        if buried.was_published:
            kept = replace(buried, is_clearing=False)
            # Who was quicker has ended it, and may have gone on.
            self._change(
                model, version, lambda found: kept if found is None or found.is_clearing else None
            )
        elif (found := self.find(model, version)) is not None and found.is_clearing:
            self._objects.remove([self.key(model, version)])

    def _change(
        self, model: str, version: Version, wanted: Callable[[Claim | None], Claim | None]
    ) -> None:
        """Write what is wanted in place of the claim that is there; nothing if that is None."""
        key = self.key(model, version)
        for _ in range(_TRIES):
            stored = self._objects.read(key)
            claim = wanted(self._parsed(stored, key) if stored else None)
            if claim is None:
                return
            content = _written(claim)
            if (
                self._objects.replace(key, content, stored.tag)
                if stored
                else self._objects.create(key, content)
            ):
                return
        raise self._busy(written_version(model, version))

    def _busy(self, name: str) -> UnavailableError:
        return UnavailableError(
            f"Others change {name} in the storage {self._objects.where} all the time.",
            remedy="Try again.",
        )

    def _check_refuses(self, key: str, mine: Claim) -> None:
        """Ask for what must be refused: there are servers that don't know conditional writes."""
        if self._objects.create(key, _written(mine)):
            self._objects.remove([key])
            raise SettingError(
                f"The storage {self._objects.where} writes over what is there although it is told"
                " not to (If-None-Match): two machines could publish one number.",
                remedy="Use a server that knows conditional writes.",
            )

    def _moment(self) -> str:
        return self._now().isoformat(timespec="seconds")

    def _parsed(self, stored: Content, key: str) -> Claim:
        try:
            found = Claim(**orjson.loads(stored.content))
            if datetime.fromisoformat(found.at).tzinfo is None:
                raise ValueError("a moment without a zone")  # noqa: TRY301 (told as the others)
        except (ValueError, TypeError) as error:
            raise TamperedVersionError(
                f"{key} in the storage {self._objects.where} is not what was written.",
                remedy="Look at it, remove it, and publish the version again.",
            ) from error
        return found


def taken(version: RegisteredVersion, where: str) -> VersionExistsError:
    """That a number stands for other bytes."""
    return VersionExistsError(
        f"{version.name} has other bytes in the storage {where}: another registry has published it,"
        " or has begun to.",
        remedy=f"Published versions never change: remove yours with classmark delete"
        f" {version.model}@{version.version} and train again, which gives it the next number."
        " What was begun and never ended, classmark gc removes.",
    )


def digest_of(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _clearing(claim: Claim) -> Claim:
    return replace(claim, is_clearing=True)


def _written(claim: Claim) -> bytes:
    return orjson.dumps(claim, option=JSON_OPTIONS) + b"\n"
