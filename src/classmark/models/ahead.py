"""Work that is given out ahead, and comes back in the order in which it was given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


def in_order(
    pool: Executor,
    work: Callable[[Sequence[T]], Sequence[U]],
    items: Iterable[T],
    *,
    at_once: int,
    ahead: int,
) -> Iterator[U]:
    """What becomes of each item, in the order of the items, while later ones are worked on.

    For each lot that comes back another one is given out: no worker waits for the slowest of a
    block, and no more than `ahead + 1` lots are in memory, however many items there are.

    Args:
        pool: Who works.
        work: What is done with a lot of items; one comes back for each.
        items: Taken as they are needed.
        at_once: Items in a lot.
        ahead: Lots that are given out at a time.
    """
    left = iter(items)
    lots = iter(lambda: list(islice(left, at_once)), [])
    given = deque(pool.submit(work, lot) for lot in islice(lots, ahead))
    while given:
        found = given.popleft().result()
        given.extend(pool.submit(work, lot) for lot in islice(lots, 1))
        yield from found
