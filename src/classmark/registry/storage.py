"""Versions on disk.

::

    models/<model>/<model>_vX.Y.Z/          one version, complete with its manifest
    models/<model>/<model>_vX.Y.Z.sig       its signature, if somebody vouched for it
    models/<model>/production -> ...        the live one
    models/<model>/cards/<model>_vX.Y.Z.md  its card, which changes as its state does
    models/<model>/version_registry.json    a view written from the database
"""

import logging
import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from classmark.durable import (
    as_json,
    exclusive,
    leads_outside,
    point_link,
    publishing,
    write_bytes,
)
from classmark.errors import UnavailableError, VersionExistsError
from classmark.naming import is_name
from classmark.registry.card import model_card
from classmark.registry.integrity import is_digest, manifest_digest, write_manifest
from classmark.registry.leftovers import (
    UNFINISHED,
    Leftover,
    kind_of_leftover,
    unfinished_mark,
)
from classmark.registry.version import PRODUCTION, Version

logger = logging.getLogger(__name__)

METADATA = "metadata.json"
CARD = "card.md"
CARDS = "cards"
VIEW = "version_registry.json"
_SIGNATURE = ".sig"


def written_version(model: str, version: Version) -> str:
    """A version as it is written: `arxiv_v1.0.0`."""
    return f"{model}_{version}"


def signature_of(folder: Path) -> Path:
    """Where the signature of a version's folder lies, whether it is there or not.

    Beside the folder: nothing inside of it ever changes.
    """
    return folder.with_name(f"{folder.name}{_SIGNATURE}")


def folder_megabytes(folder: Path) -> float:
    """The size of all files of a folder, in MB of 1,000,000 bytes."""
    if not folder.is_dir():
        return round(folder.lstat().st_size / 1e6, 3)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return round(size / 1e6, 3)


