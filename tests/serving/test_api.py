"""The API over real HTTP: each route, each refusal, and what it says of them."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families
from tests.serving.conftest import LABELS, METRICS, Running, Start, running

from classmark.documents import sample_documents
from classmark.errors import UnknownPredictionError
from classmark.models import Classifier
from classmark.predictions import Feedback, Prediction, Spool
from classmark.serving import ServedModel, ServingSettings

JSON = {"Content-Type": "application/json"}
# What Prometheus 3 sends.
SCRAPER = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
TEXTS = [document.text for document in sample_documents()][:60]


class Held(Classifier):
    """Answers nothing until it is let go."""

    labels = LABELS

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.asked: list[str] = []

    @classmethod
    def load(cls, folder: Path, config: object) -> "Held":
        del folder, config
        return cls()

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        self.asked.append(text)
        assert self.let_go.wait(20)
        return np.array([0.2, 0.3, 0.5])


class Slow(Held):
    """Takes its time for every text."""

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        self.asked.append(text)
        time.sleep(0.005)
        return np.array([0.2, 0.3, 0.5])


class Broken(Held):
    """Can't answer at all."""

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        raise RuntimeError(f"secret detail about {text}")


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The body of a refusal, once it is known to be one as RFC 9457 has it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["status"] == status
    assert found["type"] == "about:blank"
    assert found["title"]
    assert found["detail"]
    assert found["remedy"]
    return found


def fields(told: dict[str, Any]) -> dict[str, str]:
    """The fields at fault of a problem, and why."""
    return {one["field"]: one["reason"] for one in told["errors"]}


def predict(server: Running, *texts: str, **fields: object) -> list[dict[str, Any]]:
    response = server.client.post("/predict", json={"texts": texts, **fields})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["predictions"]
    return found


def test_predict_answers_in_the_order_of_the_texts(api: Running, served: ServedModel) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    response = api.client.post("/predict", json={"texts": TEXTS[:9]})
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"predictions", "model", "model_version", "timestamp"}
    assert (body["model"], body["model_version"]) == ("shelves", "v1.0.0")
    assert before < datetime.fromisoformat(body["timestamp"]) <= datetime.now(UTC)
    expected = [served.classifier.classify(text) for text in TEXTS[:9]]
    assert [(it["label"], it["confidence"]) for it in body["predictions"]] == [
        (answer.label, answer.confidence) for answer in expected
    ]
    fields = {"id", "label", "labels", "confidence", "abstained"}
    assert all(set(it) == fields for it in body["predictions"])
    assert all(it["labels"] == [it["label"]] for it in body["predictions"])
    assert not any(it["abstained"] for it in body["predictions"])
    assert len({it["id"] for it in body["predictions"]}) == 9


def test_probabilities_come_when_they_are_asked_for(api: Running) -> None:
    (it,) = predict(api, TEXTS[0], return_probabilities=True)
    assert set(it) == {"id", "label", "labels", "confidence", "abstained", "probabilities"}
    assert tuple(it["probabilities"]) == LABELS
    assert sum(it["probabilities"].values()) == pytest.approx(1)
    assert it["confidence"] == max(it["probabilities"].values()) == it["probabilities"][it["label"]]


@pytest.mark.parametrize("path", ["/predict", "/predict_batch"])
def test_what_the_model_is_not_sure_of_is_told_with_its_guess(
    path: str, start: Start, unsure: ServedModel
) -> None:
    server = start(classifier=unsure.classifier)
    found = server.client.post(path, json={"texts": TEXTS[:60]}).json()["predictions"]
    assert {it["abstained"] for it in found} == {True, False}
    for it, text in zip(found, TEXTS, strict=False):
        answer = unsure.classifier.classify(text)
        assert (it["label"], it["confidence"]) == (answer.label, answer.confidence)
        assert it["abstained"] == answer.abstained == (answer.confidence < 0.7)


def test_predict_batch_answers_large_lists(api: Running) -> None:
    texts = [f"{number} {TEXTS[number % 60]}" for number in range(1_000)]
    response = api.client.post("/predict_batch", json={"texts": texts})
    assert response.status_code == 200
    found = response.json()["predictions"]
    assert [it["label"] for it in found[::100]] == [
        it["label"] for it in predict(api, *texts[::100])
    ]


