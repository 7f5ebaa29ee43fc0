"""Feedback that is sent again is kept once, where the request says that it is the same."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.serving.conftest import Running, Start
from tests.serving.test_api import TEXTS, predict, problem

from classmark.access import Scope
from classmark.serving import ServingSettings

KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


@pytest.fixture
def told(api: Running) -> dict[str, Any]:
    """Feedback on a new prediction."""
    (it,) = predict(api, TEXTS[0])
    return {"prediction_id": it["id"], "label": it["label"], "user_id": "ada"}


def test_the_same_request_is_kept_once_and_answered_alike(
    api: Running, told: dict[str, Any]
) -> None:
    mine = {"Idempotency-Key": told["prediction_id"]}
    answers = [api.client.post("/feedback", json=told, headers=mine) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    # The same body, written otherwise.
    turned = dict(reversed(told.items()))
    assert api.client.post("/feedback", json=turned, headers=mine).status_code == 200
    assert len(api.log.feedback(told["prediction_id"])) == 1


def test_at_the_same_moment_too(api: Running, told: dict[str, Any]) -> None:
    mine = {"Idempotency-Key": told["prediction_id"]}
    with ThreadPoolExecutor(8) as pool:
        sent = [
            pool.submit(api.client.post, "/feedback", json=told, headers=mine) for _ in range(16)
        ]
    assert {one.result().status_code for one in sent} == {200}
    assert len(api.log.feedback(told["prediction_id"])) == 1


def test_another_body_with_the_same_key_is_refused_and_not_kept(
    api: Running, told: dict[str, Any]
) -> None:
    mine = {"Idempotency-Key": told["prediction_id"]}
    assert api.client.post("/feedback", json=told, headers=mine).status_code == 200
    other = told | {"user_id": "eve"}
    refused = problem(api.client.post("/feedback", json=other, headers=mine), 422)
    assert refused["errors"] == [
        {
            "field": "Idempotency-Key",
            "reason": "another request had this key, with another body",
        }
    ]
    assert [it.user_id for it in api.log.feedback(told["prediction_id"])] == ["ada"]


def test_a_refused_request_uses_up_no_key(api: Running, told: dict[str, Any]) -> None:
    mine = {"Idempotency-Key": told["prediction_id"]}
    problem(api.client.post("/feedback", json=told | {"label": "x"}, headers=mine), 422)
    assert api.client.post("/feedback", json=told, headers=mine).status_code == 200


def test_without_a_key_each_is_kept(api: Running, told: dict[str, Any]) -> None:
    for _ in range(2):
        assert api.client.post("/feedback", json=told).status_code == 200
    assert len(api.log.feedback(told["prediction_id"])) == 2


def test_two_callers_may_use_the_same_key(start: Start) -> None:
    server = start(ServingSettings(2, api_keys="required"))
    one, other = (server.key(Scope.FEEDBACK, Scope.PREDICT) for _ in range(2))
    for caller in (one, other):
        body = {"texts": [TEXTS[0]]}
        answer = server.client.post("/predict", json=body, headers=caller)
        (it,) = answer.json()["predictions"]
        told = {"prediction_id": it["id"], "label": it["label"]}
        for _ in range(2):
            found = server.client.post("/feedback", json=told, headers=caller | KEY)
            assert found.status_code == 200, found.text
        assert len(server.log.feedback(it["id"])) == 1


@pytest.mark.parametrize("key", [b"", b"a" * 256, b"a b", b"\xc3\xa9"])
def test_what_is_no_key_is_refused(key: bytes, api: Running, told: dict[str, Any]) -> None:
    headers = {b"Idempotency-Key": key}
    refused = problem(api.client.post("/feedback", json=told, headers=headers), 422)
    assert refused["errors"][0]["field"] == "header.idempotency-key"
    assert api.log.feedback(told["prediction_id"]) == []
