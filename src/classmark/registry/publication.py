"""How versions come into a storage and go from it, whatever kills who does it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Literal

from classmark.errors import SettingError, UnavailableError
from classmark.naming import is_name
from classmark.registry.claims import Claim, Claims, digest_of, taken
from classmark.registry.integrity import MANIFEST, checked_files, verify_manifest
from classmark.registry.objects import INNER, Objects, StoredObject
from classmark.registry.records import RegisteredVersion
from classmark.registry.storage import Leftover, written_version
from classmark.registry.version import Version

# Others may remove what lacks a manifest while it is written, if they took it for left behind.
_TRIES = 3


def folder_key(model: str, version: Version) -> str:
    """What the keys of a version's files begin with."""
    return f"{model}/{written_version(model, version)}/"


class Publication:
    """Publishes into one storage.

    Args:
        objects: The storage's.
        now: The clock.
        grace: What is half uploaded is left alone for so long after something was added.
    """

    def __init__(self, objects: Objects, now: Callable[[], datetime], grace: timedelta) -> None:
        self._objects = objects
        self._claims = Claims(objects, now)
        self._now = now
        self._grace = grace

    def publish(self, version: RegisteredVersion) -> None:
        """Bring a version there: claim, files, and last the manifest.

        Raises:
            VersionExistsError: Its number stands for other bytes.
            TamperedVersionError: It is not intact here.
            UnavailableError: The storage does not answer.
        """
        verify_manifest(version.folder, version.digest)
        found = self.digest(version.model, version.version)
        if found not in {None, version.digest}:
            raise taken(version, self._objects.where)
        if found is None:
            self._take(version)
            self._upload(version, _files(version))
        for _ in range(_TRIES):
            missing = self._missing(version)
            if not missing:
                return
            self._upload(version, missing)
        raise UnavailableError(
            f"What is uploaded of {version.name} does not stay in {self._objects.where}.",
            remedy="See who removes it, then try again.",
        )

    def withdraw(self, model: str, version: Version, digest: str) -> bool:
        """Take a version away, its manifest first, so that nobody sees half of it.

        Args:
            model: The model's name.
            version: Its number.
            digest: SHA-256 of its manifest: other bytes are left alone.

        Returns:
            Whether something of it was there.
        """
        found, claim = self.digest(model, version), self._claims.find(model, version)
        if digest != (found or (claim.digest if claim else digest)):
            return False
        folder = folder_key(model, version)
        keys = [one.key for one in self._objects.listed(folder)]
        if found is not None:
            # Before its bytes go: whatever dies now, the number stands for them.
            self._claims.mark_published(model, version, found)
        elif claim is not None and not claim.was_published:
            keys.append(self._claims.key(model, version))
        self._objects.remove(sorted(keys, key=lambda key: key != folder + MANIFEST))
        return bool(keys)

    def digest(self, model: str, version: Version) -> str | None:
        """SHA-256 of a version's manifest; None if it is not published."""
        manifest = self._objects.read(folder_key(model, version) + MANIFEST)
        return digest_of(manifest.content) if manifest else None

    def tidy(self, *, dry_run: bool) -> Iterator[Leftover]:
        """Remove what processes left behind that died while they published.

        Args:
            dry_run: Remove nothing.

        Yields:
            What was half uploaded, and whether it went.
        """
        before = self._now() - self._grace
        for draft in self._objects.listed(INNER):
            if draft.key.endswith(".draft") and draft.at < before:
                if not dry_run:
                    self._objects.remove([draft.key])
                yield _leftover(draft.key, "draft", [draft], is_removed=not dry_run)
        for (model, version), objects in _by_version(self._objects.listed("")).items():
            if not self._is_left_behind(model, version, objects, before):
                continue
            is_removed = not dry_run and self._cleared(model, version, before)
            where = folder_key(model, version)
            yield _leftover(where, "upload", objects, is_removed=is_removed)

    def _is_left_behind(
        self, model: str, version: Version, objects: Sequence[StoredObject], before: datetime
    ) -> bool:
        """Whether nobody has worked for long on what never became a version."""
        folder = folder_key(model, version)
        if max(one.at for one in objects) >= before or any(
            one.key == folder + MANIFEST for one in objects
        ):
            return False
        # A claim may stand alone for a number whose version was taken away.
        claim = self._claims.find(model, version)
        alone = not any(one.key.startswith(folder) for one in objects)
        return not (alone and claim and claim.was_published and not claim.is_clearing)

    def _cleared(self, model: str, version: Version, before: datetime) -> bool:
        buried = self._claims.bury(model, version, before)
        if buried is None:
            return False
        self._clear(model, version, buried)
        return True

    def _clear(self, model: str, version: Version, buried: Claim) -> None:
        if self.digest(model, version) is None:
            self._objects.remove(
                [one.key for one in self._objects.listed(folder_key(model, version))]
            )
            self._claims.release(model, version, buried)
        else:
            # Whoever was slow has ended it meanwhile, and it counts.
            self._claims.release(model, version, replace(buried, was_published=True))

    def _take(self, version: RegisteredVersion) -> None:
        """Claim a version's number; what others began to clear there is cleared first."""
        while (claim := self._claims.take(version)).is_clearing:
            self._clear(version.model, version.version, claim)
        known = {folder_key(version.model, version.version) + name for name in _files(version)}
        there = self._objects.listed(folder_key(version.model, version.version))
        self._objects.remove([one.key for one in there if one.key not in known])

    def _missing(self, version: RegisteredVersion) -> list[str]:
        """The files of a version that are not there in their size, the manifest last."""
        folder = folder_key(version.model, version.version)
        there = {one.key: one.size for one in self._objects.listed(folder)}
        return [
            name
            for name in _files(version)
            if there.get(folder + name) != (version.folder / name).stat().st_size
        ]

    def _upload(self, version: RegisteredVersion, names: Iterable[str]) -> None:
        """Write files where none are; what a killed process wrote otherwise is written anew."""
        digests = _files(version)
        for name in names:
            key = folder_key(version.model, version.version) + name
            path, digest = version.folder / name, digests[name]
            while not self._objects.upload(key, path, digest):
                if self._objects.digest(key) == digest:
                    break
                self._objects.remove([key])


def _files(version: RegisteredVersion) -> dict[str, str]:
    """The digests by name of a version's files here, the manifest last."""
    content = (version.folder / MANIFEST).read_bytes()
    return checked_files(content) | {MANIFEST: digest_of(content)}


def _by_version(
    objects: Iterable[StoredObject],
) -> dict[tuple[str, Version], list[StoredObject]]:
    """The objects of each version and of the claim to its number; what is neither is left out."""
    found: dict[tuple[str, Version], list[StoredObject]] = defaultdict(list)
    for one in objects:
        if (named := version_of_key(one.key)) is not None:
            found[named].append(one)
    return found


def version_of_key(key: str) -> tuple[str, Version] | None:
    """To which model and version an object belongs: one of its files, or the claim to it."""
    model, _, rest = key.partition("/")
    folder, _, name = rest.partition("/")
    written = name.removesuffix(".json") if folder == "claims" else folder
    number = written.removeprefix(f"{model}_")
    if not is_name(model) or not name or number == written:
        return None
    try:
        return model, Version.parse(number)
    except SettingError:
        return None


def _leftover(
    key: str, what: Literal["draft", "upload"], objects: Iterable[StoredObject], *, is_removed: bool
) -> Leftover:
    size = sum(one.size for one in objects)
    return Leftover(PurePosixPath(key), what, round(size / 1e6, 3), is_removed=is_removed)
