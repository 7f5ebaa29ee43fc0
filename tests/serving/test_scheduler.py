"""Which text is computed when, and what is given up."""

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from classmark.errors import OverloadedError
from classmark.models import Classifier, TimedAnswer
from classmark.serving import QueueLimits, Scheduler, Work
from classmark.serving.alone import Alone


class Turnstile(Classifier):
    """Lets one text through at each turn; "odd" in a text is an error."""

    labels = ("a", "b")

    def __init__(self, *, is_open: bool = False) -> None:
        self._turns = threading.Semaphore(1_000_000 if is_open else 0)
        self._lock = threading.Lock()
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0

    @classmethod
    def load(cls, folder: Path, config: object) -> "Turnstile":
        del folder, config
        return cls()

    def turn(self, times: int) -> None:
        self._turns.release(times)

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        with self._lock:
            self.asked.append(text)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        assert self._turns.acquire(timeout=20)
        with self._lock:
            self.at_once -= 1
        if "odd" in text:
            raise RuntimeError(text)
        share = len(text) / 100
        return np.array([share, 1 - share])


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    scheduler = Scheduler(2, QueueLimits(texts=100, seconds=60))
    yield scheduler
    scheduler.close()


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError


async def classified(
    scheduler: Scheduler, classifier: Classifier, texts: list[str], by: float = math.inf
) -> list[TimedAnswer]:
    return await scheduler.run(Work(classifier, texts, list, by=by))


def shares(answers: list[TimedAnswer]) -> list[float]:
    return [it.answer.probabilities[0] for it in answers]


def test_answers_come_in_the_order_of_the_texts(scheduler: Scheduler) -> None:
    texts = ["a" * (1 + number * 7 % 50) for number in range(90)]
    answers = asyncio.run(classified(scheduler, Turnstile(is_open=True), texts))
    assert shares(answers) == [len(text) / 100 for text in texts]


def test_no_text_has_no_answer(scheduler: Scheduler) -> None:
    assert asyncio.run(classified(scheduler, Turnstile(), [])) == []


def test_one_text_is_computed_on_each_thread(scheduler: Scheduler) -> None:
    classifier = Turnstile()

    async def run() -> None:
        answers = asyncio.ensure_future(classified(scheduler, classifier, ["a"] * 20))
        for done in range(0, 20, 2):
            await until(lambda done=done: len(classifier.asked) == done + 2)  # type: ignore[misc]
            classifier.turn(2)
        assert len(await answers) == 20

    asyncio.run(run())
    assert classifier.most_at_once == 2


def test_requests_take_turns(scheduler: Scheduler) -> None:
    classifier = Turnstile()

    async def run() -> None:
        many = asyncio.ensure_future(classified(scheduler, classifier, ["many"] * 90))
        await until(lambda: len(classifier.asked) == 2)
        one = asyncio.ensure_future(classified(scheduler, classifier, ["one"]))
        await asyncio.sleep(0)
        classifier.turn(8)
        assert shares(await one) == [0.03]
        assert not many.done()
        classifier.turn(90)
        assert len(await many) == 90

    asyncio.run(run())
    assert classifier.asked.index("one") < 10


def test_more_than_can_wait_is_refused_whole(scheduler: Scheduler) -> None:
    classifier = Turnstile()

    async def run() -> None:
        first = asyncio.ensure_future(classified(scheduler, classifier, ["a"] * 99))
        await until(lambda: len(classifier.asked) == 2)
        with pytest.raises(OverloadedError, match="99 texts wait already"):
            await classified(scheduler, classifier, ["b"] * 2)
        last = asyncio.ensure_future(classified(scheduler, classifier, ["c"]))
        classifier.turn(100)
        assert (len(await first), len(await last)) == (99, 1)
        with pytest.raises(OverloadedError):
            await classified(scheduler, classifier, ["d"] * 101)

    asyncio.run(run())
    assert not {"b", "d"} & set(classifier.asked)


def test_what_is_cancelled_is_computed_no_further_and_makes_room(scheduler: Scheduler) -> None:
    classifier = Turnstile()

    async def run() -> None:
        for _ in range(5):
            given_up = asyncio.ensure_future(classified(scheduler, classifier, ["given up"] * 100))
            await until(lambda: classifier.at_once == 2)
            given_up.cancel()
            with pytest.raises(asyncio.CancelledError):
                await given_up
            classifier.turn(2)
            await until(lambda: classifier.at_once == 0)
        classifier.turn(100)
        assert len(await classified(scheduler, classifier, ["kept"] * 100)) == 100

    asyncio.run(run())
    assert classifier.asked.count("given up") <= 5 * 4


