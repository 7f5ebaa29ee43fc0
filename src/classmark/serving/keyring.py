"""The keys that open something, as the database has them, remembered for a few seconds."""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from classmark.access import ApiKey, WrittenKey
from classmark.errors import DatabaseUnavailableError
from classmark.serving.aside import in_its_own_thread

logger = logging.getLogger(__name__)

# A key that was revoked opens nothing after so long, if the database answers.
_TRUSTED_SECONDS = 5.0
# Looked again before that, so that nobody waits for it.
_FRESH_SECONDS = 2.0
# Between two looks at least, whatever wrong keys are tried.
_PAUSE_SECONDS = 1.0
# How long a request waits for a look.
_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Known:
    keys: Mapping[str, ApiKey]
    at: float


class Keyring:
    """All keys at once: a wrong one costs no question to the database, and no memory.

    Where the database does not answer, the keys that were known go on opening, and of others
    nobody can tell.

    Args:
        keys: Those that may open something. It may raise and hang.
        now: The clock.
        seconds: Seconds that never go back.
    """

    def __init__(
        self,
        keys: Callable[[], Sequence[ApiKey]],
        *,
        now: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        self._keys = keys
        self._now = now
        self._seconds = seconds
        self._known: _Known | None = None
        self._looking: asyncio.Future[_Known] | None = None
        self._looked_at = 0.0
        self._is_away = False

    async def found(self, written: WrittenKey) -> ApiKey | None:
        """The key that somebody gave, if it is one and still good.

        Raises:
            DatabaseUnavailableError: It is not among those known, and the database does not tell.
        """
        key = await self._kept(written.id)
        return key if key is not None and key.opens(written, self._now()) else None

    async def begin(self) -> None:
        """Look once before anybody asks: those known then go on, whatever becomes of the database.

        A database that does not answer holds up nothing.
        """
        await self._wait_for(self._look())

    async def _kept(self, key_id: str) -> ApiKey | None:
        asked_at, known = self._seconds(), self._known
        key = known.keys.get(key_id) if known else None
        age = asked_at - known.at if known else math.inf
        if key is not None and age < _FRESH_SECONDS:
            return key
        looking = self._look()
        if not self._is_away and (key is None or age >= _TRUSTED_SECONDS):
            await self._wait_for(looking)
        return self._told(key_id, asked_at)

    def _told(self, key_id: str, asked_at: float) -> ApiKey | None:
        known = self._known
        if known is not None and (key_id in known.keys or known.at >= asked_at - _TRUSTED_SECONDS):
            return known.keys.get(key_id)
        raise DatabaseUnavailableError(
            "The database does not tell which keys there are.",
            remedy="Check that it runs, then ask again.",
        )

    def _look(self) -> "asyncio.Future[_Known]":
        """The look that is under way, or was just now, or a new one."""
        now = self._seconds()
        running = self._looking
        if running and not (running.done() and now >= self._looked_at + _PAUSE_SECONDS):
            return running
        self._looked_at = now
        self._looking = asyncio.wrap_future(in_its_own_thread(partial(self._looked, now)))
        self._looking.add_done_callback(self._heard)
        return self._looking

    def _looked(self, at: float) -> _Known:
        return _Known({key.id: key for key in self._keys()}, at)

    def _heard(self, looking: "asyncio.Future[_Known]") -> None:
        if looking.cancelled():
            return
        error = looking.exception()
        if error is None:
            self._known = looking.result()
        elif not self._is_away:
            logger.warning("Keys can't be looked up; those known go on: %s", error)
        self._is_away = error is not None

    async def _wait_for(self, looking: "asyncio.Future[_Known]") -> None:
        done, _ = await asyncio.wait({looking}, timeout=_PATIENCE_SECONDS)
        if not done and not self._is_away:
            logger.warning("Keys are not told in time; those known go on.")
            self._is_away = True
