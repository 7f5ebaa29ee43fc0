"""Work that is given out ahead."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from classmark.models import in_order


def test_what_comes_back_has_the_order_of_the_items() -> None:
    def work(lot: Sequence[int]) -> list[int]:
        return [number * 2 for number in lot]

    with ThreadPoolExecutor(4) as pool:
        found = list(in_order(pool, work, range(103), at_once=5, ahead=7))
    assert found == [number * 2 for number in range(103)]


def test_nobody_waits_for_a_slow_lot() -> None:
    later = threading.Semaphore(0)

    def work(lot: Sequence[int]) -> Sequence[int]:
        if lot[0]:
            later.release()
        else:
            # Ends only if all others that are ahead are worked on meanwhile.
            for _ in range(7):
                assert later.acquire(timeout=60)
        return lot

    with ThreadPoolExecutor(2) as pool:
        assert list(in_order(pool, work, range(30), at_once=1, ahead=8)) == list(range(30))


def test_no_more_items_are_taken_than_are_worked_on_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        for number in in_order(pool, list, items(), at_once=3, ahead=4):
            assert len(taken) <= number + 3 * (4 + 1)
            if number == 100:
                break


def test_what_fails_is_told_in_its_turn() -> None:
    def work(lot: Sequence[int]) -> Sequence[int]:
        if 4 in lot:
            raise ArithmeticError
        return lot

    with ThreadPoolExecutor(2) as pool:
        found = in_order(pool, work, range(20), at_once=2, ahead=3)
        assert list(islice(found, 4)) == [0, 1, 2, 3]
        with pytest.raises(ArithmeticError):
            next(found)