def test_an_error_ends_a_request_and_makes_room(scheduler: Scheduler) -> None:
    classifier = Turnstile(is_open=True)

    async def run() -> None:
        for _ in range(5):
            with pytest.raises(RuntimeError, match="odd"):
                await classified(scheduler, classifier, ["even", "odd", *["after"] * 98])
        assert len(await classified(scheduler, classifier, ["even"] * 100)) == 100

    asyncio.run(run())
    assert classifier.asked.count("after") < 5 * 98


def test_closing_drops_what_waits(scheduler: Scheduler) -> None:
    classifier = Turnstile()

    async def run() -> None:
        waiting: Awaitable[list[TimedAnswer]] = asyncio.ensure_future(
            classified(scheduler, classifier, ["a"] * 50)
        )
        await until(lambda: len(classifier.asked) == 2)
        closing = asyncio.ensure_future(asyncio.to_thread(scheduler.close))
        await asyncio.sleep(0.05)
        classifier.turn(50)
        await closing
        with pytest.raises((asyncio.CancelledError, RuntimeError)):
            await waiting

    asyncio.run(run())
    assert len(classifier.asked) < 50


def test_what_would_be_begun_too_late_is_refused_at_once() -> None:
    scheduler = Scheduler(2, QueueLimits(texts=100, seconds=0))
    classifier = Turnstile()

    async def run() -> None:
        classifier.turn(1)
        await classified(scheduler, classifier, ["a"])
        full = asyncio.ensure_future(classified(scheduler, classifier, ["a"] * 90))
        await until(lambda: classifier.at_once == 2)
        with pytest.raises(OverloadedError, match="too late"):
            await classified(scheduler, classifier, ["b"])
        classifier.turn(100)
        await full
        assert len(await classified(scheduler, classifier, ["c"])) == 1

    asyncio.run(run())
    scheduler.close()
    assert "b" not in classifier.asked


def test_what_is_wanted_sooner_than_it_can_be_begun_is_refused(scheduler: Scheduler) -> None:
    classifier = Turnstile()

    async def run() -> None:
        classifier.turn(1)
        await classified(scheduler, classifier, ["a"])
        full = asyncio.ensure_future(classified(scheduler, classifier, ["a"] * 50))
        await until(lambda: classifier.at_once == 2)
        with pytest.raises(OverloadedError, match="too late"):
            scheduler.check_room(1, by=time.monotonic())
        scheduler.check_room(1, by=time.monotonic() + 60)
        with pytest.raises(OverloadedError, match="too late"):
            scheduler.check_room(1, by=time.monotonic() + 60, before=10_000_000)
        classifier.turn(50)
        await full

    asyncio.run(run())


def test_what_is_too_late_when_its_turn_comes_is_never_computed(scheduler: Scheduler) -> None:
    classifier = Turnstile()

    async def run() -> None:
        ahead = asyncio.ensure_future(classified(scheduler, classifier, ["ahead"] * 2))
        await until(lambda: classifier.at_once == 2)
        late = asyncio.ensure_future(
            classified(scheduler, classifier, ["late"], time.monotonic() + 0.05)
        )
        await asyncio.sleep(0.1)
        classifier.turn(2)
        await ahead
        classifier.turn(10)
        assert len(await classified(scheduler, classifier, ["next"])) == 1
        assert not late.done()
        late.cancel()

    asyncio.run(run())
    assert "late" not in classifier.asked


def test_a_text_that_is_asked_alone_goes_its_own_way(scheduler: Scheduler) -> None:
    narrow, wide = Turnstile(is_open=True), Turnstile(is_open=True)
    alone = Alone(narrow, wide)

    async def run() -> None:
        await scheduler.run(Work(narrow, ["alone"], list, alone))
        both = [Work(narrow, [text], list, alone) for text in ("one", "other")]
        await asyncio.gather(*map(scheduler.run, both))
        await scheduler.run(Work(narrow, ["of", "two"], list, alone))

    asyncio.run(run())
    assert wide.asked == ["alone", "one"]
    assert sorted(narrow.asked) == ["of", "other", "two"]


def test_what_follows_from_the_answers_is_done_where_the_loop_stays_free(
    scheduler: Scheduler,
) -> None:
    released = threading.Event()

    def then(answers: list[TimedAnswer]) -> int:
        assert released.wait(20)
        return len(answers)

    async def run() -> list[int]:
        asked = [Work(Turnstile(is_open=True), texts, then) for texts in ([], ["a"])]
        running = [asyncio.ensure_future(scheduler.run(work)) for work in asked]
        await asyncio.sleep(0.01)
        released.set()
        return await asyncio.gather(*running)

    assert asyncio.run(run()) == [0, 1]
