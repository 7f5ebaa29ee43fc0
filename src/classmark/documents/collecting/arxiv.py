"""arXiv: its query API, asked and read through the `arxiv` library."""

import re
from datetime import date, datetime, timedelta
from typing import Any

from classmark.documents.collecting.markup import checked_xml, text_of
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
from classmark.errors import MissingExtraError, SettingError

DEFAULT_CATEGORIES = (
    *("cs.AI", "cs.CL", "cs.CR", "cs.CV", "cs.DB"),
    *("cs.DC", "cs.LG", "cs.NE", "cs.RO", "cs.SE"),
)
_CATEGORY = re.compile(r"[a-z]+(-[a-z]+)*(\.[A-Za-z]+(-[A-Za-z]+)?)?")
_VERSION = re.compile(r"v(\d+)$")
_PAGE = 200
# Beyond so many results of one query the API answers with errors: it says so itself.
_DEEPEST = 30_000
_ATOM = "{http://www.w3.org/2005/Atom}"
_OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
# No paper has one of these as its primary category: they have parts.
_ARCHIVES = {"cs", "econ", "eess", "math", "nlin", "physics", "q-bio", "q-fin", "stat"}
_FIRST_DAY = date(1991, 8, 1)


class Arxiv:
    """Papers of arXiv categories, newest first.

    arXiv asks for one request in three seconds, over one connection. Its library's client hides
    pages, so that only its query values and its reader of answers are used here.
    """

    name = "arxiv"
    seconds_between_requests = 3.0

    def __init__(self, settings: CollectingSettings) -> None:
        self._url = settings.arxiv_url
        _library()

    def begin(self, query: Query) -> Cursor:
        """The first category, all of its days."""
        wrong = [
            name for name in query.categories if not _CATEGORY.fullmatch(name) or name in _ARCHIVES
        ]
        if wrong or not query.categories:
            raise SettingError(
                f"No category of arXiv is spelled {', '.join(wrong) or 'like nothing'}.",
                remedy="Write them as cs.AI,cs.CL,math.ST: arxiv.org/category_taxonomy has all.",
            )
        since = query.since or _FIRST_DAY
        if query.until is None:
            raise SettingError("A harvest of arXiv has a last day.", remedy="Give --until.")
        return _cursor(0, [[since.isoformat(), query.until.isoformat()]])

    def request(self, query: Query, cursor: Cursor) -> Request:
        """One page of a category's papers of some days."""
        library = _library()
        since, until = (day.replace("-", "") for day in cursor["days"][0])
        search = library.Search(
            query=f"cat:{query.categories[cursor['category']]}"
            f" AND submittedDate:[{since}0000 TO {until}2359]",
            sort_by=library.SortCriterion.SubmittedDate,
            sort_order=library.SortOrder.Descending,
        )
        return Request(
            self._url,
            {
                "search_query": search.query,
                "sortBy": search.sort_by.value,
                "sortOrder": search.sort_order.value,
                "start": str(cursor["start"]),
                "max_results": str(_PAGE),
            },
        )

    def read(self, query: Query, cursor: Cursor, answer: bytes) -> Page:
        """The papers of a page whose primary category is the one asked for."""
        feed, start = _checked_feed(answer, cursor["start"]), cursor["start"]
        total, end = feed.header.total_results, start + len(feed.results)
        halves = _halves(cursor["days"][0]) if total > _DEEPEST and start == 0 else None
        if halves:
            return Page((), cursor | {"days": [*halves, *cursor["days"][1:]]}, None)
        papers = _papers(feed.results, query.categories[cursor["category"]])
        wanted = _wanted(query, cursor["category"])
        if wanted is not None:
            papers = papers[: wanted - cursor["taken"]]
        taken = cursor["taken"] + len(papers)
        is_full = wanted is not None and taken >= wanted
        # A total may shrink from page to page and grow again: the largest one counts.
        promised = max(total, cursor.get("promised", 0))
        if not is_full and start < end < promised:
            going_on = {"start": end, "taken": taken, "promised": promised}
            return Page(papers, cursor | going_on, total)
        return Page(papers, _next_slice(query, cursor, taken, is_full=is_full), total)

    def after_refusal(self, cursor: Cursor, answer: bytes) -> Cursor | None:
        """There is no way round a refusal."""
        del cursor, answer
        return None