def test_what_was_answered_is_in_the_log(api: Running) -> None:
    text = 'né \N{GRINNING FACE} "quoted" \u2028 index'
    (it,) = predict(api, text, user_id="ada")
    api.spool.drain()
    logged = api.log.find(it["id"])
    assert (logged.text, logged.label, logged.user_id) == (text, it["label"], "ada")
    assert (logged.model, logged.version) == ("shelves", "v1.0.0")
    assert logged.confidence == it["confidence"]
    assert logged.latency_ms > 0


def test_it_says_that_it_lives_and_is_ready(api: Running) -> None:
    health = api.client.get("/health").json()
    assert (health["status"], health["model_loaded"]) == ("healthy", True)
    assert datetime.fromisoformat(health["timestamp"]).tzinfo is not None
    assert api.client.get("/ready").json() == {"ready": True}


def test_it_says_which_model_answers(api: Running, served: ServedModel) -> None:
    assert api.client.get("/model/info").json() == {
        "name": "shelves",
        "version": "v1.0.0",
        "architecture": "linear",
        "problem": "single-label",
        "labels": list(LABELS),
        "max_length": None,
        "created_at": served.version.created_at.isoformat().replace("+00:00", "Z"),
        "metrics": METRICS,
    }


def test_the_root_leads_to_the_documentation(api: Running) -> None:
    response = api.client.get("/", follow_redirects=True)
    assert response.status_code == 200
    assert response.url.path == "/docs"
    assert "swagger" in response.text


def references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_description_covers_every_route_and_refers_to_nothing_missing(api: Running) -> None:
    description = api.client.get("/openapi.json").json()
    assert description["openapi"].startswith("3.")
    assert {
        (method, path) for path, methods in description["paths"].items() for method in methods
    } == {
        *{("post", path) for path in ("/predict", "/predict_batch", "/feedback")},
        *{("get", path) for path in ("/health", "/health/ml", "/ready")},
        *{("get", path) for path in ("/model/info", "/metrics")},
    }
    for reference in references(description):
        found = description
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    operations = [it for methods in description["paths"].values() for it in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert "HTTPValidationError" not in description["components"]["schemas"]
    answer = description["paths"]["/predict"]["post"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/PredictResponse")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "texts"),
        ({"texts": []}, "texts"),
        ({"texts": "a text"}, "texts"),
        ({"texts": None}, "texts"),
        ({"texts": ["", "a"]}, "texts.0"),
        ({"texts": ["a", " \n\t\u00a0\u3000"]}, "texts.1"),
        ({"texts": ["a", 7]}, "texts.1"),
        ({"texts": ["a", None]}, "texts.1"),
        ({"texts": [["a"]]}, "texts.0"),
        ({"texts": ["a\x00b"]}, "texts.0"),
        ({"texts": ["a"], "text": "b"}, "text"),
        ({"texts": ["a"], "return_probabilities": "perhaps"}, "return_probabilities"),
        ({"texts": ["a"], "user_id": ""}, "user_id"),
        ({"texts": ["a"], "user_id": "a" * 256}, "user_id"),
        ({"texts": ["a"], "user_id": 7}, "user_id"),
        ({"texts": ["a"], "\N{GRINNING FACE}" * 500: 7}, "\N{GRINNING FACE}"),
        ([], "body"),
        ("texts", "body"),
        (None, "body"),
    ],
)
def test_a_field_at_fault_is_named(body: object, field: str, api: Running) -> None:
    for path in ("/predict", "/predict_batch"):
        told = problem(api.client.post(path, json=body), 422)
        assert told["errors"][0]["field"].startswith(field)
        assert told["errors"][0]["reason"]
        assert field in told["detail"]
        assert len(told["detail"]) < 1_000


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b'{"texts": ["a"]', 422),
        (b"texts=a", 422),
        (b'{"texts": ["\xff\xfe"]}', 400),
        (b'{"texts": ["a \\ud800 b"]}', 422),
        (b'{"texts": ["a"], "\\udfff": 1}', 422),
        (b'{"texts": ["a"], "user_id": "\\ud800"}', 422),
        (b'{"texts": [' + b"1" * 10_000 + b"]}", 400),
        (b'{"texts": ["a"], "user_id": NaN}', 422),
        (b"[" * 100_000, 413),
        (b"[" * 10_000, 400),
        (b"\x00" * 100, 422),
    ],
)
def test_what_is_no_json_of_ours_is_refused(content: bytes, status: int, api: Running) -> None:
    problem(api.client.post("/predict", content=content, headers=JSON), status)


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b"", 422, "body: it is missing"),
        (b"[]", 422, "body: it must be one JSON object"),
        (b'"texts"', 422, "body: it must be one JSON object"),
        (b"texts=a", 422, "body: it is no JSON: Expecting value at character 0"),
        (b'{"texts": ["\xe9"]}', 400, "The body is not UTF-8."),
        (b"[" * 10_000, 400, "The body can't be read."),
    ],
)
def test_a_body_that_is_no_object_is_told_as_a_whole(
    content: bytes, status: int, told: str, api: Running
) -> None:
    found = problem(api.client.post("/predict", content=content, headers=JSON), status)
    assert found["detail"] == told
    assert found["remedy"] == "Send one JSON object in UTF-8; /docs shows the body."


