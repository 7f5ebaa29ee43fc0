"""Which of many things hang together."""

import numpy as np
from numpy.typing import NDArray


class DisjointSets:
    """Things from 0 to `count` - 1, at first each alone (Tarjan 1975, with path halving)."""

    def __init__(self, count: int) -> None:
        self._parents = np.arange(count, dtype=np.int32)

    def _root(self, one: int) -> int:
        parents = self._parents
        while (parent := int(parents[one])) != one:
            parents[one] = parents[parent]
            one = parent
        return one

    def together(self, one: int, other: int) -> bool:
        """Whether two things hang together."""
        return self._root(one) == self._root(other)

    def unite(self, one: int, other: int) -> None:
        """Let two things hang together, and all that hangs together with them."""
        low, high = sorted((self._root(one), self._root(other)))
        self._parents[high] = low

    def lowest(self) -> NDArray[np.int32]:
        """The lowest of each one's set, shape (count,): roots are lowest, parents stand before."""
        for one in range(len(self._parents)):
            self._parents[one] = self._parents[self._parents[one]]
        return self._parents
