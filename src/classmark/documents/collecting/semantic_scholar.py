"""Semantic Scholar: bulk search of its graph API."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from classmark.documents.collecting.paper import Paper, on_one_line
from classmark.documents.collecting.settings import CollectingSettings
from classmark.documents.collecting.source import (
    BrokenAnswerError,
    Cursor,
    Page,
    Query,
    Request,
)
from classmark.documents.identifiers import bare_id
from classmark.errors import SettingError

_FIELDS = (
    "externalIds,title,abstract,authors,year,publicationDate,venue,fieldsOfStudy,citationCount,"
    "openAccessPdf"
)


class SemanticScholar:
    """Papers that a query finds, with their citation counts.

    Source of the protocol: https://api.semanticscholar.org/api-docs/graph (bulk search).
    """

    name = "semantic-scholar"
    seconds_between_requests = 1.0

    def __init__(self, settings: CollectingSettings) -> None:
        self._url = f"{settings.semantic_scholar_url}/paper/search/bulk"
        key = settings.semantic_scholar_key
        self._headers = {"x-api-key": key} if key else {}

    def begin(self, query: Query) -> Cursor:
        """No token, nothing taken."""
        if not query.terms.strip():
            raise SettingError(
                "Semantic Scholar needs a query.",
                remedy='Give one: classmark collect semantic-scholar "text classification"',
            )
        return {"token": None, "taken": 0}

    def request(self, query: Query, cursor: Cursor) -> Request:
        """The page behind a token."""
        parameters = {"query": query.terms, "fields": _FIELDS}
        if query.since or query.until:
            since = query.since.isoformat() if query.since else ""
            until = query.until.isoformat() if query.until else ""
            parameters["publicationDateOrYear"] = f"{since}:{until}"
        if cursor["token"]:
            parameters["token"] = cursor["token"]
        return Request(self._url, parameters, self._headers)

    def read(self, query: Query, cursor: Cursor, answer: bytes) -> Page:
        """The papers of a page that have an id and a title."""
        try:
            content = _content(answer)
            total, token, rows = int(content["total"]), content.get("token"), content["data"]
            papers = tuple(_paper(row) for row in rows if row.get("title") and row.get("paperId"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BrokenAnswerError(f"no JSON as promised ({error})") from error
        if not rows and (token or cursor["taken"] < (total if cursor["token"] is None else 0)):
            raise BrokenAnswerError(f"an empty page after {cursor['taken']} of {total}")
        if query.total is not None:
            papers = papers[: query.total - cursor["taken"]]
        taken = cursor["taken"] + len(papers)
        is_done = not token or (query.total is not None and taken >= query.total)
        return Page(papers, None if is_done else {"token": token, "taken": taken}, total)

    def after_refusal(self, cursor: Cursor, answer: bytes) -> Cursor | None:
        """From the start, where its token is no longer known; nothing is kept twice."""
        is_forgotten = cursor["token"] and b"token" in answer.lower()
        return {"token": None, "taken": 0} if is_forgotten else None


def _content(answer: bytes) -> Any:
    try:
        return orjson.loads(answer)
    except orjson.JSONDecodeError:
        # Some abstracts hold halves of characters, which the standard library lets pass.
        lenient = json.dumps(json.loads(answer), ensure_ascii=False)
        return orjson.loads(lenient.encode(errors="replace"))


def _paper(row: Mapping[str, Any]) -> Paper:
    ids: Mapping[str, Any] = row.get("externalIds") or {}
    fields = tuple(row.get("fieldsOfStudy") or ())
    return Paper(
        source="semantic-scholar",
        source_id=row["paperId"],
        title=on_one_line(row["title"]),
        abstract=on_one_line(row.get("abstract")),
        authors=tuple(on_one_line(author.get("name")) for author in row.get("authors") or ()),
        categories=fields,
        primary_category=fields[0] if fields else "",
        published=row.get("publicationDate") or str(row.get("year") or ""),
        arxiv_id=bare_id("arxiv", str(ids.get("ArXiv") or "")),
        doi=bare_id("doi", str(ids.get("DOI") or "")),
        pmid=str(ids.get("PubMed") or ""),
        pdf_url=(row.get("openAccessPdf") or {}).get("url") or "",
        journal_reference=on_one_line(row.get("venue")),
        citation_count=row.get("citationCount"),
    )
