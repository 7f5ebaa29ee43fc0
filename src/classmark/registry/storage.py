"""Versions on disk.

::

    models/<model>/<model>_vX.Y.Z/          one version, complete with its manifest
    models/<model>/production -> ...        the live one
    models/<model>/version_registry.json    a view written from the database
"""

import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from classmark.durable import exclusive, point_link, publishing, write_json
from classmark.errors import VersionExistsError
from classmark.registry.integrity import manifest_digest, write_manifest
from classmark.registry.version import PRODUCTION, Version

METADATA = "metadata.json"
VIEW = "version_registry.json"


def written_version(model: str, version: Version) -> str:
    """A version as it is written: `arxiv_v1.0.0`."""
    return f"{model}_{version}"


def folder_megabytes(folder: Path) -> float:
    """The size of all files of a folder, in MB of 1,000,000 bytes."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return round(size / 1e6, 3)


class VersionFolders:
    """The versions under one `models` folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, model: str, version: Version) -> Path:
        """Where a version lies, whether it is there or not."""
        return self._root / model / written_version(model, version)

    def locked(self, model: str) -> AbstractContextManager[None]:
        """Keep every other process on this machine from changing a model's versions."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self._root / model).mkdir(exist_ok=True, mode=0o700)
        return exclusive(self._root / model / ".lock")

    def publish(
        self, model: str, version: Version, artifact: Path, metadata: Mapping[str, Any]
    ) -> str:
        """Copy an artifact to its place, with metadata and, last, the manifest.

        Returns:
            The SHA-256 of the manifest.

        Raises:
            VersionExistsError: The folder is there already.
        """
        target = self.folder(model, version)
        try:
            with publishing(target) as draft:
                shutil.copytree(artifact, draft, dirs_exist_ok=True)
                draft.chmod(0o700)
                write_json(draft / METADATA, metadata)
                write_manifest(draft)
        except FileExistsError as error:
            raise VersionExistsError(
                f"{target} is there already.",
                remedy="Published versions never change; register the next one.",
            ) from error
        return manifest_digest(target)

    def remove(self, model: str, version: Version) -> None:
        """Delete a version's bytes, if they are there."""
        target = self.folder(model, version)
        if target.exists():
            # Renamed first, so that a half-deleted version never stands under its name.
            doomed = target.with_name(f".{target.name}.removed")
            target.rename(doomed)
            shutil.rmtree(doomed)

    def show(self, model: str, live: Version | None, view: Mapping[str, Any]) -> None:
        """Let the `production` link and the JSON view say what the database says."""
        link = self._root / model / PRODUCTION
        if live is None:
            link.unlink(missing_ok=True)
        else:
            point_link(link, written_version(model, live))
        write_json(self._root / model / VIEW, view)
