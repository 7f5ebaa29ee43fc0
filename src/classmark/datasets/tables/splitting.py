"""Who learns, who tunes, who tests, among the rows of a table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classmark.datasets.dataset import PARTS
from classmark.datasets.splitting import Parts, Ratios, seeded_key, shares
from classmark.datasets.stratification import Rows as Places
from classmark.datasets.stratification import placed
from classmark.datasets.tables.rows import Rows
from classmark.errors import RecordError

_BINS = 10
_ROWS_A_BIN = 20


def keys_of(rows: Rows, seed: int) -> NDArray[np.uint64]:
    """What rows are sorted by: it follows from seed and cells, and not from their order."""
    return np.array([seeded_key(one, seed) for one in rows.ids], dtype=np.uint64)


def split_by_class(
    rows: Rows, classes: Sequence[str], ratios: Ratios, keys: NDArray[np.uint64]
) -> Parts:
    """The part of each row: every class is shared out alike, rows of equal features together.

    Raises:
        RecordError: There is one class, or one has too few rows to be in every part.
    """
    names, labels = np.unique(np.asarray(classes, dtype=object), return_inverse=True)
    if len(names) < 2:
        raise RecordError(
            f"The target has a single class ({names[0]}); there is nothing to tell apart.",
            remedy="Check --target, and which rows have no target.",
        )
    parts = _placed(rows, labels, ratios, keys)
    present = np.zeros((len(names), len(PARTS)), dtype=np.bool_)
    present[labels, parts] = True
    counts = np.bincount(labels)
    too_few = [
        f"{name} ({count})"
        for name, count, row in zip(names, counts, present, strict=True)
        if not row.all()
    ]
    if too_few:
        raise RecordError(
            f"Classes with too few rows to be in train, val and test: {', '.join(too_few[:10])}.",
            remedy="Add rows of these classes, merge them into others, or leave them out; rows of"
            " equal features count once, since they stay together.",
        )
    return parts


def split_by_quantile(
    rows: Rows, values: NDArray[np.float64], ratios: Ratios, keys: NDArray[np.uint64]
) -> Parts:
    """The part of each row: low, middle and high values are shared out alike.

    Raises:
        RecordError: There are too few rows for three parts.
    """
    bins = max(1, min(_BINS, len(values) // _ROWS_A_BIN))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    parts = _placed(rows, np.searchsorted(edges, values, side="right"), ratios, keys)
    if len(np.unique(parts)) < len(PARTS):
        raise RecordError(
            f"{len(values)} rows are too few to be in train, val and test.",
            remedy="Add rows; those of equal features count once, since they stay together.",
        )
    return parts


def _placed(
    rows: Rows, labels: NDArray[np.intp], ratios: Ratios, keys: NDArray[np.uint64]
) -> Parts:
    used, labels = np.unique(labels, return_inverse=True)
    counts = np.bincount(labels)
    wanted = np.outer(counts, ratios)
    for label, count in enumerate(counts.tolist()):
        whole = shares(count, ratios)
        if whole is not None:
            wanted[label] = whole
    names = [str(label) for label in used]
    return placed(Places(names, labels.astype(np.int32), keys, rows.groups), wanted)
