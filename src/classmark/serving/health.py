"""How the model is: what was loaded, whether it answers, and whether it is the right one."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from classmark.errors import ClassmarkError
from classmark.predictions import Spool
from classmark.serving.aside import in_its_own_thread
from classmark.serving.fallback import Fallback
from classmark.serving.predictor import Predictor
from classmark.serving.runtime import EXAMPLE, ServedModel, are_probabilities
from classmark.serving.schemas import CheckBody, FallbackBody, ModelHealthResponse

if TYPE_CHECKING:
    from concurrent.futures import Future

logger = logging.getLogger(__name__)

_DATABASE_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
_SLOW_SECONDS = 1.0
# Far more than two moves of a spool lie apart.
_UNDRAINED_SECONDS = 30.0
# Without these nobody is answered.
_NEEDED = ("model_loaded", "inference")


class ModelHealth:
    """Looks at a served model whenever somebody asks; hangs on nothing.

    Args:
        predictor: Answers the known example as it would anybody.
        spool: Where predictions wait for the database.
        production: Which version is in production; None if none is. It may raise and hang.
    """

    def __init__(
        self, predictor: Predictor, spool: Spool, production: Callable[[], str | None]
    ) -> None:
        self._predictor = predictor
        self._spool = spool
        self._production = production
        self._asking: Future[str | None] | None = None

    async def looked_at(self) -> ModelHealthResponse:
        """How it is now."""
        served = self._predictor.served
        inference, (live, production) = await asyncio.gather(self._answers(served), self._live())
        fallback = served.fallback
        checks = {
            "model_loaded": CheckBody(
                ok=True, message=f"{served.version.name} is loaded, and was intact then."
            ),
            "right_version": _right_version(served.version.name, fallback),
            **inference,
            "database": production,
            "spool": self._spooled(),
        }
        return ModelHealthResponse(
            status=_status(name for name, check in checks.items() if not check.ok),
            model=served.version.model,
            version=str(served.version.version),
            production_version=live,
            fallback=FallbackBody(**asdict(fallback)) if fallback else None,
            loaded_at=served.loaded_at,
            checks=checks,
            timestamp=datetime.now(UTC),
        )

    async def _answers(self, served: ServedModel) -> dict[str, CheckBody]:
        """Whether a known example is answered, and how soon."""
        began = asyncio.get_running_loop().time()
        try:
            asked = self._predictor.rehearse(served, EXAMPLE)
            timed = await asyncio.wait_for(asked, _ANSWER_SECONDS)
        except TimeoutError:
            late = f"A known example was not answered in {_ANSWER_SECONDS:g} s."
            return _both(ok=False, message=late)
        except ClassmarkError as error:
            return _both(ok=False, message=error.message)
        except Exception:
            logger.exception("A known example is not answered")
            return _both(ok=False, message="A known example is not answered; see the log.")
        if not are_probabilities(timed.answer.probabilities):
            return _both(ok=False, message="The probabilities of a known example are none.")
        seconds = asyncio.get_running_loop().time() - began
        took = f"A known example was answered in {seconds * 1000:.0f} ms."
        return {
            "inference": CheckBody(ok=True, message=took),
            "latency": CheckBody(ok=seconds <= _SLOW_SECONDS, message=took),
        }

    async def _live(self) -> tuple[str | None, CheckBody]:
        """The version in production, if the database tells soon."""
        if self._asking is None or self._asking.done():
            # A database that hangs gets no second question.
            self._asking = in_its_own_thread(self._production)
        try:
            live = await asyncio.wait_for(asyncio.wrap_future(self._asking), _DATABASE_SECONDS)
        except TimeoutError:
            late = f"The database did not answer within {_DATABASE_SECONDS:g} s."
            return None, CheckBody(ok=False, message=late)
        except Exception as error:  # noqa: BLE001 (whatever it is, the model answers)
            logger.warning("Which version is in production can't be told: %s", error)
            return None, CheckBody(ok=False, message="The database does not answer.")
        told = f"{live} is in production." if live else "Nothing is in production."
        return live, CheckBody(ok=True, message=told)

    def _spooled(self) -> CheckBody:
        try:
            waiting = self._spool.waiting_bytes
        except OSError:
            return CheckBody(ok=False, message="The spool can't be read.")
        since = self._spool.seconds_since_drain
        told = f"{waiting:,} bytes wait; all was moved to the database {since:.1f} s ago."
        return CheckBody(ok=since <= _UNDRAINED_SECONDS, message=told)


def _right_version(name: str, fallback: Fallback | None) -> CheckBody:
    if fallback is None:
        return CheckBody(ok=True, message=f"{name} stands in for no other one.")
    told = f"{name} stands in for {fallback.wanted}, which can't be loaded."
    return CheckBody(ok=False, message=told)


def _status(wrong: Iterable[str]) -> Literal["healthy", "degraded", "failing"]:
    found = set(wrong)
    if found & set(_NEEDED):
        return "failing"
    return "degraded" if found else "healthy"


def _both(*, ok: bool, message: str) -> dict[str, CheckBody]:
    check = CheckBody(ok=ok, message=message)
    return {"inference": check, "latency": check}
