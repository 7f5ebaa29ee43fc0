"""What must be said beside a figure."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from classmark.assembly import Home
from classmark.cli.terminal import say_warning
from classmark.documents import Document
from classmark.registry import RegisteredVersion
from classmark.retraining import learned_before, learned_rows

if TYPE_CHECKING:
    import pandas as pd


def warn_of_learned(
    home: Home, versions: Iterable[RegisteredVersion], documents: Sequence[Document]
) -> None:
    """Say so if a version is measured on documents that it learned from."""
    for version in versions:
        count = sum(learned_before(version, home.datasets, documents) or ())
        _warn(version, count, f"{len(documents):,} documents")


def warn_of_taught(home: Home, teacher: RegisteredVersion, documents: Sequence[Document]) -> None:
    """Say so if a teacher learned from documents that its student is measured on."""
    count = sum(learned_before(teacher, home.datasets, documents) or ())
    if count:
        say_warning(
            f"{teacher.name} learned from {count:,} of the {len(documents):,} documents of val and"
            " test: the figures of a version that it teaches are too good."
        )


def warn_of_rows(place: Home, version: RegisteredVersion, rows: "pd.DataFrame") -> None:
    """Say so if a version is measured on rows that it learned from."""
    _warn(version, sum(learned_rows(version, place.tables, rows) or ()), f"{len(rows):,} rows")


def _warn(version: RegisteredVersion, count: int, measured: str) -> None:
    if count:
        say_warning(
            f"{version.name} learned from {count:,} of these {measured}: its figures are too good."
        )
