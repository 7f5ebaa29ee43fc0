"""Every answer names its request, and so do its problem and the log."""

from urllib.parse import unquote

import httpx
import pytest
from tests.serving.conftest import Running, Start
from tests.serving.test_api import Broken, problem

from classmark.access import Scope
from classmark.serving import ServingSettings

BAD = {"texts": [""]}


@pytest.mark.parametrize("given", ["a", "a" * 128, "7f3/é?".encode().hex(), "!~<&\"'%25;"])
def test_a_request_keeps_the_name_that_it_has(given: str, api: Running) -> None:
    headers = {"X-Request-ID": given}
    assert api.client.get("/health", headers=headers).headers["x-request-id"] == given
    refused = api.client.post("/predict", json=BAD, headers=headers)
    assert refused.headers["x-request-id"] == given
    assert unquote(problem(refused, 422)["instance"]) == f"urn:request:{given}"


@pytest.mark.parametrize("given", [b"", b"a" * 129, b"a b", b"a\tb", b"\xc3\xa9"])
def test_a_name_that_can_t_stand_in_a_log_is_replaced(given: bytes, api: Running) -> None:
    found = api.client.get("/health", headers={b"X-Request-ID": given}).headers["x-request-id"]
    assert len(found) == 32
    assert found.isalnum()


def test_every_request_without_a_name_gets_its_own(api: Running) -> None:
    names = {api.client.get("/health").headers["x-request-id"] for _ in range(20)}
    assert len(names) == 20


def test_every_kind_of_refusal_names_the_request(start: Start) -> None:
    server = start(
        ServingSettings(1, api_keys="required", max_body_bytes=100, max_requests_per_second=0.001)
    )
    key = server.key(Scope.PREDICT) | {"X-Request-ID": "mine"}
    large = {"texts": ["a" * 200]}
    answers = [
        (401, server.client.post("/predict", json=BAD, headers={"X-Request-ID": "mine"})),
        (413, server.client.post("/predict", json=large, headers=key)),
        (429, server.client.post("/predict", json=BAD, headers=key)),
        (403, server.client.get("/metrics", headers=key)),
        (404, server.client.get("/nothing", headers=key)),
        (422, server.client.get("/health", headers=key | {"X-Timeout-Ms": "0"})),
    ]
    for status, answer in answers:
        assert problem(answer, status)["instance"] == "urn:request:mine"
        assert answer.headers["x-request-id"] == "mine"


def test_what_nobody_foresaw_is_found_in_the_log_by_its_name(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    server = start(ServingSettings(1), Broken())
    # uvicorn hangs up after such an answer.
    url = f"http://127.0.0.1:{server.port}/predict"
    answer = httpx.post(url, json={"texts": ["a"]}, headers={"X-Request-ID": "mine"})
    assert problem(answer, 500)["instance"] == "urn:request:mine"
    assert answer.headers["x-request-id"] == "mine"
    assert "POST /predict (request mine) failed" in caplog.messages


def test_an_error_of_ours_is_found_in_the_log_by_its_name(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    server = start()
    server.spool.close()
    headers = {"X-Request-ID": "mine"}
    problem(server.client.post("/predict", json={"texts": ["a"]}, headers=headers), 503)
    assert any(one.startswith("POST /predict (request mine): ") for one in caplog.messages)
