"""A running server follows production: the new version is loaded beside the old one, then swapped.

At most two versions are held: the one that answers, and the one that answered before it, so that
the way back is short. Whatever goes wrong, the one that answers goes on.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from classmark.errors import ClassmarkError, DatabaseUnavailableError
from classmark.registry import RegisteredVersion
from classmark.serving.aside import in_its_own_thread
from classmark.serving.fallback import fallback_for, log_fallback
from classmark.serving.predictor import Predictor
from classmark.serving.runtime import ServedModel
from classmark.serving.succession import (
    Loaded,
    Mark,
    Refusal,
    Step,
    next_step,
    refused,
    refused_at_start,
)
from classmark.serving.versions import Versions

logger = logging.getLogger(__name__)

# How long the end waits for a version that is being loaded: Python can't end a thread gently that
# is inside a library.
_PATIENCE_SECONDS = 5.0

Found = TypeVar("Found")


class SwapListener(Protocol):
    """Somebody who wants to know which version answers."""

    def on_served(self, version: str, kept: str | None, *, is_fallback: bool) -> None:
        """From now on `version` answers, and `kept` is in memory beside it."""
        ...

    def on_swap(self, result: str) -> None:
        """Another version was to answer: it was `loaded`, had been `kept`, or has `failed`."""
        ...


class ProductionFollower:
    """Lets a predictor answer with the version in production; used from one event loop.

    Args:
        predictor: Whose version is swapped.
        versions: Of its model.
        listener: Told of every swap.
        now: Seconds of a clock that only goes forward.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        predictor: Predictor,
        versions: Versions,
        listener: SwapListener,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._predictor = predictor
        self._versions = versions
        self._listener = listener
        self._now = now
        self._sleep = sleep
        self._kept: ServedModel | None = None
        self._kept_has_answered = False
        self._refusal: Refusal | None = None
        self._refused_at_start = predictor.served.fallback
        self._is_told = True

    async def follow(self, seconds: float) -> None:
        """Look for ever, with a pause between; it ends when it is cancelled."""
        while True:
            try:
                is_more_to_do = await self.look()
            except Exception:
                # The next look may find it mended; nobody else would look.
                logger.exception("Which version should answer can't be found out")
                is_more_to_do = False
            if not is_more_to_do:
                await self._sleep(seconds)

    async def look(self) -> bool:
        """Ask what is live, and do one thing that follows from it.

        Returns:
            Whether to look again at once: a version was loaded, which takes its time, and may be
            no longer the one that should answer.
        """
        live = await self._asked()
        if not self._is_told:
            return False
        # No variable here may name a model: it would stay in memory while another one is loaded.
        match self._step(_mark(live) if live else None):
            case Step.KEEP:
                self._end_fallback()
            case Step.SWAP if self._kept is not None:
                self._swap(self._kept)
            case Step.LOAD if live is not None:
                return await self._load(live)
        return False

    def _step(self, live: Mark | None) -> Step:
        self._recall(live)
        kept = _mark(self._kept.version) if self._kept else None
        loaded = Loaded(_mark(self._predictor.served.version), kept)
        return next_step(loaded, live, self._refusal, self._now())

    async def _asked(self) -> RegisteredVersion | None:
        """What is live, if anything is and the database tells; until then nobody asks again."""
        try:
            live = await _aside(self._versions.live)
        except Exception as error:  # noqa: BLE001 (whatever it is, the model answers)
            if self._is_told:
                logger.warning("No new version is picked up: %s", error)
            self._is_told = False
            return None
        self._is_told = True
        return live

    def _recall(self, live: Mark | None) -> None:
        """Forget the refusal of what is no longer live; remember that of the start."""
        if self._refusal is not None and self._refusal.mark != live:
            self._refusal = None
        fallback, self._refused_at_start = self._refused_at_start, None
        if fallback is not None and live is not None and fallback.wanted == live.version:
            self._refusal = refused_at_start(live, self._now())

    def _end_fallback(self) -> None:
        """What answers is live, or nothing is: it stands in for no other one, if it ever did."""
        served = self._predictor.served
        if served.fallback is not None:
            self._serve(replace(served, fallback=None))

    def _swap(self, kept: ServedModel) -> None:
        """Let the other version answer; what has begun is answered by the one that began it."""
        served = self._predictor.served
        result = "kept" if self._kept_has_answered else "loaded"
        self._kept, self._kept_has_answered = replace(served, fallback=None), True
        self._serve(kept)
        self._listener.on_swap(result)
        logger.info("%s answers in place of %s", kept.version.name, served.version.name)

    async def _load(self, live: RegisteredVersion) -> bool:
        """Load a version beside the one that answers; whether it was."""
        try:
            version = await _ended(_aside(partial(self._versions.verified, live)))
            # Not before: what is damaged costs nobody the short way back. Not after: there would
            # be three.
            self._hold(None)
            self._hold(await _ended(_aside(partial(self._versions.load, version))))
        except DatabaseUnavailableError:
            # No fault of the version: it is tried again as soon as the database tells what is live.
            return False
        except Exception as error:  # noqa: BLE001 (whatever it is, the old one answers)
            self._refuse(live, error)
            return False
        return True

    def _hold(self, model: ServedModel | None) -> None:
        self._kept, self._kept_has_answered = model, False
        self._serve(self._predictor.served)

    def _refuse(self, live: RegisteredVersion, error: Exception) -> None:
        """Go on with the version that answers, and tell so; in the log only once."""
        mark, before = _mark(live), self._refusal
        self._refusal = refused(mark, before, self._now())
        cause = None if isinstance(error, ClassmarkError) else error
        fallback = fallback_for(live, _told(live, error))
        self._serve(replace(self._predictor.served, fallback=fallback))
        self._listener.on_swap("failed")
        if before is None:
            log_fallback(self._predictor.served.version, fallback, cause)

    def _serve(self, served: ServedModel) -> None:
        self._predictor.served = served
        kept = str(self._kept.version.version) if self._kept else None
        number = str(served.version.version)
        self._listener.on_served(number, kept, is_fallback=served.fallback is not None)


@asynccontextmanager
async def following_production(follower: ProductionFollower, seconds: float) -> AsyncIterator[None]:
    """Follow production while the block runs; 0 seconds mean never."""
    if not seconds:
        yield
        return
    task = asyncio.create_task(follower.follow(seconds))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _aside(call: Callable[[], Found]) -> "asyncio.Future[Found]":
    """What a call will give, in a thread that holds up neither the event loop nor the end."""
    return asyncio.wrap_future(in_its_own_thread(call))


async def _ended(work: "asyncio.Future[Found]") -> Found:
    """What work gives; who calls it off waits a moment for its end."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait({work}, timeout=_PATIENCE_SECONDS)
        raise


def _told(version: RegisteredVersion, error: Exception) -> ClassmarkError:
    """What anybody may hear of an error; of one that nobody foresaw the log alone has more."""
    if isinstance(error, ClassmarkError):
        return error
    return ClassmarkError(
        f"{version.name} can't be loaded ({type(error).__name__}); see the server's log.",
        remedy=f"Put another one live: classmark rollback {version.model}",
    )


def _mark(version: RegisteredVersion) -> Mark:
    return Mark(str(version.version), version.digest)
