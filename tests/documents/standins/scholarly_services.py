"""arXiv, PubMed and Semantic Scholar on one port of this machine, with faults on demand.

Usage: python tests/documents/standins/scholarly_services.py [--port 0] [--papers FILE.jsonl.gz]
       [--count 200]

Prints the port. Beside the paths of the three services there are `POST /control` with
`{"faults": [{"service": "arxiv", "kind": "status", "status": 429, "times": 3}]}`, `GET /requests`
and `POST /reset`; faults.py says what can be demanded.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

if __name__ == "__main__":
    # As a program it is not started where the tests' modules are found.
    sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.documents.standins.answer import WRONG_KEY, Answer, Parameters, Twist
from tests.documents.standins.arxiv_feed import ArxivFeed
from tests.documents.standins.bulk_search import BulkSearch
from tests.documents.standins.entrez import Entrez
from tests.documents.standins.faults import Asked, Book, Fault
from tests.documents.standins.papers import KnownPaper, made_up_papers, read_papers

# What a path answers.
Question = Callable[[Parameters, Twist], Answer]
_TOLD_HEADERS = ("user-agent", "x-api-key")
# Long enough that neither side's buffers hide that the rest never comes.
_CUT_AT_SHARE = 0.5


class Services:
    """The three services over the same papers."""

    def __init__(self, papers: list[KnownPaper]) -> None:
        self.book = Book()
        self._entrez = Entrez(papers)
        bulk = BulkSearch(papers)
        self.paths: Mapping[str, tuple[str, Question]] = {
            "/api/query": ("arxiv", ArxivFeed(papers).query),
            "/entrez/eutils/esearch.fcgi": ("pubmed", self._entrez.esearch),
            "/entrez/eutils/efetch.fcgi": ("pubmed", self._entrez.efetch),
            "/graph/v1/paper/search/bulk": ("semantic-scholar", bulk.query),
        }
        self._last: dict[str, Answer] = {}

    def reset(self) -> None:
        """As at the start."""
        self.book.forget()
        self._entrez.forget()
        self._last.clear()

    def answer(self, asked: Asked, fault: Fault | None) -> Answer:
        """What a request is answered, faults of the content included."""
        kind = fault.kind if fault else None
        if fault and kind == "status":
            return Answer(fault.body.encode(), "text/plain", fault.status)
        if asked.headers.get("x-api-key") == WRONG_KEY:
            return Answer(b'{"message":"Forbidden"}', "application/json", 403)
        if kind == "duplicate" and asked.path in self._last:
            return self._last[asked.path]
        if kind == "expired":
            self._entrez.forget()
        _, query = self.paths[asked.path]
        twist = Twist(empty=kind == "empty", more=fault.by if fault else 0)
        try:
            answer = query(asked.parameters, twist)
        except ValueError as error:
            return Answer(str(error).encode(), "text/plain", 400)
        if answer.status == 200 and kind is None:
            self._last[asked.path] = answer
        return _damaged(answer, kind)


def _damaged(answer: Answer, kind: str | None) -> Answer:
    """Half of it, all of it with what is neither XML nor JSON in the middle, or as it is."""
    middle = len(answer.body) // 2
    if kind == "short":
        return replace(answer, body=answer.body[:middle])
    if kind == "malformed":
        return replace(answer, body=answer.body[:middle] + b'<&"{' + answer.body[middle:])
    return replace(answer, is_garbled=kind == "garbled")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    # Head and body leave in two writes: the second must not wait for the first one's receipt.
    disable_nagle_algorithm = True

    def __init__(self, services: Services, *connection: Any) -> None:
        self._services = services
        super().__init__(*connection)

    def do_GET(self) -> None:
        """Answer a question."""
        address = urlsplit(self.path)
        if address.path == "/requests":
            self._say(_json(self._services.book.told()))
        elif address.path in self._services.paths:
            parameters = dict(parse_qsl(address.query, keep_blank_values=True))
            self._serve(address.path, parameters)
        else:
            self._say(Answer(b"Not Found", "text/plain", 404))

    def do_POST(self) -> None:
        """Take a command; a service's question may come in the body too."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        if path == "/control":
            self._services.book.demand(json.loads(body)["faults"])
        elif path == "/reset":
            self._services.reset()
        elif path.startswith("/entrez/"):
            self._serve(path, dict(parse_qsl(body.decode(), keep_blank_values=True)))
            return
        self._say(_json({}))

    def log_message(self, *_: Any) -> None:
        """Nothing: what was asked is in the book."""

    def _serve(self, path: str, parameters: dict[str, str]) -> None:
        at_seconds = time.monotonic()
        service, _ = self._services.paths[path]
        headers = {name: self.headers[name] for name in _TOLD_HEADERS if name in self.headers}
        asked = Asked(service, path, parameters, headers, at_seconds)
        fault = self._services.book.begin(asked)
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        answer = self._services.answer(asked, fault)
        if fault and fault.kind == "cut":
            self._cut(answer)
            asked.answered = 0
            return
        # Before the answer leaves: whoever got it finds it noted.
        asked.answered = answer.status
        self._say(answer, fault.retry_after if fault else None)

    def _say(self, answer: Answer, retry_after: str | None = None) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.is_garbled:
            self.send_header("Content-Encoding", "gzip")
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(answer.body)

    def _cut(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: int(len(answer.body) * _CUT_AT_SHARE)])
        self.close_connection = True


class Server(ThreadingHTTPServer):
    """Does not mind clients that are killed while it answers."""

    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what broke, unless it is the connection."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _json(value: object) -> Answer:
    return Answer(json.dumps(value).encode(), "application/json")


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--papers", type=Path)
    parser.add_argument("--count", type=int)
    arguments = parser.parse_args()
    if arguments.papers:
        papers = list(read_papers(arguments.papers))[: arguments.count]
    else:
        papers = list(made_up_papers(200 if arguments.count is None else arguments.count))
    server = Server(("127.0.0.1", arguments.port), partial(Handler, Services(papers)))
    print(server.server_address[1], flush=True)  # noqa: T201 (that is how it is found)
    server.serve_forever()


if __name__ == "__main__":
    main()
