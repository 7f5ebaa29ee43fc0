"""What the web page asks for people: within the limits of the API, and errors as sentences."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from classmark.errors import ClassmarkError, InputError, OverloadedError
from classmark.serving.predictor import Predictor, ServedPrediction
from classmark.serving.problems import UNFORESEEN, told
from classmark.serving.settings import ServingSettings

logger = logging.getLogger(__name__)

T = TypeVar("T")


async def outcome(asking: Awaitable[T]) -> T | str:
    """What comes of it; or else what went wrong, as a sentence with what to do next."""
    try:
        return await asking
    except ClassmarkError as error:
        detail, remedy = told(error, "The web page")
    except Exception:
        logger.exception("The web page failed")
        detail, remedy = UNFORESEEN
    return f"{detail} {remedy}"


async def predicted(
    predictor: Predictor, texts: Sequence[str], settings: ServingSettings
) -> list[ServedPrediction]:
    """The answers in the order of the texts, each of them recorded.

    Raises:
        InputError: A text is empty or too long.
        OverloadedError: Too many texts wait already, or the time was over.
        UnavailableError: The answers could not be recorded.
    """
    for number, text in enumerate(texts, start=1):
        _check(text, f"Text {number:,}" if len(texts) > 1 else "The text", settings)
    seconds = settings.timeout_seconds or None
    by = time.monotonic() + seconds if seconds else math.inf
    try:
        async with asyncio.timeout(seconds) as timeout:
            return await predictor.predict([_storable(text) for text in texts], by=by)
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise OverloadedError(
            f"There was no answer within {seconds:g} s.",
            remedy="Ask again later, or for fewer texts at a time.",
        ) from error


def _check(text: str, named: str, settings: ServingSettings) -> None:
    if not text.strip():
        raise InputError("There is no text.", remedy="Type or paste one first.")
    if len(text) > settings.max_text_characters:
        raise InputError(
            f"{named} has {len(text):,} characters; {settings.max_text_characters:,} can be read.",
            remedy="Give the part that says what it is about.",
        )


def _storable(text: str) -> str:
    """The text without what no database keeps: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", " ").encode("utf-8", "replace").decode()
