"""Calls of the database, and what takes long, apart from everything that answers."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import ParamSpec, TypeVar

from classmark.errors import DatabaseUnavailableError

Given = ParamSpec("Given")
Found = TypeVar("Found")

# Calls that run at the same time; the others wait for them.
_AT_ONCE = 8
# How long a request waits for the database.
_SECONDS = 10.0


class DatabaseCalls:
    """Runs calls in threads that nobody else needs and whose end nobody waits for.

    A database that hangs would take the event loop's own threads, one by one, and keep the process
    from ending.
    """

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def run(
        self, call: Callable[Given, Found], *args: Given.args, **kwargs: Given.kwargs
    ) -> Found:
        """What a call gives.

        Raises:
            DatabaseUnavailableError: It took too long, or so did those before it; it may still
                come to its end.
        """
        try:
            async with asyncio.timeout(_SECONDS):
                await self._free.acquire()
                return await asyncio.wrap_future(
                    self._begun(lambda: call(*args, **kwargs), asyncio.get_running_loop())
                )
        except TimeoutError as error:
            raise DatabaseUnavailableError(
                f"The database does not answer within {_SECONDS:.0f} seconds.",
                remedy="Check that it runs, then ask again.",
            ) from error

    def _begun(self, call: Callable[[], Found], loop: asyncio.AbstractEventLoop) -> "Future[Found]":
        def release(_: object) -> None:
            # The loop may have ended meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._free.release)

        told = in_its_own_thread(call)
        told.add_done_callback(release)
        return told


def in_its_own_thread(call: Callable[[], Found]) -> "Future[Found]":
    """What a call will give; a thread that hangs holds up neither others nor the end."""
    told: Future[Found] = Future()
    # From now on nobody who gives up waiting can call it off.
    told.set_running_or_notify_cancel()

    def run() -> None:
        try:
            found = call()
        except BaseException as error:  # noqa: BLE001 (raised where it is awaited)
            told.set_exception(error)
        else:
            told.set_result(found)

    threading.Thread(target=run, name="aside", daemon=True).start()
    return told
