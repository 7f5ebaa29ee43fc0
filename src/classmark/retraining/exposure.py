"""Which rows versions have met before they are measured on them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from classmark.datasets import DatasetStore, TableStore
from classmark.documents import Document
from classmark.errors import InputError, NotFoundError
from classmark.registry import ModelReference, RegisteredVersion, Registry
from classmark.retraining.lineage import learned_before
from classmark.retraining.table_lineage import learned_rows

if TYPE_CHECKING:
    import pandas as pd

# What a version learned from, and what its thresholds and its calibration were fitted on.
_MET = ("train", "val")


@dataclass(frozen=True, slots=True)
class Exposure:
    """Which rows versions have met.

    Attributes:
        met: Of each row whether one of them did, as far as can be told.
        untold: Those of which it can't be told, and why, as a phrase each.
    """

    met: Sequence[bool]
    untold: tuple[str, ...] = ()


def met_documents(
    versions: Iterable[RegisteredVersion],
    registry: Registry,
    datasets: DatasetStore,
    documents: Sequence[Document],
) -> Exposure:
    """Which documents versions have met, or those that taught them.

    Args:
        versions: Of texts.
        registry: Where their teachers are looked up.
        datasets: Where it is looked up what they learned from.
        documents: As they came, or cleaned.
    """
    flags: list[list[bool]] = []
    untold: list[str] = []
    for one in _and_teachers(versions, registry):
        if isinstance(one, str):
            untold.append(one)
        elif (found := learned_before(one, datasets, documents, _MET)) is None:
            untold.append(_not_kept(one))
        else:
            flags.append(found)
    return Exposure(_any(flags, len(documents)), tuple(untold))


def met_rows(
    versions: Iterable[RegisteredVersion], tables: TableStore, rows: "pd.DataFrame"
) -> Exposure:
    """Which rows of a table versions have met.

    Args:
        versions: Of tables.
        tables: Where it is looked up what they learned from.
        rows: As they came.
    """
    found = [(one, learned_rows(one, tables, rows, _MET)) for one in versions]
    untold = tuple(_not_kept(one) for one, flags in found if flags is None)
    return Exposure(_any([flags for _, flags in found if flags is not None], len(rows)), untold)


def _and_teachers(
    versions: Iterable[RegisteredVersion], registry: Registry
) -> Iterator[RegisteredVersion | str]:
    """Versions, those that taught them and so on, each once; of one that is gone a phrase."""
    waiting, seen = [*versions], set[str]()
    for one in waiting:
        if one.name in seen:
            continue
        seen.add(one.name)
        yield one
        named = one.metadata.get("teacher")
        try:
            # The loop comes to it.
            waiting += [registry.resolve(ModelReference.parse(named))] if named else []
        except (NotFoundError, InputError):
            yield f"{named}, which taught {one.name} and is not in this registry"


def _not_kept(version: RegisteredVersion) -> str:
    told = version.metadata["dataset"]
    snapshot = told.get("snapshot")
    named = f"{told['name']}/{snapshot}" if snapshot else f"of {told['name']}"
    return f"{version.name}, whose snapshot {named} can't be read here"


def _any(flags: Sequence[Sequence[bool]], rows: int) -> list[bool]:
    return [any(row) for row in zip(*flags, strict=True)] if flags else [False] * rows