def test_what_is_wrong_with_fields_is_told_in_our_words(api: Running) -> None:
    body = {"texts": [], "user_id": "a" * 256, "texst": ["a"], "return_probabilities": 1}
    found = problem(api.client.post("/predict", json=body), 422)
    assert fields(found) == {
        "texts": "it must have 1 or more items",
        "user_id": "it must have at most 255 characters",
        "texst": "there is no such field",
        "return_probabilities": "it must be true or false",
    }
    assert found["remedy"] == "Mend the fields named; /docs shows the body."


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_what_is_not_sent_as_json_is_told_how_to_send_it(kind: str | None, api: Running) -> None:
    headers = {"Content-Type": kind} if kind else {}
    response = api.client.post("/predict", content=b'{"texts": ["a"]}', headers=headers)
    assert "Content-Type: application/json" in problem(response, 422)["remedy"]


def test_texts_up_to_the_limits_are_answered_and_beyond_refused(start: Start) -> None:
    server = start(ServingSettings(2, max_texts=3, max_batch_texts=5, max_text_characters=100))
    assert len(predict(server, *["a" * 100] * 3)) == 3
    for path, count in (("/predict", 3), ("/predict_batch", 5)):
        assert server.client.post(path, json={"texts": ["a"] * count}).status_code == 200
        told = problem(server.client.post(path, json={"texts": ["a"] * (count + 1)}), 422)
        assert told["detail"] == f"texts: {count + 1} texts are more than {count}."
        assert fields(told) == {"texts": f"{count + 1} texts are more than {count}"}
        told = problem(server.client.post(path, json={"texts": ["a", "é" * 101]}), 422)
        assert told["detail"] == "texts.1: 101 characters are more than 100."
        assert fields(told) == {"texts.1": "101 characters are more than 100"}


def test_a_body_up_to_the_limit_is_read_and_beyond_refused(start: Start) -> None:
    server = start(ServingSettings(2, max_body_bytes=10_000))
    whole = orjson.dumps({"texts": ["a" * (10_000 - len(b'{"texts":[""]}'))]})
    assert len(whole) == 10_000

    def in_pieces(content: bytes) -> Iterator[bytes]:
        for start_of_piece in range(0, len(content), 999):
            yield content[start_of_piece : start_of_piece + 999]

    for content in (whole, in_pieces(whole)):
        response = server.client.post("/predict", content=content, headers=JSON)
        assert response.status_code == 200, response.text
    for content in (whole + b" ", in_pieces(whole + b" "), in_pieces(whole * 1_000)):
        told = problem(server.client.post("/predict", content=content, headers=JSON), 413)
        assert "10,000 bytes" in told["detail"]
    assert server.client.get("/health").status_code == 200


