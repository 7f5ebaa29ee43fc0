"""Where a version comes from, and what became of a document."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from classmark.datasets import Dataset, DatasetStore, TableDataset, origin_of
from classmark.documents import Document, clean, steps_named
from classmark.errors import SettingError, SourceError, UnknownDatasetError
from classmark.registry import RegisteredVersion


class Link(StrEnum):
    """Whether what something was made from is still what it was."""

    INTACT = "intact"
    CHANGED = "changed"
    GONE = "gone"
    UNCHECKED = "unchecked"


class Role(StrEnum):
    """What a part of a dataset is to a version."""

    LEARNED = "learned from"
    TUNED = "tuned on"
    TESTED = "tested on"


_ROLES = {"train": Role.LEARNED, "val": Role.TUNED, "test": Role.TESTED}


@dataclass(frozen=True, slots=True)
class SourceTrace:
    """What a snapshot was prepared from.

    Attributes:
        origin: As the snapshot has it: `path` and `sha256`, else a `name`.
        link: Whether it is still so; a name alone can't be checked.
        sha256_now: Of the file as it is, where it was changed.
    """

    origin: Mapping[str, str]
    link: Link
    sha256_now: str | None = None


@dataclass(frozen=True, slots=True)
class SnapshotTrace:
    """What a version was trained on.

    Attributes:
        name: Of the dataset.
        snapshot_id: None where the version does not tell and no kept snapshot has its fingerprint.
        fingerprint: Of the rows that the version learned from.
        link: Whether the snapshot is still there and whole.
        dataset: The snapshot itself, where it is.
        source: What it was prepared from.
    """

    name: str
    snapshot_id: str | None
    fingerprint: str
    link: Link
    dataset: Dataset | TableDataset | None
    source: SourceTrace


@dataclass(frozen=True, slots=True)
class Holding:
    """A place where a document stands.

    Attributes:
        dataset: Its name.
        snapshot_id: Of the dataset.
        fingerprint: Of the snapshot.
        part: "train", "val" or "test".
        document: As it stands there.
    """

    dataset: str
    snapshot_id: str
    fingerprint: str
    part: str
    document: Document


@dataclass(frozen=True, slots=True)
class Use:
    """What a document was to a version.

    Attributes:
        version: Which.
        role: What it did with the document.
        holding: Where it found it.
    """

    version: RegisteredVersion
    role: Role
    holding: Holding


@dataclass(frozen=True, slots=True)
class DocumentTrace:
    """What became of a document.

    Attributes:
        holdings: In which snapshots it stands.
        uses: Which versions learned from it, were tuned on it or tested on it.
        unknown: Versions of which can't be told, as the snapshot they learned from is not kept.
        damaged: Snapshots that can't be read, as `name/snapshot id`.
    """

    holdings: Sequence[Holding]
    uses: Sequence[Use]
    unknown: Sequence[RegisteredVersion]
    damaged: Sequence[str]


def trace_version(version: RegisteredVersion, datasets: DatasetStore) -> SnapshotTrace:
    """The snapshot that a version was trained on, and what that was prepared from."""
    told = version.metadata["dataset"]
    snapshot_id, link, dataset = _snapshot(version, datasets)
    source = dataset.source if dataset is not None else told.get("source", {})
    return SnapshotTrace(
        str(told["name"]), snapshot_id, _fingerprint(version), link, dataset, trace_source(source)
    )


def learned_before(
    version: RegisteredVersion,
    datasets: DatasetStore,
    documents: Sequence[Document],
    parts: Sequence[str] = ("train",),
) -> list[bool] | None:
    """Of each document whether a version learned from it; None where that can't be told.

    It can't be where the snapshot is not kept as it was, or was cleaned by steps that this release
    does not have. The snapshot's texts were cleaned when it was made; those asked for are cleaned
    here by the same steps, which change nothing of a text that has been through them. A document
    is known by its text alone: a file has other ids, or none.

    Args:
        version: Of texts.
        datasets: Where its snapshot is looked up.
        documents: As they came, or cleaned.
        parts: Those of the snapshot that count.
    """
    _, link, dataset = _snapshot(version, datasets)
    if link is not Link.INTACT or dataset is None:
        return None
    try:
        steps = steps_named(dataset.recipe["cleaning"])
    except SettingError:
        return None
    learned = {document.text for part in parts for document in dataset.parts[part]}
    return [clean(document.text, steps) in learned for document in documents]


def trace_source(origin: Mapping[str, str]) -> SourceTrace:
    """Whether a source is still what it was; a file is read and its SHA-256 compared."""
    path, digest = origin.get("path"), origin.get("sha256")
    if path is None or digest is None:
        return SourceTrace(origin, Link.UNCHECKED)
    now = origin_of(path).get("sha256")
    if now is None:
        return SourceTrace(origin, Link.GONE)
    if now != digest:
        return SourceTrace(origin, Link.CHANGED, now)
    return SourceTrace(origin, Link.INTACT)


def trace_document(
    asked: str, datasets: DatasetStore, versions: Iterable[RegisteredVersion]
) -> DocumentTrace:
    """Where a document stands, and what it was to each version.

    Snapshots are read one after the other; no two are in memory at once.

    Args:
        asked: The document's id, or another source's as `doi:10.1000/182`, its kind apart or not.
        datasets: Where to look.
        versions: Those that may have used it.
    """
    holdings: list[Holding] = []
    kept: set[str] = set()
    damaged: list[str] = []
    for name, snapshot_id in datasets.snapshots():
        _, dataset = _loaded(name, snapshot_id, datasets)
        if dataset is None:
            damaged.append(f"{name}/{snapshot_id}")
            continue
        fingerprint = dataset.fingerprint
        kept.add(fingerprint)
        holdings += (
            Holding(name, snapshot_id, fingerprint, part, document)
            for part, documents in dataset.parts.items()
            for document in documents
            if is_known_as(document, asked)
        )
    of_all = list(versions)
    # The same fingerprint means the same rows in the same parts, whatever the snapshot is called.
    uses = [
        Use(version, _ROLES[holding.part], holding)
        for version in of_all
        for holding in _one_a_part(holdings, _fingerprint(version))
    ]
    unknown = [version for version in of_all if _fingerprint(version) not in kept]
    return DocumentTrace(holdings, uses, unknown, damaged)


def is_known_as(document: Document, asked: str) -> bool:
    """Whether one of a document's ids is meant, with its kind or without; case plays no part."""
    names = (document.id, *document.ids)
    bare = (name.partition(":")[2] for name in document.ids)
    return asked.strip().casefold() in {name.casefold() for name in (*names, *bare) if name}


