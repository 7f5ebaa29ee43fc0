"""A running server follows production, one look at a time, whatever goes wrong."""

import asyncio
import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from classmark.errors import (
    ClassmarkError,
    DatabaseUnavailableError,
    TamperedVersionError,
    UnavailableError,
)
from classmark.models import Classifier
from classmark.predictions import Prediction
from classmark.registry import RegisteredVersion, Status, Version
from classmark.serving import (
    AnswerCache,
    Fallback,
    Predictor,
    ProductionFollower,
    QueueLimits,
    Scheduler,
    ServedModel,
    following_production,
)

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


class Fixed(Classifier):
    """Always of one mind."""

    def __init__(self, label: str, hold: threading.Event | None = None) -> None:
        self.labels = (label, "other")
        self._hold = hold

    @classmethod
    def load(cls, folder: Path, config: object) -> Self:
        raise NotImplementedError

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        del text
        if self._hold:
            assert self._hold.wait(20)
        return np.array([0.9, 0.1])


def version(number: str, digest: str = "00") -> RegisteredVersion:
    folder = Path("/models/shelves", f"shelves_{number}")
    parsed = Version.parse(number)
    return RegisteredVersion("shelves", parsed, Status.PRODUCTION, NOON, folder, digest, {})


def model(number: str) -> ServedModel:
    return ServedModel(version(number), Fixed(number))


@dataclass
class Shelf:
    """Versions in memory: what is live, and what can't be had."""

    now_live: RegisteredVersion | None
    damaged: dict[str, ClassmarkError] = field(default_factory=dict)
    mute: dict[str, BaseException] = field(default_factory=dict)
    away: Exception | None = None
    asked: list[str] = field(default_factory=list)
    on_load: Callable[[], None] = lambda: None

    def live(self) -> RegisteredVersion | None:
        if self.away:
            raise self.away
        return self.now_live

    def verified(self, version: RegisteredVersion) -> RegisteredVersion:
        self.asked.append(f"verify {version.version}")
        if str(version.version) in self.damaged:
            raise self.damaged[str(version.version)]
        return version

    def load(self, version: RegisteredVersion) -> ServedModel:
        self.asked.append(f"load {version.version}")
        self.on_load()
        if str(version.version) in self.mute:
            raise self.mute[str(version.version)]
        return ServedModel(version, Fixed(str(version.version)))


@dataclass
class Told:
    """A listener that writes all down."""

    served: list[tuple[str, str | None, bool]] = field(default_factory=list)
    swaps: list[str] = field(default_factory=list)
    said: list[Prediction] = field(default_factory=list)

    def on_served(self, version: str, kept: str | None, *, is_fallback: bool) -> None:
        self.served.append((version, kept, is_fallback))

    def on_swap(self, result: str) -> None:
        self.swaps.append(result)

    def on_predictions(self, predictions: Sequence[Prediction]) -> None:
        self.said += predictions

    def on_cached(self, count: int) -> None:
        raise AssertionError(count)

    def on_dropped(self, count: int) -> None:
        raise AssertionError(count)

    def on_error(self, error: ClassmarkError) -> None:
        raise error


class Server:
    """A predictor that follows a shelf; time goes on when it is told to."""

    def __init__(self, shelf: Shelf, served: ServedModel | None = None) -> None:
        self.shelf, self.told, self.seconds = shelf, Told(), 0.0
        self.scheduler = Scheduler(2, QueueLimits(texts=100, seconds=60))
        self.predictor = Predictor(
            served or model("v1.0.0"), self.scheduler, [self.told], AnswerCache(0), now=lambda: NOON
        )
        self.follower = ProductionFollower(
            self.predictor, shelf, self.told, now=lambda: self.seconds, sleep=asyncio.sleep
        )

    async def settle(self) -> None:
        """Look until there is nothing more to do at once."""
        while await self.follower.look():
            pass

    @property
    def state(self) -> tuple[str, str | None, bool]:
        """What answers, what is kept, and whether it stands in for another one."""
        return self.told.served[-1]

    def promote(self, number: str, digest: str = "00") -> None:
        self.shelf.now_live = version(number, digest)


