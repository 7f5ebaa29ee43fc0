"""PubMed: NCBI's E-utilities, a search kept on their history server and fetched page by page."""

import logging
from datetime import date, timedelta
from xml.etree.ElementTree import Element

import orjson

from classmark.documents.collecting.markup import checked_xml
from classmark.documents.collecting.pubmed_articles import read_articles
from classmark.documents.collecting.settings import CollectingSettings
from classmark.documents.collecting.source import (
    BrokenAnswerError,
    Cursor,
    Page,
    Query,
    Request,
)
from classmark.errors import SettingError

logger = logging.getLogger(__name__)

_PAGE = 200
# PubMed gives no record of a search beyond this one: such a search is cut into shorter times.
_DEEPEST = 9_999
_FIRST_DAY = date(1780, 1, 1)
_TOOL = "classmark"


class PubMed:
    """Papers that a query finds, the newest first.

    A cursor either looks for the size of a search (`history` is None) or fetches a page of it.
    Source of the protocol: https://www.ncbi.nlm.nih.gov/books/NBK25499/ (The E-utilities in depth).
    """

    name = "pubmed"

    def __init__(self, settings: CollectingSettings) -> None:
        self._url = settings.pubmed_url
        self._about_us = {"db": "pubmed", "tool": _TOOL}
        self._about_us |= {"email": settings.email} if settings.email else {}
        self._about_us |= {"api_key": settings.ncbi_key} if settings.ncbi_key else {}
        self.seconds_between_requests = 0.1 if settings.ncbi_key else 0.34

    def begin(self, query: Query) -> Cursor:
        """A search over all days."""
        if not query.terms.strip():
            raise SettingError(
                "PubMed needs a query.",
                remedy='Give one: classmark collect pubmed "asthma AND children"',
            )
        if query.until is None:
            raise SettingError("A harvest of PubMed has a last day.", remedy="Give --until.")
        since = query.since or _FIRST_DAY
        return _search([[since.isoformat(), query.until.isoformat()]], taken=0)

    def request(self, query: Query, cursor: Cursor) -> Request:
        """The search itself, or a page of what it found."""
        if cursor["history"] is None:
            since, until = (day.replace("-", "/") for day in cursor["days"][0])
            search = {"term": query.terms, "usehistory": "y", "retmax": "0", "retmode": "json"}
            days = {"datetype": "pdat", "mindate": since, "maxdate": until, "sort": "pub_date"}
            return Request(f"{self._url}/esearch.fcgi", self._about_us | search | days)
        environment, key = cursor["history"]
        page = {
            "WebEnv": environment,
            "query_key": key,
            "retstart": str(cursor["start"]),
            "retmax": str(_PAGE),
            "retmode": "xml",
        }
        return Request(f"{self._url}/efetch.fcgi", self._about_us | page)

    def read(self, query: Query, cursor: Cursor, answer: bytes) -> Page:
        """Where to fetch what the search found, or the papers of a page."""
        if cursor["history"] is None:
            return _read_search(cursor, answer)
        root = checked_xml(answer)
        if root.tag != "PubmedArticleSet":
            return _searched_again(cursor, root)
        papers, entries = read_articles(root), len(root)
        if not entries:
            raise BrokenAnswerError(f"an empty page at {cursor['start']} of {cursor['count']}")
        promised = min(_PAGE, cursor["count"] - cursor["start"])
        if entries < promised and not cursor.get("short"):
            # Fetched once more; what is missing then was withdrawn after the search.
            return Page((), cursor | {"short": True}, cursor["count"])
        first = papers[0].pmid if papers else None
        if first is not None and first == cursor.get("first"):
            raise BrokenAnswerError(f"the page before {cursor['start']} once more")
        if query.total is not None:
            papers = papers[: query.total - cursor["taken"]]
        taken, start = cursor["taken"] + len(papers), cursor["start"] + _PAGE
        if query.total is not None and taken >= query.total:
            return Page(papers, None, cursor["count"])
        if start < cursor["count"]:
            going_on = {"start": start, "taken": taken, "first": first, "short": False}
            return Page(papers, cursor | going_on, cursor["count"])
        return Page(papers, _following(cursor, taken), cursor["count"])

    def after_refusal(self, cursor: Cursor, answer: bytes) -> Cursor | None:
        """A search that the history server forgot is made again."""
        del answer
        if cursor["history"] is None:
            return None
        return _search(cursor["days"], cursor["taken"], start=cursor["start"])


def _search(days: list[list[str]], taken: int, start: int = 0) -> Cursor:
    return {"days": days, "history": None, "start": start, "count": 0, "taken": taken}


def _following(cursor: Cursor, taken: int) -> Cursor | None:
    """The search over the next days; None if there are none."""
    return _search(cursor["days"][1:], taken) if cursor["days"][1:] else None


def _read_search(cursor: Cursor, answer: bytes) -> Page:
    try:
        result = orjson.loads(answer)["esearchresult"]
        if "ERROR" in result:
            raise BrokenAnswerError(f"PubMed says: {result['ERROR']}")
        count = int(result["count"])
        # Where nothing is found, nothing need be kept.
        history = [result["webenv"], result["querykey"]] if count else None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise BrokenAnswerError(f"no search result ({error})") from error
    since, until = (date.fromisoformat(day) for day in cursor["days"][0])
    if count > _DEEPEST and since < until:
        middle = since + (until - since) // 2
        later = [(middle + timedelta(days=1)).isoformat(), until.isoformat()]
        halves = [later, [since.isoformat(), middle.isoformat()]]
        return Page((), _search([*halves, *cursor["days"][1:]], cursor["taken"]))
    if cursor["start"] >= count:
        return Page((), _following(cursor, cursor["taken"]), count)
    reachable = min(count, _DEEPEST)
    if reachable < count:
        logger.warning("pubmed: %s of %s papers of %s can be fetched", reachable, count, since)
    return Page((), cursor | {"history": history, "count": reachable}, count)


def _searched_again(cursor: Cursor, root: Element) -> Page:
    """PubMed answers a forgotten search with an error in XML, and sometimes with status 200."""
    said = " ".join("".join(root.itertext()).split())
    if "history" in said.lower() or "query" in said.lower():
        return Page((), _search(cursor["days"], cursor["taken"], start=cursor["start"]))
    raise BrokenAnswerError(f"PubMed says: {said[:200]}")