def _library() -> Any:
    try:
        import arxiv  # noqa: PLC0415 (extra)
    except ImportError as error:
        raise MissingExtraError("Collecting from arXiv", extra="collect") from error
    return arxiv


def _checked_feed(answer: bytes, start: int) -> Any:
    """The library's reading of a page.

    Raises:
        BrokenAnswerError: It is cut short, empty where it should not be, or another page.
    """
    root = checked_xml(answer)
    if root.tag != f"{_ATOM}feed" or root.find(f"{_OPENSEARCH}totalResults") is None:
        raise BrokenAnswerError(f"no feed of arXiv ({text_of(root)[:100]})")
    try:
        feed = _library()._feed.parse(answer)  # noqa: SLF001 (its one function: bytes to results)
    except ValueError as error:
        raise BrokenAnswerError(f"an entry that can't be read ({error})") from error
    total, first = feed.header.total_results, feed.header.start_index
    # Behind a first page a total of 0 is as wrong as an empty page.
    if not feed.results and (start < total or total == 0 < start):
        raise BrokenAnswerError(f"an empty page at {start} of {total}")
    if feed.results and first != start:
        raise BrokenAnswerError(f"the page at {first} instead of that at {start}")
    return feed


def _cursor(category: int, days: list[list[str]], taken: int = 0) -> Cursor:
    return {"category": category, "days": days, "start": 0, "taken": taken}


def _wanted(query: Query, category: int) -> int | None:
    """Papers wanted of a category; a total is shared out alike, its rest to the first ones."""
    if query.per_category is not None or query.total is None:
        return query.per_category
    share, rest = divmod(query.total, len(query.categories))
    return share + (category < rest)


def _next_slice(query: Query, cursor: Cursor, taken: int, *, is_full: bool) -> Cursor | None:
    """The older days of this category, else the next category."""
    if not is_full and cursor["days"][1:]:
        return _cursor(cursor["category"], cursor["days"][1:], taken)
    category = cursor["category"] + 1
    if category == len(query.categories) or _wanted(query, category) == 0:
        return None
    since = (query.since or _FIRST_DAY).isoformat()
    until = query.until.isoformat() if query.until else since
    return _cursor(category, [[since, until]])


def _halves(days: list[str]) -> list[list[str]] | None:
    """A span of days in two, the newer first; None for a single day."""
    since, until = (date.fromisoformat(day) for day in days)
    if since == until:
        return None
    middle = since + (until - since) // 2
    later = middle + timedelta(days=1)
    return [[later.isoformat(), until.isoformat()], [since.isoformat(), middle.isoformat()]]


def _papers(results: list[Any], category: str) -> tuple[Paper, ...]:
    """The papers of a category, each in its newest version only."""
    newest: dict[str, Paper] = {}
    for result in results:
        if result.primary_category == category:
            paper = _paper(result)
            known = newest.setdefault(paper.arxiv_id, paper)
            if known.version < paper.version:
                newest[paper.arxiv_id] = paper
    return tuple(newest.values())


def _paper(result: Any) -> Paper:
    short_id = result.get_short_id()
    version = _VERSION.search(short_id)
    arxiv_id = bare_id("arxiv", short_id)
    return Paper(
        source="arxiv",
        source_id=arxiv_id,
        title=on_one_line(result.title),
        abstract=on_one_line(result.summary),
        authors=tuple(on_one_line(author.name) for author in result.authors),
        categories=tuple(result.categories),
        primary_category=result.primary_category,
        published=_moment(result.published),
        updated=_moment(result.updated),
        arxiv_id=arxiv_id,
        version=int(version[1]) if version else 1,
        doi=bare_id("doi", result.doi or ""),
        pdf_url=result.pdf_url or "",
        comment=on_one_line(result.comment),
        journal_reference=on_one_line(result.journal_ref),
    )


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
