"""One answer from a source: at its pace, patiently, and not for ever."""

import email.utils
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from classmark.documents.collecting.pace import Clock, Pace
from classmark.documents.collecting.source import BrokenAnswerError, Request
from classmark.errors import MissingExtraError, SettingError, SourceUnavailableError

T = TypeVar("T")

logger = logging.getLogger(__name__)

TRIES = 4
_LONGEST_WAIT_SECONDS = 600.0
_TOO_MANY_REQUESTS = 429
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_TEXT_SHOWN = 200
_USER_AGENT = "classmark (document classification; one connection, at the source's pace)"


class RefusedError(Exception):
    """The source will not answer this request, however often it is asked.

    Args:
        status: Of HTTP.
        answer: The body.
    """

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Patience:
    """How long tries last and what lies between them.

    Attributes:
        timeout_seconds: Of the first try; each further one has twice as long.
        backoff_seconds: Before the second try; it doubles.
        jitter: A number from 0 to 1, another one at each call, that up to doubles a wait.
    """

    timeout_seconds: float
    backoff_seconds: float
    jitter: Callable[[], float]


class Fetcher:
    """Asks a source over one connection.

    Args:
        name: The source's.
        pace: How fast it may be asked.
        patience: How often and how long.
        clock: How to wait.
    """

    def __init__(self, name: str, pace: Pace, patience: Patience, clock: Clock) -> None:
        try:
            import httpx  # noqa: PLC0415 (extra)
        except ImportError as error:
            raise MissingExtraError("Collecting papers", extra="collect") from error
        # It logs whole addresses, and keys may be in them.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._name = name
        self._pace = pace
        self._patience = patience
        self._clock = clock
        self._http = httpx.Client(
            follow_redirects=True,
            headers={"User-Agent": _USER_AGENT},
            limits=httpx.Limits(max_connections=1),
        )
        # Besides lost connections the latter are answers that can't be unpacked.
        self._time_over, self._transport_error = httpx.TimeoutException, httpx.RequestError
        self._bad_url = (httpx.UnsupportedProtocol, httpx.InvalidURL)

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def fetch(self, request: Request, read: Callable[[bytes], T]) -> tuple[bytes, T]:
        """An answer and what `read` makes of it.

        A try that fails (too many requests, an error of the server, a lost connection, time over,
        an answer that `read` calls broken) is made again up to three times, each later than the
        one before and not before the source's Retry-After.

        Raises:
            RefusedError: The source refused the request for good.
            SourceUnavailableError: All tries failed.
            SettingError: The source's address can't be one.
        """
        for attempt in range(TRIES):
            failure: tuple[str, float]
            try:
                answer = self._one_try(request, attempt)
                return answer, read(answer)
            except _TryAgainError as error:
                failure = str(error), error.wait_seconds
            except BrokenAnswerError as error:
                failure = str(error), 0.0
            self._wait(attempt, *failure)
        raise SourceUnavailableError(
            f"{self._name} did not answer as it should in {TRIES} tries: {failure[0]}.",
            remedy="Try again later: the same command goes on from there.",
        )

    def _one_try(self, request: Request, attempt: int) -> bytes:
        self._pace.wait()
        timeout = self._patience.timeout_seconds * 2**attempt
        try:
            answer = self._http.get(
                request.url,
                params=dict(request.parameters),
                headers=request.headers,
                timeout=timeout,
            )
        except self._bad_url as error:
            raise SettingError(
                f"The address of {self._name} can't be asked: {request.url} ({error}).",
                remedy=f"Mend the setting collecting.{self._name.replace('-', '_')}_url.",
            ) from error
        except self._time_over as error:
            raise _TryAgainError(f"no answer within {timeout:g} s") from error
        except self._transport_error as error:
            raise _TryAgainError(str(error) or type(error).__name__) from error
        finally:
            self._pace.note()
        if answer.status_code == _TOO_MANY_REQUESTS or answer.status_code >= _SERVER_ERROR:
            after = self._seconds_of(answer.headers.get("Retry-After", ""))
            raise _TryAgainError(f"status {answer.status_code}", after)
        if answer.status_code >= _CLIENT_ERROR:
            raise RefusedError(answer.status_code, _without_keys(answer.content, request))
        return answer.content

    def _wait(self, attempt: int, reason: str, at_least: float) -> None:
        if at_least > _LONGEST_WAIT_SECONDS:
            raise SourceUnavailableError(
                f"{self._name} asks to be left alone for {at_least / 60:.0f} minutes ({reason}).",
                remedy="Run the same command again after that: it goes on from there.",
            )
        if attempt + 1 < TRIES:
            backoff = self._patience.backoff_seconds * 2**attempt * (1 + self._patience.jitter())
            wait = max(backoff, at_least)
            logger.warning("%s: %s; trying again in %.1f s", self._name, reason, wait)
            self._clock.sleep(wait)

    def _seconds_of(self, retry_after: str) -> float:
        """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
        if retry_after.strip().isdecimal():
            return float(retry_after)
        try:
            moment = email.utils.parsedate_to_datetime(retry_after)
        except ValueError:
            return 0.0
        return max(0.0, moment.timestamp() - self._clock.now())


class _TryAgainError(Exception):
    """A try that failed in a way that may pass."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


def _without_keys(answer: bytes, request: Request) -> bytes:
    """The answer without the API keys that were sent: some sources repeat them."""
    for key in (*request.headers.values(), request.parameters.get("api_key")):
        if key:
            answer = answer.replace(key.encode(), b"[KEY]")
    return answer


def shown(answer: bytes) -> str:
    """The beginning of an answer, for a message."""
    text = " ".join(answer.decode(errors="replace").split())
    return text[:_TEXT_SHOWN] + ("..." if len(text) > _TEXT_SHOWN else "")