def _one_a_part(holdings: Iterable[Holding], fingerprint: str) -> Iterable[Holding]:
    found: dict[tuple[str, str], Holding] = {}
    for holding in holdings:
        if holding.fingerprint == fingerprint:
            found.setdefault((holding.part, holding.document.id), holding)
    return found.values()


def _fingerprint(version: RegisteredVersion) -> str:
    return str(version.metadata["dataset"]["fingerprint"])


def _snapshot(
    version: RegisteredVersion, datasets: DatasetStore
) -> tuple[str | None, Link, Dataset | None]:
    """The id of the snapshot that a version was trained on, whether it is as it was, and itself."""
    told, fingerprint = version.metadata["dataset"], _fingerprint(version)
    name = str(told["name"])
    snapshot_id = told.get("snapshot") or _id_of(name, fingerprint, datasets)
    link, dataset = _loaded(name, snapshot_id, datasets)
    if dataset is not None and dataset.fingerprint != fingerprint:
        link = Link.CHANGED
    return snapshot_id, link, dataset


def _id_of(name: str, fingerprint: str, datasets: DatasetStore) -> str | None:
    """The kept snapshot with these rows; versions of earlier releases don't tell its id."""
    for other, snapshot_id in datasets.snapshots():
        if other == name:
            _, dataset = _loaded(name, snapshot_id, datasets)
            if dataset is not None and dataset.fingerprint == fingerprint:
                return snapshot_id
    return None


def _loaded(
    name: str, snapshot_id: str | None, datasets: DatasetStore
) -> tuple[Link, Dataset | None]:
    if snapshot_id is None:
        return Link.GONE, None
    try:
        return Link.INTACT, datasets.load_snapshot(name, snapshot_id)
    except UnknownDatasetError:
        return Link.GONE, None
    except SourceError:
        return Link.CHANGED, None
