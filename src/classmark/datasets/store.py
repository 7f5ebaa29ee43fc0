"""Datasets on disk: immutable snapshots, and names that point at the newest of each.

::

    data/snapshots/<name>/<snapshot id>/{train,val,test}.json.gz
    data/splits/<name> -> ../snapshots/<name>/<snapshot id>
"""

import gzip
import os
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ijson
import orjson

from classmark.datasets.dataset import PARTS, Conflict, Dataset
from classmark.datasets.held import HeldSnapshot, held_snapshot, snapshot_folders
from classmark.datasets.samples import document_of, sample_of
from classmark.documents import Document
from classmark.durable import leads_outside, point_link, publishing
from classmark.errors import SettingError, SourceError, UnknownDatasetError
from classmark.naming import checked_name
from classmark.wording import absent

# What a damaged file may raise.
_UNREADABLE = (OSError, EOFError, zlib.error, KeyError, TypeError, StopIteration, ijson.JSONError)
_MADE = ("created_at", "source", "recipe", "dropped", "read")


def check_inside(path: Path, folder: Path) -> None:
    """Let a path pass that no link leads out of a folder.

    Raises:
        SourceError: One does.
    """
    if leads_outside(path, folder):
        raise SourceError(
            f"{path} is not in {folder}, where a link leads to it; it is not followed.",
            remedy="Prepare the dataset again, or let the whole of data be a link.",
        )


