"""arXiv's API as it answers: Atom 1.0 with opensearch's figures.

See https://info.arxiv.org/help/api/user-manual.html.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from html import escape

from tests.documents.standins.answer import Answer, Parameters, Twist
from tests.documents.standins.papers import KnownPaper

CONTENT_TYPE = "application/atom+xml; charset=utf-8"
MOST_OF_A_PAGE = 2_000
FURTHEST_START = 30_000
_TOKEN = re.compile(
    r"\s*(?:(?P<paren>[()])|(?P<operator>ANDNOT|AND|OR)\b|(?P<field>\w+):(?:"
    r'\[(?P<first>\d+) TO (?P<last>\d+)\]|"(?P<quoted>[^"]*)"|(?P<value>[^\s()]+)))'
)
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_HEAD = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"\
 xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/cHxbiOdZaP56ODnBPIenZhzg5f8</id>
  <title>arXiv Query: {asked}</title>
  <updated>2026-01-01T00:00:00Z</updated>
  <link href="https://arxiv.org/api/query?{asked}" type="application/atom+xml"/>
  <opensearch:itemsPerPage>{size}</opensearch:itemsPerPage>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>{start}</opensearch:startIndex>
"""

Meets = Callable[[KnownPaper], bool]
# A paper in one of its versions.
Entry = tuple[KnownPaper, int]


class QueryError(Exception):
    """The query can't be understood."""


class ArxivFeed:
    """Answers searches among papers."""

    def __init__(self, papers: Sequence[KnownPaper]) -> None:
        known = [paper for paper in papers if paper.arxiv_id]
        self._entries = sorted(
            ((paper, version) for paper in known for version in paper.versions),
            key=lambda entry: (entry[0].published, entry[0].number, entry[1]),
        )
        self._found = lru_cache(maxsize=256)(self._search)

    def query(self, parameters: Parameters, twist: Twist) -> Answer:
        """What `/api/query` answers."""
        try:
            start, size = int(parameters.get("start", 0)), int(parameters.get("max_results", 10))
        except ValueError:
            return _error("start and max_results must be integers")
        if start < 0 or not 0 <= size <= FURTHEST_START:
            return _error("max_results must be non-negative and at most 30000")
        if start > FURTHEST_START:
            return Answer(b"Internal Server Error", "text/plain", 500)
        try:
            found = self._found(
                parameters.get("search_query", ""),
                parameters.get("sortBy", "relevance"),
                parameters.get("sortOrder", "descending"),
            )
        except QueryError as error:
            return _error(str(error))
        size = min(size, MOST_OF_A_PAGE)
        page = [] if twist.empty else found[start : start + size]
        asked = escape("&".join(f"{name}={value}" for name, value in parameters.items()))
        head = _HEAD.format(asked=asked, size=size, total=len(found) + twist.more, start=start)
        body = head + "".join(map(_entry, page)) + "</feed>\n"
        return Answer(body.encode(), CONTENT_TYPE)

    def _search(self, query: str, sort_by: str, order: str) -> list[Entry]:
        meets = parsed_query(query)
        found = [entry for entry in self._entries if meets(entry[0])]
        if sort_by == "lastUpdatedDate":
            found.sort(key=lambda entry: entry[0].updated)
        if sort_by == "relevance":
            found.sort(key=lambda entry: entry[0].number * 7919 % 104_729)
        return found if order == "ascending" else found[::-1]


def parsed_query(query: str) -> Meets:
    """Which papers a search_query means; AND binds more tightly than OR."""
    tokens = list(_tokens(query))
    meets = _any_of(tokens)
    if tokens:
        raise QueryError(f"unexpected {tokens[0][0]!r} in {query!r}")
    return meets


def _tokens(query: str) -> Iterator[re.Match[str]]:
    place, text = 0, query.rstrip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise QueryError(f"incorrect query at {text[place : place + 20]!r}")
        yield token
        place = token.end()


def _any_of(tokens: list[re.Match[str]]) -> Meets:
    parts = [_all_of(tokens)]
    while tokens and tokens[0]["operator"] == "OR":
        tokens.pop(0)
        parts.append(_all_of(tokens))
    return lambda paper: any(part(paper) for part in parts)


