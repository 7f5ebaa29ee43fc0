"""What the page's library answers and keeps is bounded, whoever asks its one route."""

import asyncio
import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from starlette.routing import Mount
from tests.serving.conftest import Running, running

from classmark.serving import ApiParts, ServedModel, ServingSettings
from classmark.serving.page import mount_page

ASKED_BY_PAGE = "/ui/gradio_api/run/predict"
OBJECT = {"content-type": "application/json"}


@contextmanager
def paged(home: Path, served: ServedModel) -> Iterator[tuple[Running, FastAPI]]:
    """A server with the page, and its app."""
    found: list[FastAPI] = []

    async def mount(app: FastAPI, parts: ApiParts) -> None:
        mount_page(app, parts)

    def add(app: FastAPI, parts: ApiParts) -> None:
        # Outside of an event loop the library would make one, and never close it.
        asyncio.run(mount(app, parts))
        found.append(app)

    with running(home, served, ServingSettings(threads=2), add=add) as server:
        yield server, found[0]


@pytest.fixture(scope="module")
def site(
    served: ServedModel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, FastAPI]]:
    with paged(tmp_path_factory.mktemp("page") / "home", served) as found:
        yield found


def asked_on_load(server: Running) -> int:
    """What the page asks as soon as it is open, by its number."""
    page = server.client.get("/ui/").text
    written = re.search(r"window\.gradio_config = (\{.*?\});</script>", page)
    assert written
    asked: list[dict[str, Any]] = orjson.loads(written[1])["dependencies"]
    found: int = next(it["id"] for it in asked if it["targets"][0][1] == "load")
    return found


def sent(server: Running, number: int, values: list[object], session: str = "s") -> httpx.Response:
    body = {"data": values, "fn_index": number, "session_hash": session}
    return server.client.post(ASKED_BY_PAGE, json=body)


def check_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["detail"] == "This was not asked by the page, or by that of another release."
    assert told["instance"] == f"urn:request:{answer.headers['x-request-id']}"
    assert "object at" not in answer.text


@pytest.mark.parametrize(("number", "values"), [(99, []), (-1, []), (0, []), (1, [])])
def test_a_question_that_the_page_does_not_ask_is_a_problem(
    number: int, values: list[object], site: tuple[Running, FastAPI]
) -> None:
    check_refused(sent(site[0], number, values))


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"{}", b"null", b"\xff", b'{"data": 5}'])
@pytest.mark.parametrize("headers", [OBJECT, {}], ids=["json", "plain"])
def test_a_body_that_the_page_does_not_send_is_a_problem(
    body: bytes, headers: dict[str, str], site: tuple[Running, FastAPI]
) -> None:
    check_refused(site[0].client.post(ASKED_BY_PAGE, content=body, headers=headers))


def test_a_body_beyond_the_limit_is_told_as_such(site: tuple[Running, FastAPI]) -> None:
    server, _ = site
    most = ServingSettings(threads=2).max_body_bytes
    parts = (b"[" * 65_536 for _ in range(most // 65_536 + 1))
    answer = server.client.post(ASKED_BY_PAGE, content=parts, headers=OBJECT)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["assets/none.js", "static/none.js", "static/js"])
def test_a_file_that_the_library_does_not_have_is_a_problem(
    path: str, site: tuple[Running, FastAPI]
) -> None:
    answer = site[0].client.get(f"/ui/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_without_the_page_nothing_is_there(api: Running) -> None:
    answer = api.client.post(ASKED_BY_PAGE, json={"data": [], "fn_index": 0})
    told = f"There is nothing at {ASKED_BY_PAGE}."
    assert (answer.status_code, answer.json()["detail"]) == (404, told)


def test_what_is_kept_of_open_pages_is_bounded(site: tuple[Running, FastAPI]) -> None:
    server, app = site
    number = asked_on_load(server)
    for one in range(150):
        answer = sent(server, number, [], f"page {one}")
        assert answer.status_code == 200
        assert "shelves_v1.0.0" in answer.text
    library: Any = next(it.app for it in app.routes if isinstance(it, Mount) and it.path == "/ui")
    assert len(library.state_holder.session_data) == 100
    # Whoever was forgotten goes on as before.
    assert "shelves_v1.0.0" in sent(server, number, [], "page 0").text


def test_a_failure_of_ours_is_a_sentence_on_the_page(served: ServedModel, tmp_path: Path) -> None:
    metadata = copy.deepcopy(dict(served.version.metadata))
    model = replace(served, version=replace(served.version, metadata=metadata))
    with paged(tmp_path / "home", model) as (server, _):
        number = asked_on_load(server)
        metadata["metrics"].clear()
        answer = sent(server, number, [])
    assert answer.status_code == 200
    assert "the server&#x27;s log has the details" in answer.json()["data"][0]
