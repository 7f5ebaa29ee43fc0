"""Every route has its rule: what has none is for nobody."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from tests.serving.served_routes import paths_of

from classmark.access import ApiKey, Scope, WrittenKey
from classmark.serving import Keyring, ServingSettings
from classmark.serving.gates import describe_keys, put_gates
from classmark.serving.policy import POLICY, rule_of

SERVED_ROUTES = Path(__file__).with_name("served_routes.py")


@pytest.fixture(scope="module")
def paths(shared_home: Path) -> set[str]:
    """Every path of the app with its page, as it is served."""
    done = subprocess.run(
        [sys.executable, SERVED_ROUTES, shared_home], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def without_rule(paths: set[str]) -> set[str]:
    return {path for path in paths if rule_of(path) is None}


def test_every_route_has_a_rule(paths: set[str]) -> None:
    assert {"/predict", "/feedback", "/docs", "/ui", "/ui/config"} <= paths
    assert without_rule(paths) == set()


def test_no_rule_is_for_what_is_not_there(paths: set[str]) -> None:
    assert set(POLICY) - paths == set()


def test_routes_that_are_open_to_all_are_these() -> None:
    assert {path for path, rule in POLICY.items() if rule.is_open} == {
        *("/health", "/ready", "/favicon.ico"),
    }
    assert not any(rule.is_open and rule.with_all_below for rule in POLICY.values())


def test_a_new_route_without_a_rule_is_seen() -> None:
    app, mounted = FastAPI(openapi_url=None), FastAPI(openapi_url=None)
    for one in (app, mounted):
        one.add_api_route("/secret/{name}", lambda: "shown")
    app.mount("/other", mounted)
    included = APIRouter()
    included.add_api_route("/more", lambda: "shown")
    app.include_router(included, prefix="/much")
    app.add_api_websocket_route("/talk", lambda: None)
    assert without_rule(set(paths_of(app.routes))) == {
        *("/secret/{name}", "/other", "/other/secret/{name}", "/talk", "/much/more"),
    }


def test_a_new_route_without_a_rule_is_for_nobody() -> None:
    at, written = datetime(2024, 5, 6, 12, tzinfo=UTC), WrittenKey.new()
    key = ApiKey(written.id, "desk", (Scope.ADMIN,), written.digest, "ada", at)
    app = FastAPI()
    app.add_api_route("/secret", lambda: "shown")
    keyring = Keyring(lambda: [key], now=lambda: at, seconds=lambda: 0.0)
    put_gates(app, ServingSettings(), keyring, lambda *_: None)
    describe_keys(app)

    async def ask(headers: dict[str, str]) -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (await client.get("/secret", headers=headers)).status_code

    assert asyncio.run(ask({})) == 401
    assert asyncio.run(ask({"X-API-Key": str(written)})) == 404


@pytest.mark.parametrize(
    "path",
    [
        *("", "/nothing", "/predict/", "/predict/more", "/PREDICT", "//predict", "/health/x"),
        *("/uix", "//ui", "/docs/x", "/docs/oauth2-redirect/x", "/metrics/", "ui", "*"),
    ],
)
def test_only_a_path_as_it_is_written_has_a_rule(path: str) -> None:
    assert rule_of(path) is None


@pytest.mark.parametrize("path", ["/ui", "/ui/", "/ui/config", "/ui/gradio_api/queue/join"])
def test_the_page_has_one_rule_for_all_below(path: str) -> None:
    assert rule_of(path) is POLICY["/ui"]
