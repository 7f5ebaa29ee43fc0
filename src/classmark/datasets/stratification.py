"""Sharing rows out so that every part gets its share of every label, whole groups at a time.

Rows with several labels, and groups of several rows, are placed by iterative stratification
(Sechidis, Tsoumakas, Vlahavas 2011, On the stratification of multi-label data): the rarest label
first, each unit to the part that wants most of it. Single rows with a single label then fill what
is left exactly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Wanted = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a split looks at, one entry for each document.

    Attributes:
        names: The labels that occur, sorted.
        labels: The place in `names` of each row's label; of several, of the first.
        keys: Decide the order where nothing else does: see `seeded_key`.
        groups: Rows of the same number stay together.
        label_sets: All labels of each row as places in `names`; None where each has one.
        published: Seconds since 1970 of each row, NaN where unknown.
    """

    names: Sequence[str]
    labels: NDArray[np.int32]
    keys: NDArray[np.uint64]
    groups: NDArray[np.int32]
    label_sets: Sequence[Sequence[int]] | None = None
    published: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def labels_of(self, row: int) -> Sequence[int]:
        """All labels of a row, as places in `names`."""
        return [int(self.labels[row])] if self.label_sets is None else self.label_sets[row]

    def label_counts(self) -> NDArray[np.intp]:
        """How many rows have each label."""
        if self.label_sets is None:
            return np.bincount(self.labels, minlength=len(self.names))
        several = np.fromiter((label for row in self.label_sets for label in row), dtype=np.intp)
        return np.bincount(several, minlength=len(self.names))


@dataclass(frozen=True, slots=True)
class _Unit:
    """Rows that are placed together, and how many of them have each label."""

    rows: NDArray[np.intp]
    labels: NDArray[np.intp]
    counts: NDArray[np.intp]


def placed(rows: Rows, wanted: Wanted) -> NDArray[np.int8]:
    """The part of each row.

    Args:
        rows: What is to be shared out.
        wanted: How many rows of each label each part wants, shape (labels, parts).
    """
    parts = np.full(len(rows), -1, dtype=np.int8)
    together = _placed_together(rows)
    singles = np.bincount(rows.labels[~together], minlength=len(rows.names))
    wishes = _Wishes(wanted.copy(), singles)
    for unit, part in _iteratively(_units(rows, together), wishes):
        parts[unit.rows] = part
    for label in range(len(rows.names)):
        single = np.flatnonzero(~together & (rows.labels == label))
        sizes = _fitting(wishes.wanted[label], len(single))
        ordered = single[np.argsort(rows.keys[single], kind="stable")]
        parts[ordered] = np.repeat(np.arange(len(sizes), dtype=np.int8), sizes)
    return parts


def _placed_together(rows: Rows) -> NDArray[np.bool_]:
    """Which rows can't be placed one by one, looking at one label alone."""
    if rows.label_sets is not None:
        return np.ones(len(rows), dtype=np.bool_)
    _, inverse, counts = np.unique(rows.groups, return_inverse=True, return_counts=True)
    alone: NDArray[np.bool_] = counts[inverse] == 1
    return ~alone


def _units(rows: Rows, together: NDArray[np.bool_]) -> list[_Unit]:
    """The groups among these rows, the largest first, then by their least keys."""
    members = np.flatnonzero(together)
    members = members[np.lexsort((rows.keys[members], rows.groups[members]))]
    borders = np.flatnonzero(np.diff(rows.groups[members])) + 1
    groups = [group for group in np.split(members, borders) if len(group)]
    groups.sort(key=lambda group: (-len(group), int(rows.keys[group[0]])))
    units = []
    for group in groups:
        of_all = [label for row in group.tolist() for label in rows.labels_of(row)]
        labels, counts = np.unique(np.array(of_all, dtype=np.intp), return_counts=True)
        units.append(_Unit(group, labels, counts))
    return units


class _Wishes:
    """What each part still wants of each label.

    Args:
        wanted: Rows of each label that each part wants, shape (labels, parts); it sinks.
        left: Units of each label that are not placed, shape (labels,); so far the single rows.
    """

    def __init__(self, wanted: Wanted, left: NDArray[np.intp]) -> None:
        self.wanted = wanted
        self.left = left
        self._lacking = wanted > 0

    def place(self, unit: _Unit, label: int) -> int:
        """The part that wants most of a label, then of the unit's others, then of all.

        As soon as there are no more units of the label than parts without it, those come first.
        """
        others, everything = self.wanted[unit.labels].sum(axis=0), self.wanted.sum(axis=0)
        lacking = self._lacking[label]
        is_scarce = self.left[label] <= lacking.sum()
        part = max(
            range(len(lacking)),
            key=lambda p: (
                is_scarce and bool(lacking[p]),
                self.wanted[label, p],
                others[p],
                everything[p],
                -p,
            ),
        )
        self.wanted[unit.labels, part] -= unit.counts
        self._lacking[unit.labels, part] = False
        self.left[unit.labels] -= 1
        return part


def _iteratively(units: Sequence[_Unit], wishes: _Wishes) -> Iterator[tuple[_Unit, int]]:
    """Each unit with its part, those of the rarest label first."""
    by_label: dict[int, list[int]] = {}
    for place, unit in enumerate(units):
        for label in unit.labels.tolist():
            by_label.setdefault(label, []).append(place)
            wishes.left[label] += 1
    is_placed = [False] * len(units)
    while by_label:
        rarest = min(by_label, key=lambda label: (wishes.left[label], label))
        for place in by_label.pop(rarest):
            if not is_placed[place]:
                is_placed[place] = True
                yield units[place], wishes.place(units[place], rarest)


def _fitting(wishes: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Whole sizes that sum to `count`, as near to the wishes as what groups took allows."""
    sizes = np.maximum(wishes, 0).round().astype(np.intp)
    while (excess := int(sizes.sum()) - count) > 0:
        largest = int(sizes.argmax())
        sizes[largest] -= min(excess, max(1, int(sizes[largest] - np.sort(sizes)[-2])))
    sizes[0] += count - int(sizes.sum())
    return sizes
