"""When the time is over, the client hears of it, and what was not begun is never computed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.serving.conftest import Running, Start
from tests.serving.test_api import Held, Slow, predict, problem

from classmark.serving import ServingSettings

MANY = {"texts": ["late"] * 1000}


def abandoned(server: Running, slow: Slow, asked: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer to a request, once it is known that the rest of its texts is not computed."""
    refused = asked()
    predict(server, *["in time"] * 20)
    computed = slow.asked.count("late")
    assert computed < 1000
    predict(server, *["in time"] * 20)
    assert slow.asked.count("late") == computed
    return refused


def test_a_request_says_how_long_it_waits(start: Start) -> None:
    slow = Slow()
    server = start(ServingSettings(1), slow)
    limited = {"X-Timeout-Ms": "100"}
    refused = abandoned(
        server, slow, lambda: server.client.post("/predict_batch", json=MANY, headers=limited)
    )
    told = problem(refused, 504)
    assert told["title"] == "Gateway Timeout"
    assert told["detail"] == "There was no answer within 0.1 s."


def test_the_setting_bounds_every_prediction_whatever_it_asks_for(start: Start) -> None:
    slow = Slow()
    server = start(ServingSettings(1, timeout_seconds=0.5), slow)
    for headers in ({}, {"X-Timeout-Ms": "60000"}):
        refused = abandoned(
            server,
            slow,
            lambda given=headers: server.client.post(  # type: ignore[misc]
                "/predict_batch", json=MANY, headers=given
            ),
        )
        assert problem(refused, 504)["detail"] == "There was no answer within 0.5 s."
        slow.asked.clear()


def test_a_text_that_was_begun_is_the_last(start: Start) -> None:
    held = Held()
    server = start(ServingSettings(1, timeout_seconds=0.2), held)
    problem(server.client.post("/predict", json={"texts": ["a", "b", "c"]}), 504)
    assert held.asked == ["a"]
    held.let_go.set()
    assert len(predict(server, "d")) == 1
    assert held.asked == ["a", "d"]
    server.spool.drain()
    assert server.log.count() == 1


def test_what_comes_in_time_is_answered(start: Start) -> None:
    held = Held()
    server = start(ServingSettings(1), held)
    with ThreadPoolExecutor(1) as pool:
        letting_go = threading.Timer(0.2, held.let_go.set)
        letting_go.start()
        body, limited = {"texts": ["a"]}, {"X-Timeout-Ms": "20000"}
        answer = pool.submit(server.client.post, "/predict", json=body, headers=limited)
        assert answer.result().status_code == 200
        letting_go.join()


def test_without_the_setting_nothing_is_given_up(start: Start) -> None:
    server = start(ServingSettings(2, timeout_seconds=0))
    assert len(predict(server, "a")) == 1


@pytest.mark.parametrize(
    "value", ["", "0", "-5", "+5", "5.0", "5 s", "1e3", "007", "1000000000", "9" * 5000, "\u0665"]
)
@pytest.mark.parametrize("path", ["/predict", "/metrics", "/health"])
def test_what_is_no_time_is_refused(path: str, value: str, api: Running) -> None:
    method = "POST" if path == "/predict" else "GET"
    headers = {b"X-Timeout-Ms": value.encode()}
    told = problem(api.client.request(method, path, json={"texts": ["a"]}, headers=headers), 422)
    assert told["errors"][0]["field"] == "X-Timeout-Ms"
    assert "milliseconds" in told["detail"]


def test_the_header_holds_on_every_route(api: Running) -> None:
    limited = {"X-Timeout-Ms": "10000"}
    for path in ("/health", "/metrics", "/model/info", "/docs"):
        assert api.client.get(path, headers=limited).status_code == 200
