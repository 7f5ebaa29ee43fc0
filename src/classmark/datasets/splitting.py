"""Who learns, who tunes, who tests: pure rules over arrays, stable under the order of rows.

Rows of one group always come into the same part. A group is what near-duplicates form, or what a
field names (an author, a thread), so that nothing is tested on a copy of what was learned.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from classmark.datasets.dataset import PARTS
from classmark.datasets.stratification import Rows, placed
from classmark.errors import RecordError, SettingError

Ratios = tuple[float, float, float]
# Of each row the place of its part in PARTS.
Parts = NDArray[np.int8]
# The part of a row that is in none.
LEFT_OUT = -1


class Split(StrEnum):
    """By what rows are shared out."""

    STRATIFIED = "stratified"
    TIME = "time"
    GROUP = "group"


def checked_ratios(ratios: Sequence[float]) -> Ratios:
    """The three shares themselves, if they can be shares.

    Raises:
        SettingError: They are not three positive numbers that sum to 1.
    """
    if len(ratios) == len(PARTS) and min(ratios) > 0 and abs(sum(ratios) - 1) < 1e-6:
        return (ratios[0], ratios[1], ratios[2])
    raise SettingError(
        f"Ratios {','.join(map(str, ratios))} can't split a dataset.",
        remedy="Give three positive shares for train, val and test that sum to 1, as 0.8,0.1,0.1.",
    )


def seeded_key(document_id: str, seed: int) -> int:
    """64 bits made of seed and id: sorted by them, the order rows came in plays no part."""
    digest = hashlib.blake2b(f"{seed}:{document_id}".encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "big")


def sampled_per_class(rows: Rows, per_class: int) -> NDArray[np.intp]:
    """The places of at most `per_class` rows of each label, the first by their keys."""
    order = np.lexsort((rows.keys, rows.labels))
    ordered = rows.labels[order]
    starts = np.searchsorted(ordered, ordered, side="left")
    return np.sort(order[np.arange(len(order)) - starts < per_class])


def split(rows: Rows, ratios: Ratios, by: Split, test_per_class: int | None = None) -> Parts:
    """The part of each row, LEFT_OUT where it is in none.

    With `test_per_class` so many rows of every label test, and the others are shared out between
    train and val as their ratios are to each other; it can't be had by time or of several labels.

    Raises:
        RecordError: Fewer than two labels, a label that can't be in every part, or, by time, rows
            without a date.
    """
    if len(rows.names) < 2:
        raise RecordError(
            f"Only one class is left ({', '.join(rows.names)}); a classifier needs two.",
            remedy="Check --label-field, --min-words and what was dropped.",
        )
    if by is Split.TIME:
        return _split_by_time(rows, ratios)
    return _split_stratified(rows, ratios, test_per_class)


def _split_stratified(rows: Rows, ratios: Ratios, test_per_class: int | None) -> Parts:
    """Each label shared out alike.

    Of every label each part gets its share within one row, and at least one, as far as groups and
    rows with several labels allow it.
    """
    counts = rows.label_counts()
    if rows.label_sets is not None:
        return _with_every_part(placed(rows, np.outer(counts, ratios)))
    quotas = [_quota(int(count), ratios, test_per_class) for count in counts]
    _check_each_in_every_part(rows, [quota is not None for quota in quotas], test_per_class)
    parts = placed(rows, np.array(quotas, dtype=np.float64))
    present = np.zeros((len(rows.names), len(PARTS)), dtype=np.bool_)
    present[rows.labels, parts] = True
    _check_each_in_every_part(rows, [bool(row.all()) for row in present], test_per_class)
    return parts


def _quota(count: int, ratios: Ratios, tested: int | None) -> tuple[int, ...] | None:
    """How many of a label's rows go to each part; None where a part would be empty."""
    if tested is None:
        return shares(count, ratios)
    train, val, _ = ratios
    others = shares(count - tested, (train / (train + val), val / (train + val)))
    return None if others is None else (*others, tested)


