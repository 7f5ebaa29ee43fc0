"""Who learns, who tunes, who tests: pure, stratified, stable under the order of rows."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from classmark.datasets.dataset import PARTS
from classmark.documents import Document
from classmark.errors import RecordError, SettingError

Ratios = tuple[float, float, float]


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


def in_seeded_order(documents: Iterable[Document], seed: int) -> list[Document]:
    """The documents shuffled by a hash of seed and id: the order they came in plays no part."""
    return sorted(documents, key=lambda document: (_shuffle_key(document, seed), document.id))


def sample_per_class(
    documents: Iterable[Document], per_class: int, seed: int
) -> tuple[list[Document], int]:
    """At most `per_class` documents of each label, and how many were left out."""
    taken: list[Document] = []
    left_out = 0
    for group in _by_label(documents).values():
        ordered = in_seeded_order(group, seed)
        taken += ordered[:per_class]
        left_out += len(ordered[per_class:])
    return taken, left_out


def stratified_split(
    documents: Iterable[Document], ratios: Ratios, seed: int
) -> dict[str, list[Document]]:
    """Documents in "train", "val" and "test", each label shared out alike.

    Of every label, each part gets its share within one document, and at least one. The result
    depends on ids and seed alone.

    Raises:
        RecordError: Fewer than two labels, or a label with too few documents to be in every part.
    """
    groups = _by_label(documents)
    if len(groups) < 2:
        raise RecordError(
            f"Only one class is left ({', '.join(groups)}); a classifier needs two.",
            remedy="Check --label-field, --min-words and what was dropped.",
        )
    parts: dict[str, list[Document]] = {part: [] for part in PARTS}
    too_few: list[str] = []
    for label, group in sorted(groups.items()):
        sizes = _shares(len(group), ratios)
        if sizes is None:
            too_few.append(f"{label} ({len(group)})")
            continue
        ordered = iter(in_seeded_order(group, seed))
        for part, size in zip(PARTS, sizes, strict=True):
            parts[part] += [next(ordered) for _ in range(size)]
    if too_few:
        raise RecordError(
            f"Too few documents to be in train, val and test: {', '.join(too_few[:10])}.",
            remedy="Add documents of these classes, or keep the others alone with --labels.",
        )
    return {part: in_seeded_order(group, seed) for part, group in parts.items()}


def _shares(count: int, ratios: Ratios) -> tuple[int, ...] | None:
    """Whole shares of `count` by largest remainder, none empty and none off by more than one."""
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


def _by_label(documents: Iterable[Document]) -> dict[str, list[Document]]:
    groups: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        groups[document.label or ""].append(document)
    return dict(groups)


def _shuffle_key(document: Document, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}:{document.id}".encode(), digest_size=16).digest()