def test_a_declared_length_beyond_the_limit_is_refused_before_it_comes(start: Start) -> None:
    server = start(ServingSettings(2, max_body_bytes=10_000))
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000000000000\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_unknown_routes_and_wrong_methods_are_told(api: Running) -> None:
    found = problem(api.client.get("/nothing"), 404)
    assert found["detail"] == "There is nothing at /nothing."
    assert len(problem(api.client.get("/" + "n" * 9_000), 404)["detail"]) < 300
    problem(api.client.get("/../../etc/passwd"), 404)
    assert "POST" in api.client.get("/predict").headers["allow"]
    found = problem(api.client.get("/predict"), 405)
    assert found["detail"] == "/predict is not asked by GET."
    problem(api.client.delete("/health"), 405)


def test_feedback_is_joined_to_a_prediction_that_was_only_just_made(api: Running) -> None:
    (it,) = predict(api, TEXTS[0])
    wrong = next(label for label in LABELS if label != it["label"])
    for label, correct in ((it["label"], True), (wrong, False)):
        body = {"prediction_id": it["id"], "label": label, "user_id": "ada"}
        response = api.client.post("/feedback", json=body)
        assert response.status_code == 200, response.text
        assert response.json() == {"prediction_id": it["id"], "label": label, "correct": correct}
    assert [(f.label, f.user_id) for f in api.log.feedback(it["id"])] == [
        (it["label"], "ada"),
        (wrong, "ada"),
    ]


def test_feedback_waits_for_another_worker_to_move_its_prediction(start: Start) -> None:
    server = start()
    other = Spool(server.spool_folder, server.log)
    (it,) = predict(server, TEXTS[0])
    server.spool.drain()
    made = server.log.find(it["id"])
    other.append([Prediction("of another worker", *_values(made)[1:])])
    moving = threading.Timer(0.3, other.drain)
    moving.start()
    body = {"prediction_id": "of another worker", "label": made.label}
    assert server.client.post("/feedback", json=body).json()["correct"] is True
    moving.join()
    other.close()


def _values(prediction: Prediction) -> tuple[Any, ...]:
    return tuple(getattr(prediction, name) for name in prediction.__slots__)


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"prediction_id": "no such", "label": "cs.DB"}, 404, "no such"),
        ({"prediction_id": "a"}, 422, "label"),
        ({"prediction_id": "a", "label": "cs.DB", "labels": ["cs.DB"]}, 422, "label"),
        ({"label": "cs.DB"}, 422, "prediction_id"),
        ({"prediction_id": "", "label": "cs.DB"}, 422, "prediction_id"),
        ({"prediction_id": "a" * 256, "label": "cs.DB"}, 422, "prediction_id"),
        ({"prediction_id": "a\x00", "label": "cs.DB"}, 422, "prediction_id"),
        ({"prediction_id": "a", "label": "cs.DB", "extra": 1}, 422, "extra"),
    ],
)
def test_feedback_at_fault_is_refused(
    body: dict[str, object], status: int, named: str, start: Start
) -> None:
    server = start(ServingSettings(1, drain_seconds=0.01))
    told = problem(server.client.post("/feedback", json=body), status)
    assert named in told["detail"]
    assert list(fields(told)) == ([] if status == 404 else [named])


@pytest.mark.parametrize(
    ("version", "label", "named"),
    [
        ("v1.0.0", "cs.DB", None),
        ("v1.0.0", "cs.OS", "cs.CL, cs.CV, cs.DB"),
        ("v0.9.0", "cs.OS", None),
        ("v0.9.0", "cs.CV", "cs.DB, cs.OS"),
        ("v0.1.0", "cs.CV", None),
        ("v0.1.0", "cs.OS", "cs.CL, cs.CV, cs.DB"),
    ],
)
def test_the_labels_of_feedback_are_those_of_the_version_that_answered(
    version: str, label: str, named: str | None, start: Start
) -> None:
    server = start()
    at = datetime(2024, 5, 6, tzinfo=UTC)
    server.log.add([Prediction("a", "shelves", version, "text", "cs.DB", 0.75, 20.0, None, at)])
    response = server.client.post("/feedback", json={"prediction_id": "a", "label": label})
    if named is None:
        assert response.json()["correct"] is (label == "cs.DB")
        assert [told.label for told in server.log.feedback("a")] == [label]
    else:
        told = problem(response, 422)
        assert named in told["remedy"]
        assert fields(told) == {"label": f"{label!r} is no label of shelves {version}"}
        assert server.log.feedback("a") == []


