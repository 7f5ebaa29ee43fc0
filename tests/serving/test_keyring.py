"""Keys are remembered for a few seconds, and go on while the database does not answer."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from classmark.access import ApiKey, Scope, WrittenKey
from classmark.errors import DatabaseUnavailableError
from classmark.serving import Keyring

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
WRITTEN, LATER = WrittenKey.new(), WrittenKey.new()
UNKNOWN = WrittenKey.new()


def kept(written: WrittenKey, expires_at: datetime | None = None) -> ApiKey:
    return ApiKey(written.id, "desk", (Scope.PREDICT,), written.digest, "ada", NOON, expires_at)


@dataclass(slots=True)
class Shelf:
    """A database of keys that fails or hangs when it is told to, and the time.

    Attributes:
        keys: Those there are.
        seconds: The time.
        fails: Whether it refuses.
        going: Cleared while it hangs.
        looks: How often it was asked.
    """

    keys: list[ApiKey]
    seconds: float = 100.0
    fails: bool = False
    going: threading.Event = field(default_factory=threading.Event)
    looks: int = 0

    def __post_init__(self) -> None:
        self.going.set()

    def look(self) -> Sequence[ApiKey]:
        self.looks += 1
        assert self.going.wait(20)
        if self.fails:
            raise DatabaseUnavailableError("It is gone.", remedy="Wait.")
        return list(self.keys)

    @property
    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds - 100)

    @property
    def ring(self) -> Keyring:
        return Keyring(self.look, now=lambda: self.now, seconds=lambda: self.seconds)


async def told_at_last(ring: Keyring, written: WrittenKey) -> ApiKey | None:
    """What becomes of a key when the database answers again."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await ring.found(written)
            except DatabaseUnavailableError:
                await asyncio.sleep(0.001)


def run(told: Callable[[], Awaitable[None]]) -> None:
    async def running() -> None:
        await told()

    asyncio.run(running())


def test_a_key_is_found_by_its_secret_alone() -> None:
    shelf = Shelf([kept(WRITTEN)])

    async def ask() -> None:
        ring = shelf.ring
        assert await ring.found(WRITTEN) == shelf.keys[0]
        assert await ring.found(replace(WRITTEN, secret=UNKNOWN.secret)) is None
        assert await ring.found(UNKNOWN) is None

    run(ask)


def test_a_flood_of_wrong_keys_asks_the_database_once_a_second() -> None:
    shelf = Shelf([kept(WRITTEN)])

    async def ask() -> None:
        ring = shelf.ring
        for second in range(3):
            shelf.seconds = 100 + second
            wrong = (ring.found(WrittenKey.new()) for _ in range(200))
            assert set(await asyncio.gather(*wrong)) == {None}
            assert shelf.looks == second + 1

    run(ask)


def test_a_known_key_is_not_looked_up_for_each_request() -> None:
    shelf = Shelf([kept(WRITTEN)])

    async def ask() -> None:
        ring = shelf.ring
        for tenth in range(20):
            shelf.seconds = 100 + tenth / 10
            assert await ring.found(WRITTEN)
        assert shelf.looks == 1

    run(ask)


def test_a_new_key_is_known_after_a_second() -> None:
    shelf = Shelf([kept(WRITTEN)])

    async def ask() -> None:
        ring = shelf.ring
        assert await ring.found(WRITTEN)
        shelf.keys.append(kept(LATER))
        shelf.seconds += 1
        assert await ring.found(LATER)

    run(ask)


def test_a_revoked_key_opens_nothing_after_five_seconds() -> None:
    shelf = Shelf([kept(WRITTEN)])

    async def ask() -> None:
        ring = shelf.ring
        assert await ring.found(WRITTEN)
        shelf.keys.clear()
        shelf.seconds += 5
        assert await ring.found(WRITTEN) is None

    run(ask)


def test_nobody_waits_for_a_look_that_comes_early() -> None:
    shelf = Shelf([kept(WRITTEN)])

    async def ask() -> None:
        ring = shelf.ring
        assert await ring.found(WRITTEN)
        shelf.keys.clear()
        shelf.seconds += 3
        assert await ring.found(WRITTEN)
        assert ring._looking
        await asyncio.wait({ring._looking})
        assert await ring.found(WRITTEN) is None
        assert shelf.looks == 2

    run(ask)


def test_a_key_expires_whatever_is_remembered() -> None:
    shelf = Shelf([kept(WRITTEN, NOON + timedelta(seconds=1))])

    async def ask() -> None:
        ring = shelf.ring
        assert await ring.found(WRITTEN)
        shelf.seconds += 1
        assert await ring.found(WRITTEN) is None
        assert shelf.looks == 1

    run(ask)


@pytest.mark.parametrize("hangs", [True, False])
def test_with_the_database_away_known_keys_go_on_and_of_others_nobody_can_tell(
    *, hangs: bool, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf([kept(WRITTEN)])

    async def ask() -> None:
        ring = shelf.ring
        await ring.begin()
        if hangs:
            shelf.going.clear()
        shelf.fails = not hangs
        shelf.keys.append(kept(LATER))
        shelf.seconds += 3600
        for _ in range(3):
            assert await ring.found(WRITTEN)
            assert await ring.found(replace(WRITTEN, secret=UNKNOWN.secret)) is None
            for unknown in (LATER, UNKNOWN):
                with pytest.raises(DatabaseUnavailableError):
                    await ring.found(unknown)
        assert shelf.looks == 2
        shelf.fails = False
        shelf.going.set()
        shelf.seconds += 2
        assert await told_at_last(ring, LATER)
        assert await ring.found(UNKNOWN) is None

    run(ask)
    assert len([one for one in caplog.messages if "those known go on" in one]) == 1


def test_where_nothing_was_ever_known_nobody_can_tell() -> None:
    shelf = Shelf([kept(WRITTEN)], fails=True)

    async def ask() -> None:
        ring = shelf.ring
        await ring.begin()
        with pytest.raises(DatabaseUnavailableError):
            await ring.found(WRITTEN)

    run(ask)
