"""What lies in a model's folder and is no part of a version."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

UNFINISHED = ".unfinished"


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something under a model's folder that is no part of a version.

    Attributes:
        path: Where it lies; of a storage elsewhere the key of a folder or of a file.
        what: "draft", "deleted" (a version that was), "unknown" (one that the database has not) or
            "upload" (half of a version in a storage elsewhere).
        megabytes: Its size, of 1,000,000 bytes.
        is_removed: Whether it went.
    """

    path: PurePath
    what: Literal["draft", "deleted", "unknown", "upload"]
    megabytes: float
    is_removed: bool = False

    @property
    def may_be_wanted(self) -> bool:
        """Whether somebody should look at it before it goes."""
        return self.what == "unknown"


def kind_of_leftover(
    path: Path, model: str, gone: Collection[str]
) -> Literal["draft", "deleted", "unknown"] | None:
    """What a path in a model's folder is if it is no part of a version; None where it is one.

    Args:
        path: The path.
        model: The model's name.
        gone: The names of deleted versions and of their signatures.
    """
    if path.match(".*.draft") or path.suffix == UNFINISHED or unfinished_mark(path).exists():
        return "draft"
    if path.name in gone:
        return "deleted"
    return "unknown" if path.name.startswith(f"{model}_v") else None


def unfinished_mark(folder: Path) -> Path:
    """What stands beside a version while the database does not know it yet."""
    return folder.with_name(f".{folder.name}{UNFINISHED}")