def run(work: Coroutine[Any, Any, None], server: Server) -> None:
    try:
        asyncio.run(work)
    finally:
        server.scheduler.close()


def test_a_promotion_is_loaded_and_the_way_back_is_not() -> None:
    server = Server(Shelf(version("v1.0.0")))

    async def go() -> None:
        await server.settle()
        assert server.told.served == []
        for number in ("v1.1.0", "v1.0.0", "v1.1.0"):
            server.promote(number)
            await server.settle()
            (found,) = await server.predictor.predict(["a text"])
            assert (found.prediction.version, found.prediction.label) == (number, number)

    run(go(), server)
    assert server.shelf.asked == ["verify v1.1.0", "load v1.1.0"]
    assert server.told.swaps == ["loaded", "kept", "kept"]
    assert server.state == ("v1.1.0", "v1.0.0", False)
    assert [it.version for it in server.told.said] == ["v1.1.0", "v1.0.0", "v1.1.0"]


def test_at_most_two_versions_are_held() -> None:
    server = Server(Shelf(version("v1.0.0")))
    held: list[weakref.ref[Classifier]] = []

    def count() -> None:
        gc.collect()
        assert sum(one() is not None for one in held) <= 1

    server.shelf.on_load = count

    async def go() -> None:
        for number in ("v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0"):
            server.promote(number)
            await server.settle()
            held.append(weakref.ref(server.predictor.served.classifier))
        gc.collect()
        assert [one() is not None for one in held] == [False, False, True, True]

    run(go(), server)
    assert server.state == ("v1.4.0", "v1.3.0", False)


def test_a_request_is_answered_by_the_version_that_began_it() -> None:
    hold = threading.Event()
    slow = ServedModel(version("v1.0.0"), Fixed("v1.0.0", hold))
    server = Server(Shelf(version("v1.1.0")), slow)

    async def go() -> None:
        begun = asyncio.ensure_future(server.predictor.predict(["a text"] * 8))
        await asyncio.sleep(0)
        await server.settle()
        assert server.state == ("v1.1.0", "v1.0.0", False)
        hold.set()
        found = await begun
        assert {(it.prediction.version, it.prediction.label) for it in found} == {
            ("v1.0.0", "v1.0.0")
        }
        assert all(set(it.probabilities) == {"v1.0.0", "other"} for it in found)

    run(go(), server)


def test_other_bytes_under_the_number_that_is_kept_are_loaded() -> None:
    server = Server(Shelf(version("v1.1.0")))

    async def go() -> None:
        await server.settle()
        server.promote("v1.0.0", "other bytes")
        await server.settle()

    run(go(), server)
    assert server.shelf.asked[-1] == "load v1.0.0"
    assert server.predictor.served.version.digest == "other bytes"