class VersionFolders:
    """The versions under one `models` folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, model: str, version: Version) -> Path:
        """Where a version lies, whether it is there or not."""
        return self._root.joinpath(model, written_version(model, version))

    def keep_signature(self, folder: Path, content: bytes) -> None:
        """Put a signature beside a version's folder, in place of one that is there.

        Raises:
            UnavailableError: It could not be written; what was there is there.
        """
        signature = signature_of(folder)
        with _written(signature):
            write_bytes(signature, content)

    def models(self) -> list[str]:
        """The names of the folders, sorted."""
        found = self._root.iterdir() if self._root.is_dir() else ()
        return sorted(path.name for path in found if path.is_dir() and is_name(path.name))

    @contextmanager
    def locked(self, model: str) -> Iterator[None]:
        """Keep every other process on this machine from changing a model's versions."""
        folder = self._root / model
        with ExitStack() as held:
            with _written(folder):
                self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
                folder.mkdir(exist_ok=True, mode=0o700)
                if leads_outside(folder, self._root):
                    raise UnavailableError(
                        f"{folder} is a link that leads out of {self._root}; nothing is written"
                        " there.",
                        remedy="Put a folder in its place, or let the whole of models be a link.",
                    )
                held.enter_context(exclusive(folder / ".lock"))
            yield

    @contextmanager
    def unfinished(self, model: str, version: Version) -> Iterator[None]:
        """Mark a version that the database does not know yet; the mark goes when the block ends.

        If it does not end well, the mark stays beside what was written: that is a draft then, which
        nobody but this registration ever knew.
        """
        folder, is_known = self.folder(model, version), False
        mark = unfinished_mark(folder)
        with _written(mark):
            write_bytes(mark, b"", is_forced=False)
        try:
            yield
            is_known = True
        finally:
            if is_known or not folder.exists():
                mark.unlink()

    def publish(
        self, model: str, version: Version, artifact: Path, metadata: Mapping[str, Any]
    ) -> str:
        """Copy an artifact to its place, with metadata, card and, last, the manifest.

        Returns:
            The SHA-256 of the manifest.

        Raises:
            VersionExistsError: The folder is there already.
            UnavailableError: The files could not be written; none of them stays.
        """
        target = self.folder(model, version)
        with _written(target):
            try:
                with publishing(target) as draft:
                    shutil.copytree(artifact, draft, dirs_exist_ok=True)
                    draft.chmod(0o700)
                    (draft / METADATA).write_bytes(as_json(metadata))
                    (draft / CARD).write_bytes(model_card(metadata).encode())
                    write_manifest(draft)
            except FileExistsError as error:
                raise VersionExistsError(
                    f"{target} is there already.",
                    remedy="Published versions never change; register the next one.",
                ) from error
        return manifest_digest(target)

    def set_aside(self, model: str, version: Version) -> None:
        """Clear what processes left behind that died before the database knew of their version.

        Half-written drafts go, and so does a version that is marked as unfinished. Another whole
        version is set aside, not deleted: it may have been made with another database. To be
        called under the model's lock.
        """
        target = self.folder(model, version)
        with _written(target):
            for draft in target.parent.glob(".*.draft"):
                _remove(draft)
            if unfinished_mark(target).exists():
                self.remove(target)
            mark = f".unknown-{uuid.uuid4().hex[:8]}"
            for unknown in filter(os.path.lexists, (target, signature_of(target))):
                aside = unknown.with_name(f"{target.name}{mark}{unknown.name[len(target.name) :]}")
                unknown.rename(aside)
                logger.warning("The database does not know %s; now it is %s", unknown, aside.name)

    def leftovers(
        self, model: str, present: Collection[Version], deleted: Collection[Version]
    ) -> list[Leftover]:
        """What lies in a model's folder beside its versions, by name.

        To be called under the model's lock: the draft of a registration would be among them.
        """
        folder = self._root / model
        versions, gone = (
            {
                f"{written_version(model, version)}{ending}"
                for version in some
                for ending in ("", _SIGNATURE)
            }
            for some in (present, deleted)
        )
        # A mark goes after what it marks: who dies between the two leaves both to the next one.
        paths = sorted(
            [*folder.iterdir(), *(folder / CARDS).glob(".*.draft")],
            key=lambda path: (path.suffix == UNFINISHED, path.name),
        )
        return [
            Leftover(path, what, 0.0 if path.is_symlink() else folder_megabytes(path))
            for path in paths
            if path.name not in versions and (what := kind_of_leftover(path, model, gone))
        ]

    def cleared(self, leftover: Leftover) -> Leftover:
        """The same, after it was removed."""
        self.remove(Path(leftover.path))
        return replace(leftover, is_removed=True)

    def remove(self, folder: Path) -> None:
        """Remove a version's files and signature, if they are there; nobody ever sees half of them.

        Raises:
            UnavailableError: They could not be removed.
        """
        with _written(folder):
            for path in filter(os.path.lexists, (folder, signature_of(folder))):
                draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.draft")
                path.rename(draft)
                _remove(draft)

    def keep_card(self, model: str, version: Version, card: str | None) -> None:
        """Write the card of a version, or remove it where the version is gone (None).

        Raises:
            UnavailableError: It could not be written.
        """
        path = self._card(model, version)
        with _written(path):
            if leads_outside(path.parent, self._root):
                raise UnavailableError(
                    f"{path.parent} is a link that leads out of {self._root}; nothing is written"
                    " there.",
                    remedy="Remove the link; the next change of the model makes a folder.",
                )
            if card is None:
                path.unlink(missing_ok=True)
            else:
                path.parent.mkdir(exist_ok=True, mode=0o700)
                write_bytes(path, card.encode(), is_forced=False)

    def cardless(self, model: str, versions: Collection[Version]) -> set[Version]:
        """Those of the versions whose card is not there, or was emptied by a power cut."""
        cards = {version: self._card(model, version) for version in versions}
        return {
            version
            for version, path in cards.items()
            if not path.is_file() or not path.stat().st_size
        }

    def _card(self, model: str, version: Version) -> Path:
        return self._root / model / CARDS / f"{written_version(model, version)}.md"

    def show(self, model: str, live: Version | None, view: Mapping[str, Any]) -> None:
        """Let the `production` link and the JSON view say what the database says.

        Raises:
            UnavailableError: They could not be written; the next change of the model mends them.
        """
        folder = self._root / model
        with _written(folder):
            if live is None:
                (folder / PRODUCTION).unlink(missing_ok=True)
            else:
                point_link(folder / PRODUCTION, written_version(model, live), is_forced=False)
            # Unlike what the database can give again it is never lost, as it alone tells of events
            # that are lost there; the one from before this change tells of all but the last.
            write_bytes(folder / VIEW, as_json(view), may_lag=True)

    def behind(self, model: str, live: Version | None, view: Mapping[str, Any]) -> list[str]:
        """Where link and JSON view say something else than they should, a sentence each."""
        link, wanted = self._root / model / PRODUCTION, live and written_version(model, live)
        found: list[str] = []
        if os.path.lexists(link) and not link.is_symlink():
            found.append(f"{link} is no link.")
        elif (target := link.readlink().name if link.is_symlink() else None) != wanted:
            found.append(f"{link} names {target or 'nothing'}, and {wanted or 'nothing'} is live.")
        try:
            shown = orjson.loads((self._root / model / VIEW).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            shown = None
        if shown != view:
            found.append(f"{self._root / model / VIEW} does not say what the database says.")
        return found

    def shown_digests(self, model: str) -> list[str]:
        """The digests of events that the JSON view tells of: the last one, and those since lost."""
        try:
            view = orjson.loads((self._root / model / VIEW).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return []
        if not isinstance(view, dict):
            return []
        lost = view.get("lost_digests")
        told = [view.get("history_digest"), *(lost if isinstance(lost, list) else [])]
        # Anybody may have written the file.
        return [digest for digest in told if isinstance(digest, str) and is_digest(digest)]


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """What is written in the block is; else the error says where it could not be."""
    try:
        yield
    except OSError as error:
        raise UnavailableError(
            f"{folder} can't be written ({error}).",
            remedy="Free some disk space or mend its permissions, then try again.",
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