def _check_each_in_every_part(rows: Rows, fits: Sequence[bool], tested: int | None) -> None:
    each = zip(rows.names, rows.label_counts(), fits, strict=True)
    too_few = [f"{name} ({count})" for name, count, fit in each if not fit]
    if too_few:
        fewer = f" test fewer of each than --test-per-class {tested}," if tested else ""
        raise RecordError(
            f"Too few documents to be in train, val and test: {', '.join(too_few[:10])}.",
            remedy=f"Add documents of these classes,{fewer} or keep the others alone with --labels;"
            " copies and groups count once, since they stay together.",
        )


def _split_by_time(rows: Rows, ratios: Ratios) -> Parts:
    """The oldest learn, the newest test; a group is as new as its newest row.

    Rows of a group that are older than its part begins are left out.
    """
    if rows.published is None or np.isnan(rows.published).any():
        missing = len(rows) if rows.published is None else int(np.isnan(rows.published).sum())
        raise RecordError(
            f"{missing:,} of {len(rows):,} documents have no date of publication that can be read.",
            remedy="A split by time needs `published` as ISO 8601, like 2019-05-01, in every"
            " record; or split another way with --split.",
        )
    _, groups = np.unique(rows.groups, return_inverse=True)
    newest = np.full(groups.max() + 1, -np.inf)
    np.maximum.at(newest, groups, rows.published)
    least_keys = np.full(groups.max() + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least_keys, groups, rows.keys)
    order = np.lexsort((least_keys, newest))
    sizes = np.bincount(groups)[order]
    # Where the middle of a group lies among all rows decides for the whole group.
    middles = (np.cumsum(sizes) - sizes / 2) / len(rows)
    part_of_group = np.empty(len(order), dtype=np.int8)
    part_of_group[order] = np.searchsorted(np.cumsum(ratios)[:-1], middles, side="right")
    parts = _without_older_copies(part_of_group[groups], newest[groups], rows.published)
    learned = {
        label for row in np.flatnonzero(parts == 0).tolist() for label in rows.labels_of(row)
    }
    unlearned = [name for i, name in enumerate(rows.names) if i not in learned]
    if unlearned:
        raise RecordError(
            f"The oldest part lacks what the newer ones have: {', '.join(unlearned[:10])}.",
            remedy="Take a longer span of time, or keep the other classes alone with --labels.",
        )
    return _with_every_part(parts)


def _without_older_copies(
    parts: Parts, newest: NDArray[np.float64], published: NDArray[np.float64]
) -> Parts:
    """The parts, without rows older than all that is new in theirs: copies of something newer.

    They can't be learned, since their copies are tested, and they are too old to be tested.
    """
    begins = np.array([newest[parts == part].min(initial=np.inf) for part in range(len(PARTS))])
    return np.where(published < begins[parts], LEFT_OUT, parts).astype(np.int8)


def _with_every_part(parts: Parts) -> Parts:
    if set(range(len(PARTS))) <= set(parts.tolist()):
        return parts
    raise RecordError(
        "There is too little for train, val and test: a part is empty.",
        remedy="Add documents; copies and groups count once, since they stay together.",
    )


def shares(count: int, ratios: Sequence[float]) -> tuple[int, ...] | None:
    """Whole shares of `count` by largest remainder, none empty and none off by more than one."""
    if count < len(ratios):
        return None
    exact = [count * ratio for ratio in ratios]
    sizes = [int(share + 1e-9) for share in exact]
    by_remainder = sorted(range(len(ratios)), key=lambda i: (sizes[i] - exact[i], i))
    for index in by_remainder[: count - sum(sizes)]:
        sizes[index] += 1
    for index, size in enumerate(sizes):
        if size == 0:
            spare = [i for i in range(len(sizes)) if sizes[i] > 1]
            if not spare:
                return None
            sizes[max(spare, key=lambda i: sizes[i] - exact[i])] -= 1
            sizes[index] = 1
    off = max(abs(size - share) for size, share in zip(sizes, exact, strict=True))
    return tuple(sizes) if min(sizes) > 0 and off <= 1 + 1e-9 else None
