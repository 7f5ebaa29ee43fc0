"""Answers that are given again."""

import tracemalloc

import pytest

from classmark.models import Answer
from classmark.serving import AnswerCache


def answer(share: float = 0.75, classes: int = 2) -> Answer:
    rest = (1 - share) / (classes - 1)
    return Answer("a", share, (share, *[rest] * (classes - 1)), ("a",))


def key(text: str) -> bytes:
    return text.encode()


def test_what_was_put_there_is_found_by_version_and_text() -> None:
    cache = AnswerCache(10_000)
    keys = [*cache.keys("d1", ["a text", "another text"]), *cache.keys("d2", ["a text"])]
    cache.put(keys[0], answer(0.6))
    cache.put(keys[2], answer(0.7))
    assert [cache.get(it) for it in keys] == [answer(0.6), None, answer(0.7)]
    assert cache.keys("d1", ["a text"]) == keys[:1]


def test_what_was_not_asked_for_the_longest_makes_room() -> None:
    cache = AnswerCache(2_500)
    for text in ("first", "second", "third"):
        cache.put(key(text), answer())
    assert cache.get(key("first"))
    for number in range(3):
        cache.put(key(f"new {number}"), answer())
    assert cache.get(key("first"))
    assert cache.get(key("second")) is None


def test_what_is_put_twice_takes_its_room_once() -> None:
    cache = AnswerCache(1_500)
    cache.put(key("first"), answer())
    for _ in range(100):
        cache.put(key("again"), answer())
    assert cache.get(key("first"))


def test_without_room_nothing_is_kept() -> None:
    cache = AnswerCache(0)
    cache.put(key("a text"), answer())
    assert cache.get(key("a text")) is None
    assert cache.keys("d", ["a text"]) == []


@pytest.mark.parametrize("classes", [2, 100])
def test_it_takes_no_more_memory_than_it_may(classes: int) -> None:
    tracemalloc.start()
    cache = AnswerCache(1_000_000)
    for number in range(8_000):
        cache.put(key(f"text {number}"), answer(number / 8_000, classes))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 300_000 < taken <= 1_050_000
