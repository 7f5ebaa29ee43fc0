"""How versions come into a storage and go from it, whatever kills who does it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Literal

from classmark.errors import SettingError, TamperedVersionError, UnavailableError
from classmark.naming import is_name
from classmark.registry.claims import Claim, Claims, digest_of, taken
from classmark.registry.integrity import MANIFEST, checked_files, verify_manifest
from classmark.registry.leftovers import Leftover
from classmark.registry.objects import INNER, Objects, StoredObject
from classmark.registry.records import RegisteredVersion
from classmark.registry.storage import written_version
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
        found = self.digest(version.model, version.version)
        if found not in {None, version.digest}:
            raise taken(version, self._objects.where)
        if found is not None and not version.folder.exists():
            # It is there, and nothing is here to mend it from.
            return
        files = _files(version)
        if found is None:
            self._take(version, files)
            self._upload(version, files)
        for _ in range(_TRIES):
            missing = self._missing(version, files)
            if not missing:
                return
            self._upload(version, missing)
        raise UnavailableError(
            f"What is uploaded of {version.name} does not stay in {self._objects.where}.",
            remedy="See who removes it, then try again.",
        )

    def withdraw(
        self, model: str, version: Version, digest: str, beside: Sequence[str] = ()
    ) -> bool:
        """Take a version away, its manifest first, so that nobody sees half of it.

        Args:
            model: The model's name.
            version: Its number.
            digest: SHA-256 of its manifest: other bytes are left alone.
            beside: Keys of what goes with it and before it.

        Returns:
            Whether something of it was there.

        Raises:
            UnavailableError: The storage does not answer, or could not keep what the number stands
                for: then nothing was removed.
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
        self._objects.remove([*beside, *sorted(keys, key=lambda key: key != folder + MANIFEST)])
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
        published = self.digest(model, version)
        if published is None:
            self._objects.remove(
                [one.key for one in self._objects.listed(folder_key(model, version))]
            )
            self._claims.release(model, version, buried)
        else:
            # Whoever was slow has ended it meanwhile, and it counts.
            ended = replace(buried, digest=published, was_published=True)
            self._claims.release(model, version, ended)

    def _take(self, version: RegisteredVersion, files: Iterable[str]) -> None:
        """Claim a version's number; what others began to clear there is cleared first."""
        while (claim := self._claims.take(version)).is_clearing:
            self._clear(version.model, version.version, claim)
        known = {folder_key(version.model, version.version) + name for name in files}
        there = self._objects.listed(folder_key(version.model, version.version))
        self._objects.remove([one.key for one in there if one.key not in known])

    def _missing(self, version: RegisteredVersion, files: Mapping[str, str]) -> dict[str, str]:
        """Those of a version's files that are not there in their size, the manifest last."""
        folder = folder_key(version.model, version.version)
        there = {one.key: one.size for one in self._objects.listed(folder)}
        return {
            name: digest
            for name, digest in files.items()
            if there.get(folder + name) != (version.folder / name).stat().st_size
        }

    def _upload(self, version: RegisteredVersion, files: Mapping[str, str]) -> None:
        """Write files where none are; what a killed process wrote otherwise is written anew."""
        folder = folder_key(version.model, version.version)
        try:
            for name, digest in files.items():
                self._upload_file(folder + name, version.folder / name, digest)
        except UnavailableError:
            # Each file is checked on its way: was it the storage, or is it not intact here?
            verify_manifest(version.folder, version.digest)
            raise

    def _upload_file(self, key: str, path: Path, digest: str) -> None:
        while not self._objects.upload(key, path, digest):
            if self._objects.digest(key) == digest:
                return
            self._objects.remove([key])


def _files(version: RegisteredVersion) -> dict[str, str]:
    """The digests by name of a version's files here, the manifest last.

    Raises:
        TamperedVersionError: The manifest is not the registered one, or names what can't be stored.
    """
    try:
        content = (version.folder / MANIFEST).read_bytes()
        if digest_of(content) == version.digest:
            return checked_files(content) | {MANIFEST: version.digest}
        problem = f"{MANIFEST} was changed"
    except (OSError, ValueError) as error:
        problem = str(error)
    raise TamperedVersionError(
        f"{version.folder} can't be published: {problem}.",
        remedy="Never use it: restore it from a backup, or train it again.",
    )


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
