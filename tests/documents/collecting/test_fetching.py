"""Answers are waited for patiently, and not for ever."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.documents.collecting.conftest import NOW, HandClock

from classmark.documents.collecting.fetching import (
    TRIES,
    Fetcher,
    Patience,
    RefusedError,
    shown,
)
from classmark.documents.collecting.pace import pace_of
from classmark.documents.collecting.source import BrokenAnswerError, Request
from classmark.errors import SettingError, SourceUnavailableError

# Status, headers and body of an answer; the last one of a script stays.
Scene = tuple[int, dict[str, str], bytes]
Script = list[Scene]


class Scripted(BaseHTTPRequestHandler):
    """Answers as it is told."""

    protocol_version = "HTTP/1.1"

    def __init__(self, script: Script, *connection: Any) -> None:
        self._script = script
        super().__init__(*connection)

    def do_GET(self) -> None:
        status, headers, body = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def script() -> Script:
    return []


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Scripted, script))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fetcher(tmp_path: Path, hand_clock: HandClock) -> Iterator[Fetcher]:
    patience = Patience(timeout_seconds=5.0, backoff_seconds=2.0, jitter=lambda: 0.5)
    with (
        pace_of(tmp_path, "here", 0.0, hand_clock.clock) as pace,
        closing(Fetcher("here", pace, patience, hand_clock.clock)) as fetcher,
    ):
        yield fetcher


def waits(clock: HandClock) -> list[float]:
    """What was slept for patience, not for pace."""
    return [seconds for seconds in clock.slept if seconds > 0.1]


def read(answer: bytes) -> str:
    return answer.decode()


GOOD: Scene = (200, {}, b"good")
BAD: Scene = (503, {}, b"bad")


def test_what_was_asked_is_answered(fetcher: Fetcher, url: str, script: Script) -> None:
    script.append(GOOD)
    assert fetcher.fetch(Request(url, {}), read) == (b"good", "good")


def test_waits_double_and_have_jitter(
    fetcher: Fetcher, url: str, script: Script, hand_clock: HandClock
) -> None:
    script += [BAD, BAD, BAD, GOOD]
    assert fetcher.fetch(Request(url, {}), read)[1] == "good"
    assert waits(hand_clock) == [3.0, 6.0, 12.0]


def test_after_the_last_try_nobody_waits(
    fetcher: Fetcher, url: str, script: Script, hand_clock: HandClock
) -> None:
    script.append(BAD)
    with pytest.raises(SourceUnavailableError, match=f"{TRIES} tries: status 503"):
        fetcher.fetch(Request(url, {}), read)
    assert len(waits(hand_clock)) == TRIES - 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed(
    status: int, fetcher: Fetcher, url: str, script: Script, hand_clock: HandClock
) -> None:
    for seconds in (40, 55):
        now = hand_clock.at
        for header in (str(seconds), formatdate(now + seconds, usegmt=True)):
            hand_clock.at = now
            hand_clock.slept.clear()
            script[:] = [(status, {"Retry-After": header}, b""), GOOD]
            fetcher.fetch(Request(url, {}), read)
            assert waits(hand_clock) == [pytest.approx(seconds, abs=1)]


@pytest.mark.parametrize(
    "header", ["0", "soon", "-7", "1.5e3", "", formatdate(NOW.timestamp() - 500, usegmt=True)]
)
def test_a_retry_after_that_is_short_past_or_no_time_leaves_us_our_own(
    header: str, fetcher: Fetcher, url: str, script: Script, hand_clock: HandClock
) -> None:
    script += [(429, {"Retry-After": header}, b""), GOOD]
    fetcher.fetch(Request(url, {}), read)
    assert waits(hand_clock) == [3.0]


@pytest.mark.parametrize("header", ["86400", formatdate(NOW.timestamp() + 9_000, usegmt=True)])
def test_nobody_waits_for_hours(
    header: str, fetcher: Fetcher, url: str, script: Script, hand_clock: HandClock
) -> None:
    script.append((429, {"Retry-After": header}, b""))
    with pytest.raises(SourceUnavailableError, match="minutes"):
        fetcher.fetch(Request(url, {}), read)
    assert waits(hand_clock) == []


def test_a_broken_answer_is_asked_for_again(fetcher: Fetcher, url: str, script: Script) -> None:
    script += [(200, {}, b"broken"), GOOD]

    def strict(answer: bytes) -> bytes:
        if answer == b"broken":
            raise BrokenAnswerError("broken")
        return answer

    assert fetcher.fetch(Request(url, {}), strict) == (b"good", b"good")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 414])
def test_a_refusal_is_not_asked_for_again(
    status: int, fetcher: Fetcher, url: str, script: Script, hand_clock: HandClock
) -> None:
    script += [(status, {}, b"no, key-123"), GOOD]
    with pytest.raises(RefusedError) as told:
        fetcher.fetch(Request(url, {"api_key": "key-123"}), read)
    assert (told.value.status, told.value.answer) == (status, b"no, [KEY]")
    assert waits(hand_clock) == []


@pytest.mark.parametrize("wrong", ["ftp://example.org", "no address", "http://[::1", ""])
def test_an_address_that_can_t_be_one_is_an_error_of_the_setting(
    wrong: str, fetcher: Fetcher
) -> None:
    with pytest.raises(SettingError, match="here"):
        fetcher.fetch(Request(wrong, {}), read)


def test_a_message_shows_the_beginning_of_an_answer() -> None:
    assert shown(b"a\n  b \xff") == "a b \N{REPLACEMENT CHARACTER}"
    assert len(shown(b"long " * 1_000)) < 250


def test_a_redirection_is_told_and_not_followed(fetcher: Fetcher, url: str, script: Script) -> None:
    script.append((302, {"Location": "http://elsewhere.example.org/x?key=secret"}, b""))
    with pytest.raises(RefusedError) as refused:
        fetcher.fetch(Request(url, {}, {"x-api-key": "secret"}), bytes)
    assert refused.value.answer == b"it has moved to http://elsewhere.example.org/x"


def test_an_answer_without_end_is_not_waited_for(
    fetcher: Fetcher, url: str, script: Script
) -> None:
    bomb = gzip.compress(bytes(70 * 2**20))
    script.append((200, {"Content-Encoding": "gzip"}, bomb))
    with pytest.raises(SourceUnavailableError, match="more than 64 MiB"):
        fetcher.fetch(Request(url, {}), len)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_what_may_pass_is_asked_for_again(
    status: int, fetcher: Fetcher, url: str, script: Script
) -> None:
    script += [(status, {}, b"later"), (200, {}, b"now")]
    assert fetcher.fetch(Request(url, {}), bytes) == (b"now", b"now")


def test_a_key_that_can_t_be_sent_is_not_told(fetcher: Fetcher, url: str, script: Script) -> None:
    script.append((200, {}, b""))
    with pytest.raises(SourceUnavailableError) as told:
        fetcher.fetch(Request(url, {}, {"x-api-key": "secret\n"}), bytes)
    assert "secret" not in str(told.value)
