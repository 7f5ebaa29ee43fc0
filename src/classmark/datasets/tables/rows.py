"""Rows by what they say: their digests, copies, and copies that contradict each other."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_DIGEST_BYTES = 16
Digests = NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of the rows of a typed table beyond their values.

    Attributes:
        ids: 32 hexadecimal digits that follow from a row's cells alone; copies are numbered.
        groups: Rows whose features are equal have the same number.
    """

    ids: Sequence[str]
    groups: NDArray[np.int32]


def row_digests(frame: "pd.DataFrame") -> Digests:
    """16 bytes for each row of a typed frame, equal where all cells are, shape (rows,)."""
    cells = np.column_stack(
        [np.zeros(len(frame), np.uint64), *(_cell_codes(frame[name]) for name in frame.columns)]
    )
    rows = b"".join(hashlib.blake2b(row, digest_size=_DIGEST_BYTES).digest() for row in cells)
    return np.frombuffer(rows, dtype=f"S{_DIGEST_BYTES}")


def first_of_each(digests: Digests) -> NDArray[np.intp]:
    """The places of the rows that are no copy of an earlier one, in their order."""
    _, firsts = np.unique(digests, return_index=True)
    return np.sort(firsts)


def described_rows(frame: "pd.DataFrame", features: Sequence[str], digests: Digests) -> Rows:
    """Ids and groups of rows.

    Args:
        frame: Typed.
        features: The columns that features are made of: rows that are equal in them stay together.
        digests: Of the whole rows.
    """
    _, groups = np.unique(row_digests(frame[list(features)]), return_inverse=True)
    written = digests.view(np.uint8).reshape(len(digests), _DIGEST_BYTES)
    seen: dict[str, int] = {}
    ids = []
    for row in written:
        digest = row.tobytes().hex()
        copies = seen[digest] = seen.get(digest, -1) + 1
        ids.append(f"{digest}-{copies}" if copies else digest)
    return Rows(ids, groups.astype(np.int32))


def contradictions(groups: NDArray[np.int32], targets: Digests) -> NDArray[np.intp]:
    """The places of the rows whose features are those of another row with another target."""
    _, kinds = np.unique(targets, return_inverse=True)
    pairs = np.unique(np.column_stack([groups, kinds]), axis=0)
    found, counts = np.unique(pairs[:, 0], return_counts=True)
    return np.flatnonzero(np.isin(groups, found[counts > 1]))


def _cell_codes(series: "pd.Series[Any]") -> NDArray[np.uint64]:
    """64 bits for each cell, equal where the values are."""
    import pandas as pd  # noqa: PLC0415 (extra)

    if pd.api.types.is_float_dtype(series):
        numbers = series.to_numpy(np.float64) + 0.0  # -0.0 becomes 0.0
        return np.where(np.isnan(numbers), np.nan, numbers).view(np.uint64)
    if pd.api.types.is_datetime64_any_dtype(series):
        moments: NDArray[np.uint64] = series.to_numpy("datetime64[us]").view(np.uint64)
        return moments
    codes, cells = pd.factorize(series)
    digests = b"".join(
        hashlib.blake2b(cell.encode(errors="surrogatepass"), digest_size=8).digest()
        for cell in cells
    )
    of_each: NDArray[np.uint64] = np.frombuffer(digests + b"\0" * 8, dtype=np.uint64)[codes]
    return of_each