def _all_of(tokens: list[re.Match[str]]) -> Meets:
    wanted, unwanted = [_term(tokens)], list[Meets]()
    while tokens and tokens[0]["operator"] in {"AND", "ANDNOT"}:
        parts = wanted if tokens.pop(0)["operator"] == "AND" else unwanted
        parts.append(_term(tokens))
    return lambda paper: (
        all(part(paper) for part in wanted) and not any(part(paper) for part in unwanted)
    )


def _term(tokens: list[re.Match[str]]) -> Meets:
    if not tokens:
        raise QueryError("the query ends too early")
    token = tokens.pop(0)
    if token["paren"] == "(":
        inner = _any_of(tokens)
        if not tokens or tokens.pop(0)["paren"] != ")":
            raise QueryError("a bracket is not closed")
        return inner
    if token["field"] is None:
        raise QueryError(f"unexpected {token[0].strip()!r}")
    if token["first"]:
        return _submitted(token["field"], token["first"], token["last"])
    value = token["value"] if token["quoted"] is None else token["quoted"]
    return _field(token["field"], value)


def _submitted(field: str, first: str, last: str) -> Meets:
    if field != "submittedDate" or {len(first), len(last)} - {8, 12, 14}:
        raise QueryError(f"no range of dates: {field}:[{first} TO {last}]")
    # As far as they are given, moments compare as their digits do.
    start, end = first.ljust(14, "0"), last.ljust(14, "9") if len(last) < 14 else last
    return lambda paper: start <= f"{paper.published:%Y%m%d%H%M%S}" <= end


def _field(field: str, value: str) -> Meets:
    sought = value.lower()
    if field == "cat":
        if sought.endswith("*"):
            return lambda paper: any(
                name.lower().startswith(sought[:-1]) for name in paper.categories
            )
        return lambda paper: any(name.lower() == sought for name in paper.categories)
    if field == "au":
        return lambda paper: any(sought in " ".join(name).lower() for name in paper.authors)
    if field in {"ti", "abs", "all"}:
        return lambda paper: sought in (paper.title.lower() if field == "ti" else paper.words)
    raise QueryError(f"unknown field {field}")


def _entry(entry: Entry) -> str:
    paper, version = entry
    name = f"{paper.arxiv_id}v{version}"
    updated = paper.updated if version == paper.versions[-1] else paper.published
    categories = "".join(
        f'    <category term="{term}" scheme="http://arxiv.org/schemas/atom"/>\n'
        for term in paper.categories
    )
    authors = "".join(
        f"    <author>\n      <name>{escape(f'{given} {family}'.strip())}</name>\n    </author>\n"
        for given, family in paper.authors
    )
    return f"""  <entry>
    <id>http://arxiv.org/abs/{name}</id>
    <title>{_wrapped(paper.title)}</title>
    <updated>{updated.astimezone(UTC):{_MOMENT}}</updated>
    <link href="https://arxiv.org/abs/{name}" rel="alternate" type="text/html"/>
    <link href="https://arxiv.org/pdf/{name}" rel="related" type="application/pdf" title="pdf"/>
    <summary>{_wrapped(paper.abstract)}</summary>
{categories}    <published>{paper.published.astimezone(UTC):{_MOMENT}}</published>
{_extensions(paper)}{authors}  </entry>
"""


def _extensions(paper: KnownPaper) -> str:
    lines = [
        f"    <arxiv:{tag}>{escape(value)}</arxiv:{tag}>\n"
        for tag, value in (
            ("comment", paper.comment),
            ("journal_ref", paper.journal),
            ("doi", paper.doi),
        )
        if value
    ]
    return "".join(lines) + f'    <arxiv:primary_category term="{paper.categories[0]}"/>\n'


def _wrapped(text: str) -> str:
    """Escaped, with the line breaks that arXiv leaves in."""
    return escape(re.sub(r"(.{60,}?) ", r"\1\n  ", text), quote=False)


def _error(reason: str) -> Answer:
    """arXiv's way to refuse: a feed whose one entry is the error."""
    head = _HEAD.format(asked="error", size=1, total=1, start=0)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    entry = f"""  <entry>
    <id>https://arxiv.org/api/errors#{escape(reason.replace(" ", "_"))}</id>
    <title>Error</title>
    <summary>{escape(reason)}</summary>
    <updated>{now:{_MOMENT}}</updated>
    <link href="https://arxiv.org/api/errors" rel="alternate" type="text/html"/>
    <author>
      <name>arXiv api core</name>
    </author>
  </entry>
"""
    return Answer((head + entry + "</feed>\n").encode(), CONTENT_TYPE, 400)
