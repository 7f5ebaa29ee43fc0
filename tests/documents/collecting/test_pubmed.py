"""PubMed's searches and pages: what is asked, what is read, where a harvest goes on."""

from dataclasses import replace
from datetime import date
from typing import Any

import orjson
import pytest
from tests.documents.standins.papers import made_up_papers
from tests.documents.standins.pubmed_xml import article_set

from classmark.documents import CollectingSettings, Query
from classmark.documents.collecting.pubmed import PubMed
from classmark.documents.collecting.source import BrokenAnswerError
from classmark.errors import SettingError

QUERY = Query(terms="asthma", since=date(2020, 2, 25), until=date(2020, 2, 28))
SOURCE = PubMed(CollectingSettings(ncbi_key="a key", email="ada@example.org"))
PAPERS = [paper for paper in made_up_papers(40) if paper.pmid]
DAYS = [["2020-02-25", "2020-02-28"]]


def found(count: int) -> bytes:
    return orjson.dumps(
        {"esearchresult": {"count": str(count), "webenv": "MCID_1", "querykey": "1"}}
    )


def at_page(start: int = 0, count: int = 500, taken: int = 0) -> dict[str, Any]:
    """A cursor that fetches."""
    searched: Any = SOURCE.read(QUERY, SOURCE.begin(QUERY), found(count)).cursor
    # As after a page that had less than was promised: that is read as it is.
    return {**searched, "start": start, "taken": taken, "short": True}


def test_a_search_names_query_days_and_us() -> None:
    request = SOURCE.request(QUERY, SOURCE.begin(QUERY))
    assert request.url.endswith("/esearch.fcgi")
    assert request.parameters.items() >= {
        ("db", "pubmed"),
        ("term", "asthma"),
        ("usehistory", "y"),
        ("mindate", "2020/02/25"),
        ("maxdate", "2020/02/28"),
        ("tool", "classmark"),
        ("email", "ada@example.org"),
        ("api_key", "a key"),
    }


def test_nothing_is_told_of_us_that_is_not_set() -> None:
    request = PubMed(CollectingSettings()).request(QUERY, SOURCE.begin(QUERY))
    assert {"email", "api_key"}.isdisjoint(request.parameters)


def test_a_page_is_fetched_from_the_history_server() -> None:
    request = SOURCE.request(QUERY, at_page(200))
    assert request.url.endswith("/efetch.fcgi")
    assert request.parameters.items() >= {
        ("WebEnv", "MCID_1"),
        ("query_key", "1"),
        ("retstart", "200"),
        ("retmode", "xml"),
    }


def test_a_cursor_holds_no_key() -> None:
    assert "a key" not in str([SOURCE.begin(QUERY), at_page()])


def test_10_000_hits_are_cut_into_halves_down_to_a_day() -> None:
    cursor: Any = SOURCE.begin(QUERY)
    days = []
    for _ in range(2):
        cursor = SOURCE.read(QUERY, cursor, found(10_000)).cursor
        days.append(cursor["days"])
    assert days[0] == [["2020-02-27", "2020-02-28"], ["2020-02-25", "2020-02-26"]]
    assert days[1][0] == ["2020-02-28", "2020-02-28"]
    # A day is not cut: what can be had of it is fetched.
    cursor = SOURCE.read(QUERY, cursor, found(10_000)).cursor
    assert (cursor["days"], cursor["count"]) == (days[1], 9_999)


def test_9_999_hits_are_fetched() -> None:
    cursor: Any = SOURCE.read(QUERY, SOURCE.begin(QUERY), found(9_999)).cursor
    assert (cursor["days"], cursor["count"]) == (DAYS, 9_999)


def test_no_hits_are_the_end() -> None:
    page = SOURCE.read(QUERY, SOURCE.begin(QUERY), found(0))
    assert (page.papers, page.cursor, page.total) == ((), None, 0)


def test_the_page_after_the_last_is_none() -> None:
    page = SOURCE.read(QUERY, at_page(400), article_set(PAPERS))
    assert len(page.papers) == len(PAPERS)
    assert page.cursor is None


def test_a_page_with_less_than_was_promised_is_asked_for_once_more() -> None:
    cursor = at_page() | {"short": False}
    again = SOURCE.read(QUERY, cursor, article_set(PAPERS))
    assert (again.papers, again.cursor) == ((), cursor | {"short": True})
    taken = SOURCE.read(QUERY, again.cursor or {}, article_set(PAPERS))
    assert len(taken.papers) == len(PAPERS)
    assert taken.cursor is not None
    assert (taken.cursor["start"], taken.cursor["short"]) == (200, False)


def test_a_total_is_kept_exactly() -> None:
    query = replace(QUERY, total=7)
    page = SOURCE.read(query, at_page(taken=4), article_set(PAPERS))
    assert (len(page.papers), page.cursor) == (3, None)


def test_a_page_that_comes_once_more_is_broken() -> None:
    following: Any = SOURCE.read(QUERY, at_page(), article_set(PAPERS)).cursor
    following |= {"short": True}
    with pytest.raises(BrokenAnswerError, match="once more"):
        SOURCE.read(QUERY, following, article_set(PAPERS))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{}",
        b'{"esearchresult": {"ERROR": "down"}}',
        b'{"esearchresult": {"count": "many", "webenv": "", "querykey": ""}}',
        found(3)[:-4],
        b"<html>",
    ],
)
def test_what_is_no_search_result_is_broken(answer: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        SOURCE.read(QUERY, SOURCE.begin(QUERY), answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        article_set([]),
        article_set(PAPERS)[:-30],
        b"<eFetchResult><ERROR>Out of order</ERROR></eFetchResult>",
    ],
)
def test_what_is_no_page_is_broken(answer: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        SOURCE.read(QUERY, at_page(), answer)


def test_a_search_that_was_forgotten_is_made_again_for_the_same_page() -> None:
    forgotten = b"<eFetchResult><ERROR>Unable to obtain query #1</ERROR></eFetchResult>"
    cursor = at_page(200, taken=190)
    for again in (
        SOURCE.after_refusal(cursor, forgotten),
        SOURCE.read(QUERY, cursor, forgotten).cursor,
    ):
        assert again is not None
        assert (again["history"], again["start"], again["taken"]) == (None, 200, 190)


def test_a_search_that_is_refused_is_not_made_again() -> None:
    assert SOURCE.after_refusal(SOURCE.begin(QUERY), b"no") is None


def test_a_query_of_blanks_is_refused() -> None:
    with pytest.raises(SettingError, match="query"):
        SOURCE.begin(replace(QUERY, terms=" "))
