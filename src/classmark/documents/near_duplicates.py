"""Near-duplicates: MinHash over pairs of neighbouring words, found in bands.

The similarity of two texts is the share of their word pairs that both have (Jaccard). Of equal
positions in two MinHash signatures the expected share is just that (Broder 1997, On the resemblance
and containment of documents); texts that agree in all positions of one band are compared (Leskovec,
Rajaraman, Ullman, Mining of Massive Datasets, 3.4). Signatures lie in a file and bands are worked
off one after the other, so that memory hardly grows with the number of texts: 20 bytes for each.
"""

import hashlib
import os
import weakref
import zlib
from array import array
from collections.abc import Iterator
from itertools import chain, islice
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from classmark.documents.disjoint_sets import DisjointSets
from classmark.documents.duplicates import words_of

Signature = NDArray[np.uint32]

# Of pairs less alike than this, too many never meet in a band.
LEAST_SIMILARITY = 0.4
_POSITIONS = 128
# 42 bands of 3: of pairs with similarity 0.4, 0.5 and 0.6 they meet 94, 99.6 and 99.996 %.
_BANDS = 42
_BAND_WIDTH = 3
_BYTES = _POSITIONS * 4
# Rows of signatures in memory at a time: 8 MB.
_ROWS_READ = 16_384
_PAIRS_COMPARED = 4096
# Of a long text; 4 MB.
_PAIRS_HASHED = 4096
# Of the estimate, where half of the pairs are common: there it is largest.
STANDARD_ERROR = (0.25 / _POSITIONS) ** 0.5


def _constants(name: str, count: int) -> NDArray[np.uint64]:
    """Odd 64-bit numbers that are the same on every machine and with every release of numpy."""
    digest = hashlib.shake_256(name.encode()).digest(count * 8)
    return np.frombuffer(digest, dtype="<u8").astype(np.uint64) | np.uint64(1)


_FACTORS = _constants("classmark minhash factors", _POSITIONS)
_SUMMANDS = _constants("classmark minhash summands", _POSITIONS)
_MIXERS = _constants("classmark minhash mixers", 4)
_HALF = np.uint64(32)


def signature(text: str) -> Signature:
    """The MinHash signature of a text's word pairs, shape (128,); of no words, all ones.

    Position i is the least upper half of `a_i * x + b_i` modulo 2^64 over the pairs' hashes x
    (multiply-shift, Dietzfelbinger 1996).
    """
    words = np.array([zlib.crc32(word.encode()) for word in words_of(text)], dtype=np.uint64)
    if words.size == 0:
        return np.full(_POSITIONS, 2**32 - 1, dtype=np.uint32)
    pairs = words if words.size == 1 else words[:-1] * _MIXERS[0] + words[1:] * _MIXERS[1]
    pairs = (pairs ^ (pairs >> _HALF)) * _MIXERS[2]
    pairs ^= pairs >> _HALF
    least = np.full(_POSITIONS, 2**64 - 1, dtype=np.uint64)
    for start in range(0, len(pairs), _PAIRS_HASHED):
        hashes = pairs[start : start + _PAIRS_HASHED, None] * _FACTORS
        hashes += _SUMMANDS
        least = np.minimum(least, hashes.min(axis=0))
    return (least >> _HALF).astype(np.uint32)


class NearDuplicates:
    """Finds which of many texts are nearly the same.

    Texts are numbered from 0 as they are added.
    """

    def __init__(self) -> None:
        self._file = TemporaryFile(prefix="classmark-signatures-")  # noqa: SIM115 (lives as we do)
        weakref.finalize(self, self._file.close)
        # What decides where nothing else does: the order in which texts came must not.
        self._ties = array("Q")

    def __len__(self) -> int:
        return len(self._ties)

    def add(self, text: str) -> None:
        """Take the next text."""
        found = signature(text).tobytes()
        self._file.write(found)
        self._ties.append(int.from_bytes(hashlib.blake2b(found, digest_size=8).digest(), "big"))

    def groups(self, similarity: float) -> NDArray[np.int32]:
        """Of each text the lowest number in its group, shape (texts,).

        Two texts are in one group if a chain of texts leads from one to the other, each at least
        `similarity` (0 to 1) alike to the next.
        """
        sets = DisjointSets(len(self))
        for _ in self._links(similarity, sets):
            continue
        return sets.lowest()

    def links(self, similarity: float) -> Iterator[tuple[int, int, float]]:
        """Pairs of texts, the earlier first, and how similar they are: what joins each group."""
        yield from self._links(similarity, DisjointSets(len(self)))

    def _links(self, similarity: float, sets: DisjointSets) -> Iterator[tuple[int, int, float]]:
        self._file.flush()
        meeting = chain.from_iterable(map(self._meeting, range(_BANDS)))
        candidates = (pair for pair in meeting if not sets.together(*pair))
        while block := list(islice(candidates, _PAIRS_COMPARED)):
            for (one, other), alike in zip(block, self._similarities(block), strict=True):
                if alike >= similarity and not sets.together(one, other):
                    sets.unite(one, other)
                    yield min(one, other), max(one, other), float(alike)

    def _meeting(self, band: int) -> Iterator[tuple[int, int]]:
        """Pairs of texts that agree in a band: each with the one before it and with the first.

        Among those that agree their whole signatures decide the order, not which came first.
        """
        keys = self._band_keys(band)
        order = np.lexsort((np.array(self._ties, dtype=np.uint64), keys))
        equal = np.flatnonzero(keys[order[1:]] == keys[order[:-1]]) + 1
        first = 0
        for place, before in zip(equal.tolist(), [-1, *equal.tolist()], strict=False):
            if place != before + 1:
                first = int(order[place - 1])
            previous, this = int(order[place - 1]), int(order[place])
            yield previous, this
            if first != previous:
                yield first, this

    def _band_keys(self, band: int) -> NDArray[np.uint64]:
        """One number a text for its positions in a band; of texts without words, each its own."""
        keys = np.empty(len(self), dtype=np.uint64)
        columns = slice(band * _BAND_WIDTH, (band + 1) * _BAND_WIDTH)
        for start in range(0, len(self), _ROWS_READ):
            rows = self._rows(start, min(_ROWS_READ, len(self) - start))[:, columns]
            mixed = (rows.astype(np.uint64) * _MIXERS[:_BAND_WIDTH]).sum(axis=1, dtype=np.uint64)
            empty = (rows == 2**32 - 1).all(axis=1)
            mixed[empty] = np.flatnonzero(empty) + start
            keys[start : start + len(rows)] = mixed
        return keys

    def _similarities(self, pairs: list[tuple[int, int]]) -> NDArray[np.float64]:
        ones = np.stack([self._rows(one, 1)[0] for one, _ in pairs])
        others = np.stack([self._rows(other, 1)[0] for _, other in pairs])
        alike: NDArray[np.float64] = (ones == others).mean(axis=1, dtype=np.float64)
        return alike

    def _rows(self, start: int, count: int) -> NDArray[np.uint32]:
        content = os.pread(self._file.fileno(), count * _BYTES, start * _BYTES)
        return np.frombuffer(content, dtype=np.uint32).reshape(-1, _POSITIONS)
