"""Ways round the door: what means a route to somebody else is nothing to us without a key."""

import re
import socket
from collections.abc import Iterator

import pytest
from tests.serving.conftest import Running, running
from tests.serving.test_access import REQUIRED, until

from classmark.access import Scope
from classmark.serving import ServedModel
from classmark.serving.policy import POLICY

GUARDED = sorted(path for path, rule in POLICY.items() if not rule.is_open)
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
# What is asked in place of a path that needs a key.
DISGUISES = (
    *("{}", "/{}", "{}/", "{}//", "/.{}", "/ui/..{}", "/health/..{}", "/health/%2e%2e{}"),
    *("/ready/..;{}", "{}?/health", "{};/health", "{}#/health", "{}%00", "{}%2f", "{}%20", "{}."),
    *("http://x{}", "http://x/health/..{}", "//x{}", "/%2e{}", "/%2f{}", "\\{}", "{}\\..\\health"),
    *("/favicon.ico{}", "/health%2f..{}", "/health?{}", "/health;{}"),
)
NOT_TOLD = re.compile(rb"predictions|production_version|prediction_total|openapi|swagger|labels")


@pytest.fixture(scope="module")
def guarded(served: ServedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that asks for keys, and that knows one."""
    with running(tmp_path_factory.mktemp("round") / "home", served, REQUIRED) as server:
        key = server.key(Scope.FEEDBACK)
        until(lambda: server.client.get("/docs", headers=key).status_code == 200)
        yield server


def asked(server: Running, line: str, *headers: str) -> tuple[int, bytes]:
    """Status and all of the answer to a request that goes out as it is written."""
    body = b'{"texts": ["A table"]}'
    head = [line, "Host: x", "Connection: close", "Content-Type: application/json", *headers]
    sent = "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(sent)
        found = b"".join(iter(lambda: connection.recv(65_536), b""))
    return int(found.split(b" ", 2)[1]), found


@pytest.mark.parametrize("disguise", DISGUISES)
def test_no_other_way_to_write_a_path_opens_it(disguise: str, guarded: Running) -> None:
    for path in GUARDED:
        for written in {path, path.upper(), path.replace("e", "%65")}:
            for method, meant in (("POST", {404, 405}), ("GET", {200, 404})):
                status, found = asked(guarded, f"{method} {disguise.format(written)} HTTP/1.1")
                # What is open to all may be meant; it is nothing but itself.
                assert status in {400, 401} | meant, (method, written, status)
                assert not NOT_TOLD.search(found), written


@pytest.mark.parametrize("method", METHODS)
def test_no_method_opens_a_path(method: str, guarded: Running) -> None:
    for path in [*GUARDED, "*"]:
        status, found = asked(guarded, f"{method} {path} HTTP/1.1")
        assert status in {400, 401}, (path, status)
        assert not NOT_TOLD.search(found)


@pytest.mark.parametrize(
    "header",
    [
        *("X-Original-URL: /health", "X-Rewrite-URL: /health", "X-Forwarded-Prefix: /health"),
        *("X-HTTP-Method-Override: GET", "X-Forwarded-For: 127.0.0.1", "Host: localhost"),
        *("Upgrade: h2c", "X-Forwarded-Path: /health", "Forwarded: for=127.0.0.1"),
    ],
)
def test_no_header_of_a_proxy_opens_a_path(header: str, guarded: Running) -> None:
    for path in GUARDED:
        status, found = asked(guarded, f"POST {path} HTTP/1.1", header)
        assert status in {400, 401}, (path, status)
        assert not NOT_TOLD.search(found)


def test_of_several_keys_the_weaker_or_none_opens_what_it_may(guarded: Running) -> None:
    strong, weak = (guarded.key(scope)["Authorization"] for scope in (Scope.ADMIN, Scope.FEEDBACK))
    until(lambda: guarded.client.get("/metrics", headers={"Authorization": strong}).is_success)
    wrong = strong[:-4] + "aaaa"
    for headers, allowed in (
        ((wrong, strong), {401}),
        ((strong, wrong), {200, 401}),
        ((weak, strong), {403}),
        ((f"{wrong}, {strong}",), {401}),
        ((f"{weak}\t{strong}",), {401}),
    ):
        lines = [f"Authorization: {one}" for one in headers]
        status, _ = asked(guarded, "GET /metrics HTTP/1.1", *lines)
        assert status in allowed, (headers, status)
    own = strong.removeprefix("Bearer ")
    assert asked(guarded, "GET /metrics HTTP/1.1", "X-API-Key:", f"X-API-Key: {own}")[0] == 401
    query = f"GET /metrics?key={own}&api_key={own}&x-api-key={own} HTTP/1.1"
    assert asked(guarded, query)[0] == 401
    assert asked(guarded, "GET /metrics HTTP/1.1", f"Cookie: Authorization={own}")[0] == 401