class DatasetStore:
    """The datasets under one `data` folder."""

    def __init__(self, folder: Path) -> None:
        self._snapshots = folder / "snapshots"
        self._names = folder / "splits"

    def save(self, dataset: Dataset) -> Path:
        """Write a snapshot, all of it or nothing, and let the name point at it.

        Returns:
            Its folder. A snapshot of these rows and this recipe that is there is left as it is.
        """
        link = self._names / checked_name(dataset.name, of="dataset")
        if link.exists() and not link.is_symlink():
            raise SourceError(f"{link} is no link.", remedy="Move away what stands there.")
        snapshot_id = dataset.snapshot_id
        folder = self._snapshots / dataset.name / snapshot_id
        check_inside(folder, self._snapshots)
        if folder.exists() and not _is_whole(folder, dataset.name, snapshot_id):
            folder.rename(folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.damaged"))
        if not folder.exists():
            # Another process may write the same rows just now: then they are there.
            with suppress(FileExistsError), publishing(folder) as draft:
                _write_parts(draft, dataset)
        if not folder.is_dir():
            raise SourceError(f"{folder} is no folder.", remedy="Move away what stands there.")
        self._names.mkdir(parents=True, exist_ok=True)
        point_link(link, os.path.relpath(folder, link.parent))
        return folder

    def folder(self, name: str) -> Path:
        """Where the snapshot lies that a name points at.

        Raises:
            UnknownDatasetError: There is no dataset of that name.
            SourceError: The name points out of the snapshots.
        """
        found = self.part_path(name, PARTS[0]).resolve().parent
        check_inside(found, self._snapshots)
        return found

    def names(self) -> list[str]:
        """The datasets that can be loaded."""
        if not self._names.is_dir():
            return []
        return sorted(path.name for path in self._names.iterdir() if not path.name.startswith("."))

    def part_path(self, name: str, part: str) -> Path:
        """The file of one part.

        Raises:
            UnknownDatasetError: There is no dataset of that name.
            SettingError: It is the name of a table.
        """
        path = self._names / checked_name(name, of="dataset") / f"{part}.json.gz"
        if path.is_file():
            return path
        if (self._names.parent / "tables" / name).is_dir():
            raise SettingError(
                f"{name!r} is a table, and this command reads texts.",
                remedy="Tables are for train, evaluate, compare and predict. Name a dataset of"
                " documents: classmark prepare SOURCE --name NAME",
            )
        raise UnknownDatasetError(
            absent("dataset", name, self.names()),
            remedy=f"Prepare it: classmark prepare SOURCE --name {name}",
        )

    def load(self, name: str) -> Dataset:
        """A whole dataset.

        Raises:
            UnknownDatasetError: There is no dataset of that name.
            SourceError: Its files are damaged: their rows don't give its fingerprint.
        """
        # Resolved once, so that all parts are of one snapshot even if the name moves meanwhile.
        return _read_snapshot(name, self.folder(name))

    def snapshots(self) -> list[tuple[str, str]]:
        """Name and snapshot id of all snapshots, also of those that no name points at any more."""
        found = self._snapshots.glob("*/*/" + f"{PARTS[0]}.json.gz")
        folders = [path.parent for path in found if not path.parent.name.startswith(".")]
        return sorted((folder.parent.name, folder.name) for folder in folders)

    def held(self) -> Iterator[HeldSnapshot]:
        """All snapshots with what is known of them unread, damaged ones too."""
        for folder in snapshot_folders(self._snapshots):
            link = self._names / folder.parent.name
            try:
                about = next(_items(folder / f"{PARTS[0]}.json.gz", "metadata"))
            except _UNREADABLE:
                about = {}
            yield held_snapshot(folder, link, about)

    def load_snapshot(self, name: str, snapshot_id: str) -> Dataset:
        """A dataset as it was.

        Raises:
            UnknownDatasetError: There is no such snapshot.
            SourceError: Its files are damaged.
        """
        if (name, snapshot_id) not in self.snapshots():
            raise UnknownDatasetError(
                f"There is no snapshot {snapshot_id} of dataset {name!r}.",
                remedy="It was deleted, or lies in another home.",
            )
        return _read_snapshot(name, self._snapshots / name / snapshot_id)


def _is_whole(folder: Path, name: str, snapshot_id: str) -> bool:
    try:
        return _read_snapshot(name, folder).snapshot_id == snapshot_id
    except SourceError:
        return False


def _read_snapshot(name: str, folder: Path) -> Dataset:
    parts: dict[str, list[Document]] = {}
    fingerprints: set[str] = set()
    for part in PARTS:
        made, fingerprint, parts[part] = _read_part(folder / f"{part}.json.gz")
        fingerprints.add(fingerprint)
    dataset = Dataset(name=name, parts=parts, **made)
    if fingerprints != {dataset.fingerprint}:
        raise SourceError(
            f"The files of dataset {name!r} were changed: their rows don't give their "
            f"fingerprint {' or '.join(sorted(fingerprints))}.",
            remedy="Prepare it again from its source.",
        )
    return dataset


def _write_parts(folder: Path, dataset: Dataset) -> None:
    counts, sizes = dataset.counts(), dataset.sizes()
    of_all = {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "sizes": sizes,
        "categories": list(dataset.labels),
        "created_at": dataset.created_at,
        "source": dict(dataset.source),
        "parents": [dataset.source.get("sha256", dataset.source.get("name", ""))],
        "recipe": dict(dataset.recipe),
        "dropped": dict(dataset.dropped),
        "read": dataset.read,
        "conflicts": [asdict(conflict) for conflict in dataset.conflicts],
    }
    for part, documents in dataset.parts.items():
        metadata = of_all | {"part": part, "samples": sizes[part], "counts": counts[part]}
        # Without name and time in its header the same content gives the same bytes.
        with (
            (folder / f"{part}.json.gz").open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0, compresslevel=6) as file,
        ):
            _write_samples(file, metadata, documents)


def _write_samples(
    file: gzip.GzipFile, metadata: Mapping[str, Any], documents: Sequence[Document]
) -> None:
    file.write(b'{"metadata": ' + orjson.dumps(metadata) + b',\n"samples": [')
    separator = b"\n"
    for document in documents:
        file.write(separator + orjson.dumps(sample_of(document)))
        separator = b",\n"
    file.write(b"\n]}\n")


def _read_part(path: Path) -> tuple[dict[str, Any], str, list[Document]]:
    """How the dataset was made, its fingerprint, and the rows of one part."""
    try:
        metadata = next(_items(path, "metadata"))
        made = {field: metadata[field] for field in _MADE}
        made["conflicts"] = tuple(Conflict(**one) for one in metadata.get("conflicts", ()))
        documents = [document_of(sample) for sample in _items(path, "samples.item")]
        return made, str(metadata["fingerprint"]), documents
    except _UNREADABLE as error:
        raise SourceError(
            f"{path} is damaged ({error}).", remedy="Prepare the dataset again from its source."
        ) from error


def _items(path: Path, place: str) -> Iterator[Any]:
    """The values at a place of a JSON file, one by one: a large part is never there twice."""
    with gzip.open(path, "rb") as file:
        yield from ijson.items(file, place, use_float=True)
