"""Datasets on disk: immutable snapshots, and names that point at the newest of each.

::

    data/snapshots/<name>/<fingerprint, 12 digits>/{train,val,test}.json.gz
    data/splits/<name> -> ../snapshots/<name>/<fingerprint>
"""

import gzip
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from classmark.datasets.dataset import PARTS, Dataset
from classmark.documents import Document
from classmark.durable import point_link, publishing
from classmark.errors import SourceError, UnknownDatasetError
from classmark.naming import checked_name


class DatasetStore:
    """The datasets under one `data` folder."""

    def __init__(self, folder: Path) -> None:
        self._snapshots = folder / "snapshots"
        self._names = folder / "splits"

    def save(self, dataset: Dataset) -> Path:
        """Write a snapshot, all of it or nothing, and let the name point at it.

        Returns:
            Its folder. A snapshot with that fingerprint that is there already is left as it is.
        """
        fingerprint = dataset.fingerprint
        folder = self._snapshots / dataset.name / fingerprint[:12]
        if not folder.exists():
            # Another process may write the same rows just now: then they are there.
            with suppress(FileExistsError), publishing(folder) as draft:
                _write_parts(draft, dataset, fingerprint)
        self._names.mkdir(parents=True, exist_ok=True)
        link = self._names / dataset.name
        point_link(link, os.path.relpath(folder, link.parent))
        return folder

    def names(self) -> list[str]:
        """The datasets that can be loaded."""
        if not self._names.is_dir():
            return []
        return sorted(path.name for path in self._names.iterdir() if not path.name.startswith("."))

    def part_path(self, name: str, part: str) -> Path:
        """The file of one part.

        Raises:
            UnknownDatasetError: There is no dataset of that name.
        """
        path = self._names / checked_name(name, of="dataset") / f"{part}.json.gz"
        if path.is_file():
            return path
        known = ", ".join(self.names()) or "none yet"
        raise UnknownDatasetError(
            f"There is no dataset {name!r} (known: {known}).",
            remedy=f"Prepare it: classmark prepare SOURCE --name {name}",
        )

    def load(self, name: str) -> Dataset:
        """A whole dataset.

        Raises:
            UnknownDatasetError: There is no dataset of that name.
            SourceError: Its files are damaged: their rows don't give its fingerprint.
        """
        parts: dict[str, list[Document]] = {}
        metadata: dict[str, Any] = {}
        for part in PARTS:
            metadata, parts[part] = _read_part(self.part_path(name, part))
        dataset = Dataset(
            name=name,
            parts=parts,
            created_at=metadata["created_at"],
            source=metadata["source"],
            recipe=metadata["recipe"],
            dropped=metadata["dropped"],
            read=metadata["read"],
        )
        if dataset.fingerprint != metadata["fingerprint"]:
            raise SourceError(
                f"The files of dataset {name!r} were changed: their rows don't give the "
                f"fingerprint {metadata['fingerprint'][:12]}.",
                remedy="Prepare it again from its source.",
            )
        return dataset


def _write_parts(folder: Path, dataset: Dataset, fingerprint: str) -> None:
    for part, documents in dataset.parts.items():
        metadata = {
            "name": dataset.name,
            "part": part,
            "fingerprint": fingerprint,
            "samples": len(documents),
            "counts": dataset.counts()[part],
            "sizes": dataset.sizes(),
            "categories": list(dataset.labels),
            "created_at": dataset.created_at,
            "source": dict(dataset.source),
            "parents": [dataset.source.get("sha256", dataset.source.get("name", ""))],
            "recipe": dict(dataset.recipe),
            "dropped": dict(dataset.dropped),
            "read": dataset.read,
        }
        # Without name and time in its header the same rows give the same bytes.
        with (
            (folder / f"{part}.json.gz").open("wb") as raw,
            gzip.GzipFile("", "wb", fileobj=raw, mtime=0, compresslevel=6) as file,
        ):
            _write_samples(file, metadata, documents)


def _write_samples(
    file: gzip.GzipFile, metadata: Mapping[str, Any], documents: Iterable[Document]
) -> None:
    file.write(b'{"metadata": ' + orjson.dumps(metadata) + b',\n"samples": [')
    separator = b"\n"
    for document in documents:
        row = asdict(document)
        row["source_id"] = row.pop("id")
        file.write(separator + orjson.dumps(row))
        separator = b",\n"
    file.write(b"\n]}\n")


def _read_part(path: Path) -> tuple[dict[str, Any], list[Document]]:
    try:
        with gzip.open(path, "rb") as file:
            content = orjson.loads(file.read())
        return content["metadata"], list(_documents(content["samples"]))
    except (OSError, EOFError, KeyError, TypeError, orjson.JSONDecodeError) as error:
        raise SourceError(
            f"{path} is damaged ({error}).", remedy="Prepare the dataset again from its source."
        ) from error


def _documents(samples: Iterable[dict[str, Any]]) -> Iterator[Document]:
    for row in samples:
        yield Document(
            id=row["source_id"],
            text=row["text"],
            label=row["label"],
            title=row["title"],
            authors=tuple(row["authors"]),
            published=row["published"],
        )