@pytest.mark.parametrize(
    ("step", "error", "why"),
    [
        ("damaged", TamperedVersionError("It was changed.", remedy="Mend it."), "It was changed."),
        ("mute", UnavailableError("Not enough memory.", remedy="Wait."), "Not enough memory."),
        (
            "mute",
            RuntimeError("never seen"),
            "shelves_v1.1.0 can't be loaded (RuntimeError); see the server's log.",
        ),
    ],
)
def test_what_can_not_be_loaded_leaves_the_old_one_answering_and_is_told_once(
    step: str, error: Exception, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(version("v1.1.0"))
    getattr(shelf, step)["v1.1.0"] = error
    server = Server(shelf)

    async def go() -> None:
        for _ in range(200):
            await server.settle()
            server.seconds += 0.5
            (found,) = await server.predictor.predict(["a text"])
            assert found.prediction.version == "v1.0.0"

    run(go(), server)
    assert server.predictor.served.fallback == Fallback("v1.1.0", why)
    assert server.state == ("v1.0.0", None, True)
    # After 0, 1, 3, 7, 15, 31 and 63 seconds.
    assert server.told.swaps == ["failed"] * 7
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert "shelves_v1.1.0 is in production and can't be loaded" in caplog.text
    assert ("never seen" in caplog.text) == isinstance(error, RuntimeError)


def test_what_was_mended_answers_and_the_fallback_ends() -> None:
    shelf = Shelf(version("v1.1.0"))
    shelf.damaged["v1.1.0"] = TamperedVersionError("It was changed.", remedy="Mend it.")
    server = Server(shelf)

    async def go() -> None:
        await server.settle()
        shelf.damaged.clear()
        await server.settle()
        assert server.state == ("v1.0.0", None, True)
        server.seconds += 1
        await server.settle()

    run(go(), server)
    assert server.state == ("v1.1.0", "v1.0.0", False)
    assert server.predictor.served.fallback is None


def test_going_back_to_what_answers_ends_the_fallback_and_the_next_try_is_at_once() -> None:
    shelf = Shelf(version("v1.1.0"))
    shelf.damaged["v1.1.0"] = TamperedVersionError("It was changed.", remedy="Mend it.")
    server = Server(shelf)

    async def go() -> None:
        await server.settle()
        server.promote("v1.0.0")
        await server.settle()
        assert server.state == ("v1.0.0", None, False)
        shelf.damaged.clear()
        server.promote("v1.1.0")
        await server.settle()

    run(go(), server)
    assert server.state == ("v1.1.0", "v1.0.0", False)


def test_what_is_damaged_does_not_cost_the_short_way_back() -> None:
    server = Server(Shelf(version("v1.1.0")))

    async def go() -> None:
        await server.settle()
        server.shelf.damaged["v1.2.0"] = TamperedVersionError("It was changed.", remedy="Mend it.")
        server.promote("v1.2.0")
        await server.settle()
        assert server.state == ("v1.1.0", "v1.0.0", True)
        server.promote("v1.0.0")
        await server.settle()

    run(go(), server)
    assert server.state == ("v1.0.0", "v1.1.0", False)
    assert server.told.swaps == ["loaded", "failed", "kept"]


def test_a_version_that_is_no_longer_live_when_it_is_loaded_never_answers() -> None:
    server = Server(Shelf(version("v1.1.0")))
    server.shelf.on_load = lambda: server.promote("v1.0.0")

    async def go() -> None:
        await server.settle()
        await server.predictor.predict(["a text"])

    run(go(), server)
    assert server.state == ("v1.0.0", "v1.1.0", False)
    assert server.told.swaps == []


def test_a_server_that_began_on_a_fallback_tries_again_after_a_minute_and_follows_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    standing_in = replace(model("v1.0.0"), fallback=Fallback("v1.1.0", "It was changed."))
    server = Server(Shelf(version("v1.1.0")), standing_in)
    server.shelf.damaged["v1.1.0"] = TamperedVersionError("Still so.", remedy="Mend it.")

    async def go() -> None:
        await server.settle()
        server.seconds = 59.9
        await server.settle()
        assert server.shelf.asked == []
        server.seconds = 60
        await server.settle()
        assert server.shelf.asked == ["verify v1.1.0"]
        server.promote("v1.2.0")
        await server.settle()

    run(go(), server)
    assert server.state == ("v1.2.0", "v1.0.0", False)
    # Whoever let it begin so has told it already.
    assert caplog.text == ""


def test_with_nothing_live_the_server_goes_on() -> None:
    server = Server(Shelf(None))

    async def go() -> None:
        await server.settle()
        (found,) = await server.predictor.predict(["a text"])
        assert found.prediction.version == "v1.0.0"

    run(go(), server)
    assert server.told.served == []


def test_with_nothing_live_any_more_the_fallback_ends_and_begins_anew_with_its_version() -> None:
    shelf = Shelf(version("v1.1.0"))
    shelf.damaged["v1.1.0"] = TamperedVersionError("It was changed.", remedy="Mend it.")
    server = Server(shelf)

    async def go() -> None:
        await server.settle()
        assert server.state == ("v1.0.0", None, True)
        shelf.now_live = None
        await server.settle()
        assert server.state == ("v1.0.0", None, False)
        server.promote("v1.1.0")
        await server.settle()

    run(go(), server)
    assert server.state == ("v1.0.0", None, True)
    assert server.shelf.asked == ["verify v1.1.0"] * 2


def test_a_fallback_of_the_start_ends_where_nothing_is_live_and_not_where_nobody_tells() -> None:
    standing_in = replace(model("v1.0.0"), fallback=Fallback("v1.1.0", "It was changed."))
    server = Server(Shelf(None), standing_in)

    async def go() -> None:
        server.shelf.away = DatabaseUnavailableError("It is away.", remedy="Wait.")
        await server.settle()
        assert server.told.served == []
        server.shelf.away = None
        await server.settle()
        assert server.state == ("v1.0.0", None, False)
        server.promote("v1.1.0")
        await server.settle()

    run(go(), server)
    assert server.state == ("v1.1.0", "v1.0.0", False)


def test_an_absent_database_changes_nothing_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = Server(Shelf(version("v1.1.0")))
    away = DatabaseUnavailableError("It is away.", remedy="Wait.")

    async def go() -> None:
        server.shelf.away = away
        for _ in range(5):
            await server.settle()
        assert server.told.served == []
        server.shelf.away = None
        server.shelf.damaged["v1.1.0"] = away
        await server.settle()
        assert server.predictor.served.fallback is None
        server.shelf.damaged.clear()
        await server.settle()

    run(go(), server)
    assert [one.levelname for one in caplog.records] == ["WARNING"]
    assert server.told.swaps == ["loaded"]


def test_a_database_that_hangs_gets_one_question_and_holds_up_no_end() -> None:
    come_back, asked = threading.Event(), threading.Event()

    class Hanging(Shelf):
        def live(self) -> RegisteredVersion | None:
            asked.set()
            self.asked.append("live")
            come_back.wait(60)
            return super().live()

    server = Server(Hanging(version("v1.1.0")))

    async def go() -> None:
        async with following_production(server.follower, 0.01):
            await asyncio.to_thread(asked.wait, 20)
            await asyncio.sleep(0.2)
            (found,) = await server.predictor.predict(["a text"])
            assert found.prediction.version == "v1.0.0"

    began = time.monotonic()
    run(go(), server)
    assert time.monotonic() - began < 30
    assert server.shelf.asked == ["live"]
    come_back.set()


def test_the_end_waits_for_a_version_that_is_being_loaded() -> None:
    loading, ended = threading.Event(), threading.Event()
    server = Server(Shelf(version("v1.1.0")))

    def take_time() -> None:
        loading.set()
        time.sleep(0.3)
        ended.set()

    server.shelf.on_load = take_time

    async def go() -> None:
        async with following_production(server.follower, 0.01):
            await asyncio.to_thread(loading.wait, 20)
        assert ended.is_set()

    run(go(), server)
    assert server.told.swaps == []


def test_who_does_not_want_to_follow_is_not_asked() -> None:
    server = Server(Shelf(version("v1.1.0")))

    async def go() -> None:
        async with following_production(server.follower, 0):
            await asyncio.sleep(0.05)

    run(go(), server)
    assert server.shelf.asked == []


def test_following_goes_on_after_what_nobody_foresaw(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(Shelf(version("v1.1.0")))
    swaps: asyncio.Queue[str] = asyncio.Queue()
    failures = [ZeroDivisionError("odd")]

    class Odd(Told):
        def on_swap(self, result: str) -> None:
            swaps.put_nowait(result)
            if failures:
                raise failures.pop()

    follower = ProductionFollower(
        server.predictor, server.shelf, Odd(), now=time.monotonic, sleep=asyncio.sleep
    )

    async def go() -> None:
        async with following_production(follower, 0.01):
            for number in ("v1.1.0", "v1.2.0"):
                server.promote(number)
                assert await swaps.get() == "loaded"
                assert str(server.predictor.served.version.version) == number

    run(go(), server)
    assert "odd" in caplog.text
