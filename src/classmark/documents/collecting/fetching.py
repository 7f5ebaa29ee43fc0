"""One answer from a source: at its pace, patiently, and not for ever."""

import email.utils
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from classmark.documents.collecting.pace import Clock, Pace
from classmark.documents.collecting.source import BrokenAnswerError, Request
from classmark.errors import MissingExtraError, SettingError, SourceUnavailableError

T = TypeVar("T")

logger = logging.getLogger(__name__)

TRIES = 4
_LONGEST_WAIT_SECONDS = 600.0
# Time over, too early, too many requests: the next try may be better.
_LATER = {408, 425, 429}
_REDIRECTION, _SERVER_ERROR = 300, 500
_LARGEST_ANSWER_BYTES = 64 * 2**20
# A whole answer may take so many times as long as a piece of it.
_LONGEST_ANSWER = 4
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
            # To another host a key would go along.
            follow_redirects=False,
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
            answer, body = self._got(request, timeout)
        except self._bad_url as error:
            raise SettingError(
                f"The address of {self._name} can't be asked: {request.url} ({error}).",
                remedy=f"Mend the setting collecting.{self._name.replace('-', '_')}_url.",
            ) from error
        except self._time_over as error:
            raise _TryAgainError(f"no answer within {timeout:g} s") from error
        except self._transport_error as error:
            reason = str(error) or type(error).__name__
            raise _TryAgainError(_without_keys(reason.encode(), request).decode()) from error
        finally:
            self._pace.note()
        status = answer.status_code
        if status in _LATER or status >= _SERVER_ERROR:
            after = self._seconds_of(answer.headers.get("Retry-After", ""))
            raise _TryAgainError(f"status {status}", after)
        if status >= _REDIRECTION:
            leads_to = answer.headers.get("Location", "").partition("?")[0]
            said = f"it has moved to {leads_to}".encode() if leads_to else body
            raise RefusedError(status, _without_keys(said, request))
        return body

    def _got(self, request: Request, timeout: float) -> tuple[Any, bytes]:
        """Status and headers of an answer, and its body: not endless and not for ever."""
        until = self._clock.now() + _LONGEST_ANSWER * timeout
        with self._http.stream(
            "GET",
            request.url,
            params=dict(request.parameters),
            headers=request.headers,
            timeout=timeout,
        ) as answer:
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LARGEST_ANSWER_BYTES:
                    raise _TryAgainError(f"more than {_LARGEST_ANSWER_BYTES >> 20} MiB came")
                if self._clock.now() > until:
                    raise _TryAgainError(f"not whole within {_LONGEST_ANSWER * timeout:g} s")
        return answer, bytes(body)

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
        except (ValueError, TypeError, IndexError, OverflowError):
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
        if key and key.strip():
            answer = answer.replace(key.strip().encode(), b"[KEY]")
    return answer


def shown(answer: bytes) -> str:
    """The beginning of an answer, for a message."""
    text = " ".join(answer.decode(errors="replace").split())
    return text[:_TEXT_SHOWN] + ("..." if len(text) > _TEXT_SHOWN else "")
