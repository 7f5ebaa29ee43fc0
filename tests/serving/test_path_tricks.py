"""Requests that try to be paths: no file is served, and none is written outside of the home."""

import http.client
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

# What the fixtures of this room give: see conftest.py.
Running = Any

TRICKS = (
    *("..", "../..", "../classmark.db", "%2e%2e/classmark.db", "%2e%2e%2fclassmark.db"),
    *("..%2f..%2fetc%2fpasswd", "%252e%252e%252fetc%252fpasswd", "..%5c..%5cetc", "..;/etc"),
    *("/etc/passwd", "//etc/passwd", "file:///etc/passwd", "~root", "..%c0%afetc%c0%afpasswd"),
    *("%00", "a%00.json", "a%0a", "%0d%0aX-Made: up", "x" * 5000, "%ef%bc%8e%ef%bc%8e%2fetc"),
    *("CON", "-rf", ".git/config", "spool", "models/shelves/version_registry.json"),
)
PLACES = ("/{}", "/model/{}", "/docs/{}", "/health/{}", "/predict/{}", "/ui/{}", "/metrics?{}")


def asked(server: Running, method: str, path: str) -> tuple[int, bytes]:
    """The answer to a request whose path goes out as it is: httpx would tidy it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    raw = quote(path, safe="/%~.;\\?:=&")
    connection.putrequest(method, raw, skip_host=False)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


@pytest.mark.parametrize("place", PLACES)
def test_a_path_leads_to_no_file(place: str, api: Running) -> None:
    for trick in TRICKS:
        for method in ("GET", "POST"):
            status, content = asked(api, method, place.format(trick))
            assert status in {200, 307, 400, 404, 405}, (method, trick, status)
            if status == 200:
                # These are routes of ours, whatever stands behind the question mark.
                assert place.startswith("/metrics"), trick
            assert b"root:" not in content
            assert b"SQLite format" not in content
            assert b"Traceback" not in content


def test_an_id_that_is_a_path_is_none_of_a_prediction(
    api: Running, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = api.spool_folder.parent

    def files() -> list[Path]:
        # The database is made when it is first asked.
        found = home.parent.rglob("*")
        return sorted(path for path in found if not path.name.startswith("classmark.db"))

    before = files()
    for trick in (*TRICKS, "../\0", "..\n", "\u2024\u2024/etc"):
        body = {"prediction_id": trick, "label": "cs.CV"}
        answer = api.client.post("/feedback", json=body)
        assert answer.status_code in {404, 422}, trick
        assert answer.headers["content-type"] == "application/problem+json"
    assert files() == before
    assert home.is_relative_to(tmp_path_factory.getbasetemp())


def test_a_text_or_a_user_that_is_a_path_is_a_text_and_a_user(api: Running) -> None:
    home = api.spool_folder.parent
    before = {path for path in home.parent.rglob("*") if path.parent != api.spool_folder}
    for trick in TRICKS:
        body = {"texts": [f"{trick} /etc/passwd"], "user_id": trick[:60]}
        answer = api.client.post("/predict", json=body)
        assert answer.status_code in {200, 422}, answer.text
        assert "root:" not in answer.text
    after = {path for path in home.parent.rglob("*") if path.parent != api.spool_folder}
    assert {path.name for path in after - before} <= {
        "spool",
        "classmark.db-wal",
        "classmark.db-shm",
    }
