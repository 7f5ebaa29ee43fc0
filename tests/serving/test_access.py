"""Who has a key for it is let in, over real HTTP; nobody else."""

import base64
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.serving.conftest import Running, Start, running
from tests.serving.test_api import problem

from classmark.access import Scope, WrittenKey
from classmark.serving import ServedModel, ServingSettings
from classmark.serving.policy import POLICY

REQUIRED = ServingSettings(2, api_keys="required")
PREDICT = {"texts": ["An index for range joins."]}
# Method and path -> the least that opens it.
ASKED = {
    ("POST", "/predict"): Scope.PREDICT,
    ("POST", "/predict_batch"): Scope.PREDICT,
    ("GET", "/health/ml"): Scope.PREDICT,
    ("GET", "/model/info"): Scope.PREDICT,
    ("POST", "/feedback"): Scope.FEEDBACK,
    ("GET", "/metrics"): Scope.ADMIN,
}
FOR_ALL = ["/", "/docs", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/openapi.json"]


@pytest.fixture(scope="module")
def guarded(served: ServedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that asks for keys."""
    with running(tmp_path_factory.mktemp("guarded") / "home", served, REQUIRED) as server:
        yield server


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def keys(guarded: Running) -> dict[Scope, dict[str, str]]:
    """The header of a key of each scope, which the server knows."""
    made = {scope: guarded.key(scope) for scope in Scope}
    last = made[Scope.ADMIN]
    until(lambda: guarded.client.get("/metrics", headers=last).status_code == 200)
    return made


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.mark.parametrize(("method", "path"), ASKED)
@pytest.mark.parametrize("scope", Scope)
def test_a_scope_opens_its_own_routes_and_admin_all(
    scope: Scope, method: str, path: str, guarded: Running, keys: dict[Scope, dict[str, str]]
) -> None:
    body = PREDICT if path.startswith("/predict") else {} if method == "POST" else None
    found = guarded.client.request(method, path, json=body, headers=keys[scope])
    if scope in {ASKED[method, path], Scope.ADMIN}:
        # Of feedback the body is at fault, and somebody looked at it.
        assert found.status_code == (422 if path == "/feedback" else 200), found.text
    else:
        told = problem(found, 403)
        assert told["detail"] == f"The key has the scope {scope}; this needs {ASKED[method, path]}."


def test_the_routes_asked_here_are_all_that_a_scope_opens() -> None:
    pages = {path for path, rule in POLICY.items() if rule.in_browser or rule.is_open}
    assert {path for _, path in ASKED} == set(POLICY) - pages


@pytest.mark.parametrize("path", FOR_ALL)
def test_any_key_opens_the_description(
    path: str, guarded: Running, keys: dict[Scope, dict[str, str]]
) -> None:
    for headers in keys.values():
        found = guarded.client.get(path, headers=headers)
        assert found.status_code == (307 if path == "/" else 200)
    refused = guarded.client.get(path)
    problem(refused, 401)
    assert refused.headers["www-authenticate"].startswith('Basic realm="')


def test_the_description_says_what_needs_a_key(
    guarded: Running, keys: dict[Scope, dict[str, str]], api: Running
) -> None:
    told = guarded.client.get("/openapi.json", headers=keys[Scope.PREDICT]).json()
    (scheme,) = told["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    needing = {
        path
        for path, methods in told["paths"].items()
        if any(operation.get("security") for operation in methods.values())
    }
    assert needing == {path for _, path in ASKED}
    assert "securitySchemes" not in api.client.get("/openapi.json").text


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_whether_it_lives_is_told_to_all(path: str, guarded: Running) -> None:
    assert guarded.client.get(path).status_code == 200
    wrong = {"Authorization": f"Bearer {WrittenKey.new()}"}
    assert guarded.client.get(path, headers=wrong).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nothing"},
        {"Authorization": f"Bearer {WrittenKey.new()}"},
        {"Authorization": f"Token {WrittenKey.new()}"},
        {"X-API-Key": ""},
        {"X-API-Key": "a" * 10_000},
        {"X-API-Key": str(WrittenKey.new())},
        {"Authorization": b"Bearer cm_\xff\xfe"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic /w=="},
    ],
)
def test_without_a_good_key_nothing_is_told(
    headers: dict[str, str], guarded: Running, keys: dict[Scope, dict[str, str]]
) -> None:
    del keys
    for method, path in [*ASKED, ("GET", "/nothing"), ("DELETE", "/predict")]:
        refused = guarded.client.request(method, path, headers=headers, json={})
        problem(refused, 401)
        assert refused.headers["www-authenticate"] == "Bearer"
    problem(guarded.client.get("/docs", headers=headers), 401)


def test_a_key_comes_in_either_header(guarded: Running, keys: dict[Scope, dict[str, str]]) -> None:
    written = keys[Scope.PREDICT]["Authorization"].removeprefix("Bearer ")
    for headers in (
        {"X-API-Key": written},
        {"x-api-key": written, "Authorization": "Basic of-a-proxy"},
        {"Authorization": f"bearer {written}"},
    ):
        assert guarded.client.post("/predict", json=PREDICT, headers=headers).status_code == 200


def test_a_secret_of_another_key_opens_nothing(
    guarded: Running, keys: dict[Scope, dict[str, str]]
) -> None:
    one, other = (keys[scope]["Authorization"] for scope in (Scope.PREDICT, Scope.ADMIN))
    mixed = other[: len("Bearer cm_abcdefgh_")] + one[len("Bearer cm_abcdefgh_") :]
    problem(guarded.client.get("/metrics", headers={"Authorization": mixed}), 401)


def test_what_has_no_rule_is_for_nobody(
    guarded: Running, keys: dict[Scope, dict[str, str]]
) -> None:
    for path in ("/nothing", "/predict/", "/metrics/x"):
        problem(guarded.client.get(path, headers=keys[Scope.ADMIN]), 404)


def test_a_browser_gives_a_key_as_a_password_where_people_read_and_nowhere_else(
    guarded: Running, keys: dict[Scope, dict[str, str]]
) -> None:
    written = keys[Scope.PREDICT]["Authorization"].removeprefix("Bearer ")
    given = basic("né anybody", written)
    assert guarded.client.get("/docs", headers=given).status_code == 200
    problem(guarded.client.get("/docs", headers=basic(written, "")), 401)
    problem(guarded.client.post("/predict", json=PREDICT, headers=given), 401)


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 404), ("none", 404), (None, 404), ("cross-site", 401), ("same-site", 401)],
)
def test_another_site_can_t_make_a_browser_ask(
    site: str | None, status: int, guarded: Running, keys: dict[Scope, dict[str, str]]
) -> None:
    written = keys[Scope.PREDICT]["Authorization"].removeprefix("Bearer ")
    told = basic("ada", written) | ({"Sec-Fetch-Site": site} if site else {})
    # There is no page in this server: who is let in finds nothing.
    problem(guarded.client.post("/ui/gradio_api/queue/join", json={}, headers=told), status)


def test_a_revoked_key_soon_opens_nothing(start: Start) -> None:
    server = start(REQUIRED)
    key = server.keys.create("desk", [Scope.ADMIN])
    headers = {"X-API-Key": str(key.written)}
    assert server.client.get("/metrics", headers=headers).status_code == 200
    server.keys.revoke(key.key.id)
    until(lambda: server.client.get("/metrics", headers=headers).status_code == 401)


def test_an_expired_key_opens_nothing(start: Start) -> None:
    server = start(REQUIRED)
    made = server.keys.create("desk", [Scope.ADMIN], datetime.now(UTC) - timedelta(seconds=1))
    told = problem(server.client.get("/metrics", headers={"X-API-Key": str(made.written)}), 401)
    assert "expired" in told["detail"]


def test_with_the_database_away_known_keys_predict_and_unknown_ones_wait(
    start: Start, tmp_path: Path
) -> None:
    server = start(REQUIRED)
    known = server.key(Scope.PREDICT)
    assert server.client.post("/predict", json=PREDICT, headers=known).status_code == 200
    database = tmp_path / "home" / "classmark.db"
    server.keys._database.close()
    database.rename(database.with_suffix(".away"))
    database.mkdir()
    unknown = {"X-API-Key": str(WrittenKey.new())}
    until(lambda: server.client.post("/predict", headers=unknown, json={}).status_code == 503)
    refused = server.client.post("/predict", json=PREDICT, headers=unknown)
    assert problem(refused, 503)["detail"] == "The database does not answer."
    assert refused.headers["retry-after"]
    assert server.client.post("/predict", json=PREDICT, headers=known).status_code == 200


def test_no_body_is_read_before_the_key(start: Start) -> None:
    server = start(ServingSettings(1, api_keys="required", max_body_bytes=100))
    large = {"texts": ["a" * 1000]}
    problem(server.client.post("/predict", json=large), 401)
    key = server.key(Scope.PREDICT)
    until(lambda: server.client.get("/model/info", headers=key).status_code == 200)
    problem(server.client.post("/predict", json=large, headers=key), 413)


def test_without_the_setting_nobody_needs_a_key(start: Start) -> None:
    server = start()
    assert server.client.get("/metrics").status_code == 200
    wrong = {"Authorization": "Bearer nothing"}
    assert server.client.post("/predict", json=PREDICT, headers=wrong).status_code == 200


def test_a_socket_is_refused(guarded: Running) -> None:
    upgrade = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    found = httpx.get(f"http://127.0.0.1:{guarded.port}/ui/talk", headers=upgrade)
    assert found.status_code == 403
