"""What was said is announced before it is answered."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from classmark.errors import ClassmarkError, OverloadedError, UnavailableError
from classmark.models import Classifier
from classmark.predictions import Prediction
from classmark.serving import AnswerCache, Predictor, QueueLimits, Scheduler, ServedModel

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


@dataclass
class Notes:
    """A listener that writes all down."""

    said: list[Prediction] = field(default_factory=list)
    failed: list[ClassmarkError] = field(default_factory=list)
    cached: int = 0
    dropped: int = 0

    def on_predictions(self, predictions: Sequence[Prediction]) -> bool | None:
        self.said += predictions
        return None

    def on_cached(self, count: int) -> None:
        self.cached += count

    def on_dropped(self, count: int) -> None:
        self.dropped += count

    def on_error(self, error: ClassmarkError) -> None:
        self.failed.append(error)


class Refusing(Notes):
    """A listener that can't keep anything."""

    def on_predictions(self, predictions: Sequence[Prediction]) -> None:
        del predictions
        raise UnavailableError("The disk is full.", remedy="Free some space.")


class Breaking(Classifier):
    """A model that fails in a way that nobody foresaw."""

    labels = ("a", "b")

    @classmethod
    def load(cls, folder: Path, config: object) -> "Breaking":
        del folder, config
        return cls()

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        raise ZeroDivisionError(text)


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    scheduler = Scheduler(2, QueueLimits(texts=10, seconds=60))
    yield scheduler
    scheduler.close()


def test_every_listener_hears_what_is_answered(served: ServedModel, scheduler: Scheduler) -> None:
    notes = [Notes(), Notes()]
    predictor = Predictor(served, scheduler, notes, AnswerCache(0), now=lambda: NOON)
    found = asyncio.run(predictor.predict(["An index.", "A lens."], "ada"))
    said = [it.prediction for it in found]
    assert [it.said for it in notes] == [said, said]
    assert [(it.text, it.user_id, it.at) for it in said] == [
        ("An index.", "ada", NOON),
        ("A lens.", "ada", NOON),
    ]
    assert len({it.id for it in said}) == 2
    for it in found:
        assert tuple(it.probabilities) == served.classifier.labels
        assert it.probabilities[it.prediction.label] == it.prediction.confidence
        assert it.prediction.latency_ms > 0


def test_a_listener_that_raises_holds_the_answer_back_and_the_later_ones_hear_the_error(
    served: ServedModel, scheduler: Scheduler
) -> None:
    first, later = Notes(), Notes()
    predictor = Predictor(
        served, scheduler, [first, Refusing(), later], AnswerCache(0), now=lambda: NOON
    )
    with pytest.raises(UnavailableError, match="disk is full"):
        asyncio.run(predictor.predict(["An index."]))
    assert later.said == []
    assert [type(error) for error in later.failed] == [UnavailableError]


def test_a_refusal_is_announced(served: ServedModel, scheduler: Scheduler) -> None:
    notes = Notes()
    predictor = Predictor(served, scheduler, [notes], AnswerCache(0), now=lambda: NOON)
    with pytest.raises(OverloadedError):
        asyncio.run(predictor.predict(["a"] * 11))
    assert [type(error) for error in notes.failed] == [OverloadedError]
    assert notes.said == []


def test_an_error_that_nobody_foresaw_is_announced_too(
    served: ServedModel, scheduler: Scheduler
) -> None:
    notes = Notes()
    broken = replace(served, classifier=Breaking())
    predictor = Predictor(broken, scheduler, [notes], AnswerCache(0), now=lambda: NOON)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(predictor.predict(["a"]))
    assert "ZeroDivisionError" in notes.failed[0].message


def test_a_slow_listener_does_not_hold_up_the_loop(
    served: ServedModel, scheduler: Scheduler
) -> None:
    heard, go_on = threading.Event(), threading.Event()

    class SlowDisk(Notes):
        def on_predictions(self, predictions: Sequence[Prediction]) -> None:
            heard.set()
            assert go_on.wait(20)
            super().on_predictions(predictions)

    notes = SlowDisk()
    predictor = Predictor(served, scheduler, [notes], AnswerCache(0), now=lambda: NOON)

    async def run() -> None:
        answer = asyncio.ensure_future(predictor.predict(["An index."]))
        await asyncio.to_thread(heard.wait, 20)
        assert not answer.done()
        go_on.set()
        await answer

    asyncio.run(run())
    assert len(notes.said) == 1


class Counted(str):
    """A text that counts how often it was written into what its key is made of."""

    __slots__ = ("written",)

    def __format__(self, how: str) -> str:
        self.written = getattr(self, "written", 0) + 1
        return super().__format__(how)


def test_the_key_of_a_text_is_made_once(served: ServedModel, scheduler: Scheduler) -> None:
    predictor = Predictor(served, scheduler, [], AnswerCache(100_000), now=lambda: NOON)
    texts = [Counted(it) for it in ("An index.", "A lens.", "An index.")]

    async def run() -> None:
        for text in texts:
            await predictor.predict([text])

    asyncio.run(run())
    assert [it.written for it in texts] == [1, 1, 1]


def test_what_was_answered_before_is_recorded_and_not_computed_again(
    served: ServedModel, scheduler: Scheduler
) -> None:
    notes = Notes()
    predictor = Predictor(served, scheduler, [notes], AnswerCache(100_000), now=lambda: NOON)

    async def run() -> None:
        (first,) = await predictor.predict(["An index."])
        again, other = await predictor.predict(["An index.", "A lens."])
        assert again.answer == first.answer
        assert again.prediction.id != first.prediction.id
        assert again.prediction.latency_ms == 0 < other.prediction.latency_ms
        assert other.prediction.text == "A lens."
        predictor.served = replace(served, version=replace(served.version, digest="another"))
        (anew,) = await predictor.predict(["An index."])
        assert anew.prediction.latency_ms > 0

    asyncio.run(run())
    assert notes.cached == 1
    assert [it.text for it in notes.said] == ["An index.", "An index.", "A lens.", "An index."]


class Dropping(Notes):
    """A listener that can't keep anything, and does not mind."""

    def on_predictions(self, predictions: Sequence[Prediction]) -> bool:
        del predictions
        return False


def test_what_is_not_recorded_is_answered_and_counted_but_never_acknowledged(
    served: ServedModel, scheduler: Scheduler
) -> None:
    later = Notes()
    predictor = Predictor(served, scheduler, [Dropping(), later], AnswerCache(0), now=lambda: NOON)
    found = asyncio.run(predictor.predict(["An index.", "A lens."]))
    assert [it.is_recorded for it in found] == [False, False]
    assert (later.dropped, len(later.said), later.failed) == (2, 2, [])
