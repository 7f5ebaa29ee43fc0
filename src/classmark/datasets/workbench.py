"""Where a dataset in the making lies: texts in a file, a few bytes of each row in memory."""

import sqlite3
import weakref
from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import overload

import numpy as np
import orjson
from numpy.typing import NDArray

from classmark.datasets.samples import document_of, sample_of
from classmark.datasets.splitting import seeded_key
from classmark.datasets.stratification import Rows
from classmark.documents import STANDARD_ERROR, DisjointSets, Document, NearDuplicates


class Workbench:
    """The documents that were kept, numbered from 0 in the order they came.

    Memory holds about 40 bytes for each; their texts are in a file that nobody else sees and that
    goes with the process.

    Args:
        seed: Of the order of rows.
        several: Whether a document may have several labels.
    """

    def __init__(self, seed: int, *, several: bool = False) -> None:
        self._seed = seed
        self._bodies = _Bodies()
        self._near = NearDuplicates()
        self._places: dict[str, int] = {}
        self._labels = array("i")
        self._label_sets: list[tuple[int, ...]] | None = [] if several else None
        self._keys = array("Q")
        self._published = array("d")
        self._group_numbers: dict[str, int] = {}
        self._groups = array("i")

    def __len__(self) -> int:
        return len(self._labels)

    def add(self, document: Document) -> None:
        """Take a document that has a label."""
        self._bodies.add(len(self), document)
        self._near.add(document.text)
        self._labels.append(self._place(document.label or ""))
        if self._label_sets is not None:
            self._label_sets.append(tuple(self._place(label) for label in document.labels))
        self._keys.append(seeded_key(document.id, self._seed))
        self._published.append(_seconds(document.published))
        known = self._group_numbers
        self._groups.append(
            -1 if document.group is None else known.setdefault(document.group, len(known))
        )

    def near_duplicates(self, similarity: float) -> NDArray[np.int32]:
        """Of each document the first that it is linked to by near-copies, itself if it is none."""
        return self._near.groups(similarity)

    def groups(self, similarity: float, *, by_field: bool) -> NDArray[np.int32]:
        """Which documents must stay together: those of equal numbers.

        Args:
            similarity: Documents at least so similar stay together; since it is estimated, those
                up to a standard error below do, too.
            by_field: Whether those of one `group` do, too.
        """
        kin = self.near_duplicates(similarity - STANDARD_ERROR)
        return _united(kin, np.array(self._groups, dtype=np.int32)) if by_field else kin

    def rows(self, numbers: NDArray[np.intp], groups: NDArray[np.int32] | None = None) -> Rows:
        """What a split looks at, of some documents.

        Args:
            numbers: Which.
            groups: As `groups` gives them; None lets each document stand alone.
        """
        firsts = np.array(self._labels, dtype=np.int32)[numbers]
        sets = self._label_sets and [self._label_sets[number] for number in numbers.tolist()]
        occurring = set(np.unique(firsts).tolist()).union(*(sets or ()))
        names = list(self._places)
        used = sorted(occurring, key=names.__getitem__)
        rank = np.zeros(len(names), dtype=np.int32)
        rank[used] = np.arange(len(used))
        kept_together = np.arange(len(self), dtype=np.int32) if groups is None else groups
        return Rows(
            names=[names[place] for place in used],
            labels=rank[firsts],
            keys=np.array(self._keys, dtype=np.uint64)[numbers],
            groups=kept_together[numbers],
            label_sets=sets and [sorted(rank[list(row)].tolist()) for row in sets],
            published=np.array(self._published)[numbers],
        )

    def documents(self, numbers: NDArray[np.intp]) -> "StoredDocuments":
        """Some documents, read when they are asked for, in the order of their numbers here."""
        return StoredDocuments(self._bodies, numbers)

    def in_seeded_order(self, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        """The numbers, sorted by a hash of seed and id: the order they came in plays no part."""
        keys = np.array(self._keys, dtype=np.uint64)[numbers]
        return numbers[np.argsort(keys, kind="stable")]

    def _place(self, label: str) -> int:
        return self._places.setdefault(label, len(self._places))


class _Bodies:
    """Documents by number, in a file that goes with the last who holds this."""

    def __init__(self) -> None:
        # An empty name is SQLite's for a file that goes with the connection.
        self._rows = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._rows.close)
        for pragma in ("cache_size = -16000", "journal_mode = OFF", "page_size = 16384"):
            self._rows.execute(f"PRAGMA {pragma}")
        self._rows.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        self._rows.execute("BEGIN")

    def add(self, number: int, document: Document) -> None:
        body = orjson.dumps(sample_of(document))
        self._rows.execute("INSERT INTO rows VALUES (?, ?)", (number, body))

    def read(self, number: int) -> Document:
        found = self._rows.execute("SELECT body FROM rows WHERE number = ?", (number,)).fetchone()
        return document_of(orjson.loads(found[0]))


class StoredDocuments(Sequence[Document]):
    """Documents of a workbench, each read when it is asked for."""

    def __init__(self, bodies: _Bodies, numbers: NDArray[np.intp]) -> None:
        self._bodies = bodies
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Document: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Document]: ...

    def __getitem__(self, index: int | slice) -> Document | Sequence[Document]:
        if isinstance(index, slice):
            return StoredDocuments(self._bodies, self._numbers[index])
        return self._bodies.read(int(self._numbers[index]))

    def __iter__(self) -> Iterator[Document]:
        return map(self._bodies.read, self._numbers.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of any list


def _united(kin: NDArray[np.int32], groups: NDArray[np.int32]) -> NDArray[np.int32]:
    """Groups that hold both together: rows of one kin and rows of one group (-1 is none)."""
    sets = DisjointSets(len(kin))
    first: dict[int, int] = {}
    for row, (relative, group) in enumerate(zip(kin.tolist(), groups.tolist(), strict=True)):
        sets.unite(row, relative)
        if group >= 0:
            sets.unite(row, first.setdefault(group, row))
    return sets.lowest()


def _seconds(published: str | None) -> float:
    """Seconds since 1970 of an ISO 8601 date, of which month and day may be missing; else NaN."""
    text = (published or "").strip()
    if len(text) in {4, 7}:
        text += "-01-01"[: 10 - len(text)] if len(text) == 4 else "-01"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return float("nan")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