def test_feedback_takes_the_form_that_the_prediction_has(start: Start) -> None:
    server = start()
    at = datetime(2024, 5, 6, tzinfo=UTC)
    made = Prediction("a", "shelves", "v1.0.0", "text", "cs.DB", 0.75, 20.0, None, at)
    server.log.add([made, replace(made, id="b", labels=("cs.DB", "cs.CL"))])
    one, several = {"label": "cs.DB"}, {"labels": ["cs.CL", "cs.DB"]}
    for prediction, right, wrong in (("a", one, several), ("b", several, one)):
        refused = server.client.post("/feedback", json={"prediction_id": prediction, **wrong})
        told = problem(refused, 422)
        assert "label" in told["detail"]
        assert list(fields(told)) == list(wrong)
        taken = server.client.post("/feedback", json={"prediction_id": prediction, **right})
        assert taken.json() == {"prediction_id": prediction, **right, "correct": True}


def test_metrics_are_json_for_people(start: Start) -> None:
    server = start()
    nothing = server.client.get("/metrics").json()
    assert (nothing["total_predictions"], nothing["average_confidence"]) == (0, None)
    made = [it for _ in range(3) for it in predict(server, *TEXTS[:7])]
    for accept in ("*/*", "application/json", "application/json, text/plain, */*", "text/html"):
        response = server.client.get("/metrics", headers={"Accept": accept})
        assert response.headers["content-type"] == "application/json"
        counted = response.json()
        assert counted["total_predictions"] == 21
        assert counted["total_errors"] == 0
        labels = [it["label"] for it in made]
        assert counted["predictions_per_class"] == {it: labels.count(it) for it in set(labels)}
        assert sum(counted["class_ratio"].values()) == pytest.approx(1)
        assert counted["average_confidence"] == pytest.approx(
            sum(it["confidence"] for it in made) / 21
        )
        assert 0 < counted["average_latency_ms"] < 1_000


@pytest.mark.parametrize("accept", [SCRAPER, "text/plain", "text/plain;version=0.0.4"])
def test_metrics_are_prometheus_text_for_a_scraper(accept: str, start: Start) -> None:
    server = start()
    made = [*predict(server, *TEXTS[:5]), *predict(server, TEXTS[6])]
    response = server.client.get("/metrics", headers={"Accept": accept})
    assert response.headers["content-type"].startswith("text/plain; version=")
    families = {it.name: it for it in text_string_to_metric_families(response.text)}
    counted = {
        sample.labels["label"]: sample.value
        for sample in families["prediction"].samples
        if sample.name == "prediction_total"
    }
    labels = [it["label"] for it in made]
    assert counted == {label: labels.count(label) for label in set(labels)}
    for name in ("prediction_duration_seconds", "model_confidence"):
        (count,) = [s.value for s in families[name].samples if s.name == f"{name}_count"]
        assert count == 6
    (active,) = families["active_models"].samples
    assert (active.labels, active.value) == ({"model": "shelves", "version": "v1.0.0"}, 1)


def test_a_refused_request_is_no_prediction(start: Start) -> None:
    server = start()
    problem(server.client.post("/predict", json={"texts": [""]}), 422)
    assert server.client.get("/metrics").json()["total_predictions"] == 0


def test_overload_is_told_at_once_and_passes(start: Start) -> None:
    held = Held()
    server = start(ServingSettings(1, max_waiting_texts=4), held)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.client.post, "/predict", json={"texts": ["a"] * 4})
        _until(lambda: len(held.asked) == 1)
        refused = server.client.post("/predict", json={"texts": ["b"]})
        problem(refused, 503)
        assert int(refused.headers["retry-after"]) >= 1
        assert server.client.get("/health").status_code == 200
        held.let_go.set()
        assert waiting.result().status_code == 200
    assert len(predict(server, *"abcd")) == 4
    counted = server.client.get("/metrics").json()
    assert (counted["total_predictions"], counted["total_errors"]) == (8, 1)


