"""What is known of a snapshot on disk without reading its rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class HeldSnapshot:
    """A snapshot on disk.

    Attributes:
        folder: Where it lies; its parent has the dataset's name.
        link: What points at the newest snapshot of that name; perhaps at this one.
        created_at: When it was prepared; of a damaged one when its files were last written.
        fingerprint: Of its rows; empty where it can't be told.
        bytes: Of its files.
    """

    folder: Path
    link: Path
    created_at: datetime
    fingerprint: str
    bytes: int

    @property
    def name(self) -> str:
        """The dataset's."""
        return self.folder.parent.name

    @property
    def snapshot_id(self) -> str:
        """As versions have it."""
        return self.folder.name


def snapshot_folders(root: Path) -> Iterator[Path]:
    """The folders `<name>/<snapshot id>` below a folder, sorted; drafts and links are none."""
    for folder in sorted(root.glob("*/*")):
        hidden = folder.name.startswith(".") or folder.parent.name.startswith(".")
        if folder.is_dir() and not folder.is_symlink() and not hidden:
            yield folder


def held_snapshot(folder: Path, link: Path, about: Mapping[str, Any]) -> HeldSnapshot:
    """The snapshot in a folder, by what it says about itself; nothing where it is damaged."""
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    written = max((file.st_mtime for file in files), default=folder.stat().st_mtime)
    created_at = _moment(about.get("created_at")) or datetime.fromtimestamp(written, UTC)
    size = sum(file.st_size for file in files)
    return HeldSnapshot(folder, link, created_at, str(about.get("fingerprint", "")), size)


def _moment(written: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
