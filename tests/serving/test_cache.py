"""Answers that are given again."""

import tracemalloc

import pytest

from classmark.models import Answer
from classmark.serving import AnswerCache


def answer(share: float = 0.75, classes: int = 2) -> Answer:
    rest = (1 - share) / (classes - 1)
    return Answer("a", share, (share, *[rest] * (classes - 1)), ("a",))


def test_what_was_put_there_is_found_by_version_and_text() -> None:
    cache = AnswerCache(10_000)
    cache.put("d1", "a text", answer(0.6))
    cache.put("d2", "a text", answer(0.7))
    assert cache.get("d1", "a text") == answer(0.6)
    assert cache.get("d2", "a text") == answer(0.7)
    assert cache.get("d1", "another text") is None


def test_what_was_not_asked_for_the_longest_makes_room() -> None:
    cache = AnswerCache(2_500)
    for text in ("first", "second", "third"):
        cache.put("d", text, answer())
    assert cache.get("d", "first")
    for number in range(3):
        cache.put("d", f"new {number}", answer())
    assert cache.get("d", "first")
    assert cache.get("d", "second") is None


def test_what_is_put_twice_takes_its_room_once() -> None:
    cache = AnswerCache(1_500)
    cache.put("d", "first", answer())
    for _ in range(100):
        cache.put("d", "again", answer())
    assert cache.get("d", "first")


def test_without_room_nothing_is_kept() -> None:
    cache = AnswerCache(0)
    cache.put("d", "a text", answer())
    assert cache.get("d", "a text") is None


@pytest.mark.parametrize("classes", [2, 100])
def test_it_takes_no_more_memory_than_it_may(classes: int) -> None:
    tracemalloc.start()
    cache = AnswerCache(1_000_000)
    for number in range(8_000):
        cache.put("d", f"text {number}", answer(number / 8_000, classes))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 300_000 < taken <= 1_050_000