def exchanged(server: Running, *sent: bytes) -> bytes:
    """What is answered to all that is sent over one connection, until it ends."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        for part in sent:
            connection.sendall(part)
            time.sleep(0.05)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def asked(body: bytes, *headers: bytes, path: bytes = b"/predict") -> bytes:
    kept = (b"Host: x", b"Content-Type: application/json", b"Content-Length: %d" % len(body))
    return b"\r\n".join([b"POST " + path + b" HTTP/1.1", *kept, *headers, b"", body])


def test_what_there_is_no_room_for_is_refused_by_its_head(start: Start) -> None:
    held = Held()
    server = start(ServingSettings(1, max_waiting_texts=4), held)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.client.post, "/predict", json={"texts": ["a"] * 4})
        _until(lambda: len(held.asked) == 1)
        # Nothing of the body has come when the first is answered, and the second still is.
        first = asked(b'{"texts": ["b"]}', b"X-Request-ID: mine")
        head, body = first[:-16], first[-16:]
        found = exchanged(server, head, body, asked(b"{", b"Connection: close"))
        statuses = re.findall(rb"HTTP/1.1 (\d+)", found)
        assert statuses == [b"503", b"503"]
        assert found.count(b"retry-after: 1") == 2
        assert b"x-request-id: mine" in found
        assert b"urn:request:mine" in found
        held.let_go.set()
        assert waiting.result().status_code == 200
    text = server.client.get("/metrics", headers={"Accept": "text/plain"}).text
    assert 'request_total{route="/predict",status="503"} 2.0' in text


def test_after_a_refusal_the_connection_goes_on(start: Start) -> None:
    held = Held()
    server = start(ServingSettings(1, max_waiting_texts=1), held)
    ask = asked(b'{"texts": ["b"]}')
    with (
        ThreadPoolExecutor(1) as pool,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection,
    ):
        waiting = pool.submit(server.client.post, "/predict", json={"texts": ["a"]})
        _until(lambda: len(held.asked) == 1)
        connection.sendall(ask)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")
        held.let_go.set()
        assert waiting.result().status_code == 200
        connection.sendall(ask)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_same_text_gets_the_same_answer_whatever_is_in_flight(api: Running) -> None:
    asked = TEXTS[7]
    alone = predict(api, asked, return_probabilities=True)[0]
    with ThreadPoolExecutor(16) as pool:
        others = [
            pool.submit(predict, api, TEXTS[n % 60] * (n % 5 + 1), asked, return_probabilities=True)
            for n in range(50)
        ]
        among = [other.result()[1] for other in others]
    for found in among:
        assert (found["label"], found["probabilities"]) == (alone["label"], alone["probabilities"])


def test_one_text_need_not_wait_for_another_request_s_hundreds(start: Start) -> None:
    slow = Slow()
    server = start(ServingSettings(2), slow)
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(server.client.post, "/predict_batch", json={"texts": ["many"] * 600})
        _until(lambda: len(slow.asked) > 10)
        predict(server, "one")
        assert not batch.done()
        assert "one" in slow.asked[:300]
        assert batch.result().status_code == 200


def test_what_nobody_waits_for_any_more_is_not_computed(start: Start) -> None:
    slow = Slow()
    server = start(ServingSettings(2, max_waiting_texts=300), slow)
    body = orjson.dumps({"texts": ["abandoned"] * 300})

    def is_full() -> bool:
        return server.client.post("/predict", json={"texts": ["room?"]}).status_code == 503

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(
            b"POST /predict_batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        _until(lambda: len(slow.asked) > 2)
        assert is_full()
    _until(lambda: not is_full())
    computed = slow.asked.count("abandoned")
    assert computed < 200
    assert len(predict(server, *["b"] * 100)) == 100
    assert slow.asked.count("abandoned") == computed
    server.spool.drain()
    assert server.log.count() == 100 + slow.asked.count("room?")


def test_an_answer_that_can_t_be_recorded_is_not_given(start: Start) -> None:
    server = start()
    predict(server, "before")
    server.spool.close()
    refused = server.client.post("/predict", json={"texts": ["after"]})
    told = problem(refused, 503)
    assert refused.headers["retry-after"]
    assert str(server.spool_folder) not in refused.text
    assert "server's log" in told["remedy"]
    server.spool.drain()
    assert server.log.count() == 1
    counted = server.client.get("/metrics").json()
    assert (counted["total_predictions"], counted["total_errors"]) == (1, 1)


def test_with_the_database_away_answers_go_on_and_feedback_is_asked_to_wait(
    served: ServedModel, tmp_path: Path
) -> None:
    database = tmp_path / "home" / "classmark.db"
    database.mkdir(parents=True)  # a folder is no database
    with running(tmp_path / "home", served, ServingSettings(2)) as server:
        (it,) = predict(server, TEXTS[0])
        body = {"prediction_id": it["id"], "label": it["label"]}
        refused = server.client.post("/feedback", json=body)
        assert problem(refused, 503)["detail"] == "The database does not answer."
        assert "classmark.db" not in refused.text
        assert refused.headers["retry-after"]
        database.rmdir()
        assert server.client.post("/feedback", json=body).json()["correct"] is True
        assert server.log.feedback(it["id"])[0].label == it["label"]


def test_what_nobody_foresaw_is_told_without_its_details(start: Start) -> None:
    server = start(ServingSettings(1, max_waiting_texts=2), Broken())
    for _ in range(3):  # what failed does not count as waiting
        # uvicorn hangs up after such an answer.
        response = httpx.post(f"http://127.0.0.1:{server.port}/predict", json={"texts": ["a", "b"]})
        problem(response, 500)
        assert "secret" not in response.text
        assert "Traceback" not in response.text
    assert server.client.get("/health").status_code == 200
    assert server.client.get("/metrics").json()["total_errors"] == 3
    counted = server.client.get("/metrics", headers={"Accept": "text/plain"}).text
    assert 'request_total{route="/predict",status="500"} 3.0' in counted


def test_feedback_on_nothing_logged_leaves_nothing(start: Start) -> None:
    server = start(ServingSettings(1, drain_seconds=0.01))
    with pytest.raises(UnknownPredictionError):
        server.log.add_feedback(Feedback("a", "cs.DB", None, datetime.now(UTC)))
    assert server.log.feedback("a") == []


def test_a_great_many_bad_texts_cost_one_error(api: Running) -> None:
    body = b'{"texts": [' + b",".join([b'""'] * 20_000) + b"]}"
    response = api.client.post(
        "/predict", content=body, headers={"content-type": "application/json"}
    )
    assert [it["field"] for it in problem(response, 422)["errors"]] == ["texts.0"]


def test_a_great_many_bad_labels_cost_one_error(api: Running) -> None:
    body = {"prediction_id": "a", "labels": [""] * 1000}
    found = problem(api.client.post("/feedback", json=body), 422)["errors"]
    assert [it["field"] for it in found] == ["labels.0"]


@pytest.mark.parametrize("labels", [["a", "a"], ["a"] * 1001])
def test_labels_that_no_document_has_are_refused(labels: list[str], api: Running) -> None:
    response = api.client.post("/feedback", json={"prediction_id": "a", "labels": labels})
    assert problem(response, 422)["errors"][0]["field"] == "labels"


def test_every_answer_is_counted_by_route_and_status(start: Start) -> None:
    server = start(ServingSettings(threads=2, max_body_bytes=1_000))
    server.client.post("/predict", json={"texts": ["An index."]})
    server.client.post("/predict", json={"texts": ["long " * 500]})
    server.client.get("/no/such/thing")
    text = server.client.get("/metrics", headers={"Accept": "text/plain"}).text
    counted = set(re.findall(r'request_total\{route="(\S+)",status="(\d+)"\} 1.0', text))
    assert counted == {("/predict", "200"), ("/predict", "413"), ("other", "404")}
