"""Answers that services rarely give: each is survived, or told for what it is."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.documents.collecting.conftest import Collecting, Open

from classmark.documents import Query
from classmark.errors import SettingError, SourceUnavailableError

# Status and body of an answer.
Reply = tuple[int, dict[str, Any]]
FORGOTTEN: Reply = (400, {"error": "Invalid continuation token"})


@contextmanager
def answering(
    answer: Callable[[dict[str, str]], Reply],
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers like this, and the parameters that it was asked with."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(dict(parse_qsl(urlsplit(self.path).query)))
            status, value = answer(asked[-1])
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def page(*numbers: int, token: str | None = None) -> Reply:
    rows = [{"paperId": f"{number:040x}", "title": f"Paper {number}"} for number in numbers]
    return 200, {"total": 3, "token": token, "data": rows}


def test_a_token_that_was_forgotten_leads_back_to_the_start(open_home: Open) -> None:
    later = iter([FORGOTTEN, page(3)])

    def answer(asked: dict[str, str]) -> Reply:
        return next(later) if "token" in asked else page(1, 2, token="T")  # noqa: S106 (no secret)

    with answering(answer) as (url, asked):
        collecting = open_home(semantic_scholar_url=url)
        harvest = collecting.collect("semantic-scholar", Query(terms="a"))
    assert (harvest.papers, harvest.cursor, len(asked)) == (3, None, 4)


def test_tokens_that_are_always_forgotten_are_given_up(open_home: Open) -> None:
    def answer(asked: dict[str, str]) -> Reply:
        return FORGOTTEN if "token" in asked else page(1, 2, token="T")  # noqa: S106 (no secret)

    with answering(answer) as (url, asked):
        collecting = open_home(semantic_scholar_url=url)
        with pytest.raises(SourceUnavailableError, match="2 papers"):
            collecting.collect("semantic-scholar", Query(terms="a"))
    assert len(asked) < 12


def test_a_search_without_hits_needs_no_history(open_home: Open) -> None:
    nothing = {"esearchresult": {"count": "0", "retmax": "0", "idlist": []}}
    with answering(lambda _: (200, nothing)) as (url, _):
        harvest = open_home(pubmed_url=url).collect("pubmed", Query(terms="a"))
    assert (harvest.papers, harvest.cursor) == (0, None)


def test_a_query_that_can_t_be_makes_no_home(collecting: Collecting, home: Path) -> None:
    for source, query in (("pubmed", Query()), ("arxiv", Query(categories=("csAI",)))):
        with pytest.raises(SettingError):
            collecting.begun(source, query)
    assert not home.exists()


def test_every_100_papers_have_their_line(
    collecting: Collecting, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="classmark.documents"):
        harvest = collecting.collect("semantic-scholar", Query(terms="the"))
    lines = [record for record in caplog.records if " papers" in record.getMessage()]
    assert harvest.papers > 500
    assert len(lines) == harvest.papers // 100
