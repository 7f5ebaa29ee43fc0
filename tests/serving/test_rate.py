"""How often one may ask: the rule for itself, and over real HTTP."""

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from tests.serving.conftest import Start

from classmark.access import Scope
from classmark.serving import ServingSettings
from classmark.serving.rate import Bucket, RateLimit, taken

RATES = st.floats(0.01, 10_000)
PAUSES = st.lists(st.floats(0, 10), min_size=1, max_size=100)


def passed(pauses: list[float], per_second: float) -> list[float]:
    """When requests are let in that come after these pauses."""
    bucket: Bucket | None = None
    at, found = 0.0, []
    for pause in pauses:
        at += pause
        bucket, wait = taken(bucket, per_second, at)
        if not wait:
            found.append(at)
    return found


@given(PAUSES, RATES)
def test_no_stretch_of_time_has_more_than_its_share_and_a_full_bucket(
    pauses: list[float], per_second: float
) -> None:
    found = passed(pauses, per_second)
    full = max(1.0, per_second)
    for first, begin in enumerate(found):
        for last in range(first, len(found)):
            share = (found[last] - begin) * per_second
            assert last - first + 1 <= full + share + 0.001


@given(PAUSES, RATES)
def test_who_waits_as_long_as_told_is_let_in(pauses: list[float], per_second: float) -> None:
    bucket: Bucket | None = None
    at = 0.0
    for pause in pauses:
        at += pause
        bucket, wait = taken(bucket, per_second, at)
        assert wait >= 0
        if wait:
            at += wait
            bucket, wait = taken(bucket, per_second, at)
            assert wait == 0


@given(RATES, st.integers(1, 50))
def test_who_keeps_to_the_rate_is_never_refused(per_second: float, count: int) -> None:
    assert len(passed([1 / per_second] * count, per_second)) == count


@given(RATES)
def test_a_second_s_worth_may_come_at_once_and_one_always(per_second: float) -> None:
    count = min(int(per_second), 200)
    assert len(passed([0.0] * max(1, count), per_second)) == max(1, count)


@given(PAUSES, RATES)
def test_a_bucket_holds_no_less_than_nothing_and_no_more_than_fits(
    pauses: list[float], per_second: float
) -> None:
    bucket: Bucket | None = None
    at = 0.0
    for pause in pauses:
        at += pause
        bucket, _ = taken(bucket, per_second, at)
        assert 0 <= bucket.tokens <= max(1.0, per_second)


def test_a_refused_request_takes_nothing() -> None:
    empty, _ = taken(None, 1.0, 0.0)
    refused, wait = taken(empty, 1.0, 0.5)
    assert wait == pytest.approx(0.5)
    again, wait_again = taken(refused, 1.0, 0.5)
    assert (again, wait_again) == (refused, wait)


def test_who_asks_too_often_is_told_when_to_ask_again(start: Start) -> None:
    # So slow that no machine refills it meanwhile.
    server = start(ServingSettings(1, max_requests_per_second=0.001))
    assert server.client.get("/model/info").status_code == 200
    refused = server.client.post("/predict", json={"texts": ["a"]})
    assert refused.status_code == 429
    assert 900 < int(refused.headers["retry-after"]) <= 1000
    told = refused.json()
    assert refused.headers["content-type"] == "application/problem+json"
    assert (told["status"], told["title"]) == (429, "Too Many Requests")
    assert "Retry-After" in told["remedy"]
    for path in ("/health", "/ready"):
        assert server.client.get(path).status_code == 200
    assert server.client.get("/docs").status_code == 200


def test_every_key_has_a_rate_of_its_own(start: Start) -> None:
    server = start(ServingSettings(1, api_keys="required", max_requests_per_second=0.001))
    one, other = server.key(Scope.PREDICT), server.key(Scope.PREDICT)
    codes = [
        server.client.get("/model/info", headers=headers).status_code
        for headers in (one, one, other, one, other)
    ]
    assert codes == [200, 429, 200, 429, 429]
    # Who has no key is refused as such, and costs the others nothing.
    assert server.client.get("/model/info").status_code == 401


def test_there_is_no_limit_unless_it_is_set(start: Start) -> None:
    server = start()
    codes = {server.client.get("/model/info").status_code for _ in range(50)}
    assert codes == {200}


def asked(limit: RateLimit, host: str) -> int:
    """The status that a request from an address gets."""

    async def ask() -> int:
        transport = httpx.ASGITransport(limit, client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (await client.get("/model/info")).status_code

    return asyncio.run(ask())


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await Response("here")(scope, receive, send)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("no address", "192.0.2.1", False),
    ],
)
def test_without_keys_an_address_has_a_rate_of_its_own(
    one: str, other: str, *, is_same: bool
) -> None:
    limit = RateLimit(answer, 1.0, lambda: 0.0)
    assert asked(limit, one) == 200
    assert asked(limit, other) == (429 if is_same else 200)


def test_a_flood_from_many_addresses_takes_no_more_memory() -> None:
    limit = RateLimit(answer, 1.0, lambda: 0.0)

    async def send(_: Any) -> None:
        """Nobody listens."""

    async def flood() -> None:
        for number in range(10_050):
            address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
            scope = {
                "type": "http", "path": "/predict", "method": "POST", "headers": [],
                "client": (address, 1),
            }  # fmt: skip
            await limit(scope, send, send)  # type: ignore[arg-type]  # asks for nothing

    asyncio.run(flood())
    assert len(limit._buckets) == 10_000
    assert asked(limit, "10.0.39.65") == 429
    assert asked(limit, "10.0.0.0") == 200
