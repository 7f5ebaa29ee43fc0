"""What must be said beside a figure."""

from collections.abc import Iterable, Sequence

from classmark.assembly import Home
from classmark.cli.terminal import say_warning
from classmark.documents import Document
from classmark.registry import RegisteredVersion
from classmark.retraining import learned_before


def warn_of_learned(
    home: Home, versions: Iterable[RegisteredVersion], documents: Sequence[Document]
) -> None:
    """Say so if a version is measured on documents that it learned from."""
    for version in versions:
        if count := learned_before(version, home.datasets, documents):
            say_warning(
                f"{version.name} learned from {count:,} of these {len(documents):,} documents: its"
                " figures are too good."
            )
