"""arXiv's pages: what is asked, what is read, where a harvest goes on."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.documents.standins.answer import Twist
from tests.documents.standins.arxiv_feed import ArxivFeed
from tests.documents.standins.papers import KnownPaper

from classmark.documents import CollectingSettings, Query
from classmark.documents.collecting.arxiv import DEFAULT_CATEGORIES, Arxiv
from classmark.documents.collecting.source import BrokenAnswerError, Page
from classmark.errors import SettingError

QUERY = Query(categories=("cs.AI", "cs.DB"), until=date(2020, 2, 28))
SOURCE = Arxiv(CollectingSettings())
PAPER = KnownPaper(
    number=1,
    title="A title that is long enough to be broken into lines by those who <print> it & others",
    abstract="An abstract with Öz, 1 < 2 and two  spaces.",
    authors=(("Élodie", "D'Arcy"), ("Bo", "Abe")),
    categories=("cs.AI", "cs.LG"),
    published=datetime(2019, 5, 6, 7, 8, 9, tzinfo=UTC),
    updated=datetime(2019, 6, 7, 8, 9, 10, tzinfo=UTC),
    arxiv_id="1905.00001",
    versions=(3,),
    pmid=None,
    paper_id=None,
    doi="10.5555/StandIn.1",
    comment="9 pages",
    journal="J. Stand. 1 (2019) 2",
)


def answered(papers: list[KnownPaper], cursor: dict[str, Any], query: Query = QUERY) -> bytes:
    """What the stand-in answers at a cursor."""
    return ArxivFeed(papers).query(SOURCE.request(query, cursor).parameters, Twist()).body


def page_of(papers: list[KnownPaper], query: Query = QUERY) -> Page:
    cursor = SOURCE.begin(query)
    return SOURCE.read(query, cursor, answered(papers, cursor, query))


def test_every_field_of_a_paper_is_read() -> None:
    (paper,) = page_of([PAPER]).papers
    assert paper.as_record() == {
        "source": "arxiv",
        "source_id": "1905.00001",
        "title": PAPER.title,
        "abstract": "An abstract with Öz, 1 < 2 and two spaces.",
        "authors": ("Élodie D'Arcy", "Bo Abe"),
        "categories": ("cs.AI", "cs.LG"),
        "primary_category": "cs.AI",
        "published": "2019-05-06T07:08:09Z",
        "updated": "2019-06-07T08:09:10Z",
        "arxiv_id": "1905.00001",
        "version": 3,
        "doi": "10.5555/standin.1",
        "pdf_url": "https://arxiv.org/pdf/1905.00001v3",
        "comment": "9 pages",
        "journal_reference": "J. Stand. 1 (2019) 2",
    }


def test_an_id_of_before_2007_is_read() -> None:
    (paper,) = page_of([replace(PAPER, arxiv_id="cs/0201082", versions=(2,))]).papers
    assert (paper.arxiv_id, paper.version) == ("cs/0201082", 2)


def test_a_paper_counts_for_its_primary_category_alone() -> None:
    listed = [replace(PAPER, categories=("cs.LG", "cs.AI")), PAPER]
    assert [paper.primary_category for paper in page_of(listed).papers] == ["cs.AI"]


def test_of_two_versions_on_a_page_the_newest_is_read() -> None:
    (paper,) = page_of([replace(PAPER, versions=(1, 2))]).papers
    assert paper.version == 2


def test_a_request_names_category_days_order_and_page() -> None:
    query = replace(QUERY, since=date(2019, 1, 2))
    request = SOURCE.request(query, SOURCE.begin(query) | {"start": 400})
    assert request.parameters["search_query"] == (
        "cat:cs.AI AND submittedDate:[201901020000 TO 202002282359]"
    )
    assert request.parameters["start"] == "400"
    assert (request.parameters["sortBy"], request.parameters["sortOrder"]) == (
        "submittedDate",
        "descending",
    )
    assert request.headers == {}


def test_the_next_category_follows_the_last_page_of_one() -> None:
    cursor = page_of([PAPER]).cursor
    assert cursor is not None
    assert SOURCE.request(QUERY, cursor).parameters["search_query"].startswith("cat:cs.DB ")
    assert SOURCE.read(QUERY, cursor, answered([PAPER], cursor)).cursor is None


def feed(total: int, start: int, entries: str = "") -> bytes:
    return f"""<feed xmlns="http://www.w3.org/2005/Atom"
        xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">
        <opensearch:totalResults>{total}</opensearch:totalResults>
        <opensearch:startIndex>{start}</opensearch:startIndex>{entries}</feed>""".encode()


def test_more_than_30_000_papers_are_cut_into_halves_down_to_a_day() -> None:
    query = replace(QUERY, since=date(2020, 2, 25), categories=("cs.AI",))
    cursor: Any = SOURCE.begin(query)
    seen = []
    for _ in range(3):
        cursor = SOURCE.read(query, cursor, feed(30_001, 0, ENTRY)).cursor
        seen.append(cursor["days"])
    assert seen[0] == [["2020-02-27", "2020-02-28"], ["2020-02-25", "2020-02-26"]]
    assert seen[1][:2] == [["2020-02-28", "2020-02-28"], ["2020-02-27", "2020-02-27"]]
    # A day is not cut: its pages come one by one.
    assert (seen[2], cursor["start"]) == (seen[1], 1)


ENTRY = """<entry><id>http://arxiv.org/abs/2002.00001v1</id><title>T</title>
<updated>2020-02-25T00:00:00Z</updated><published>2020-02-25T00:00:00Z</published></entry>"""


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        (0, feed(5, 0)),
        (200, feed(500, 200)),
        (200, feed(0, 0)),
        (200, feed(500, 0, ENTRY)),
        (0, feed(1, 0, ENTRY.replace("2020-02-25T", "yesterday"))),
        (0, feed(1, 0, ENTRY)[:-9]),
        (0, b""),
        (0, b"<html><body>Rate exceeded."),
    ],
)
def test_what_can_t_be_the_page_is_broken(start: int, answer: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        SOURCE.read(QUERY, SOURCE.begin(QUERY) | {"start": start}, answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html><body>Rate exceeded.</body></html>",
        b'<feed xmlns="http://www.w3.org/2005/Atom"/>',
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><feed>&b;</feed>",
    ],
)
def test_what_is_no_feed_is_broken(answer: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        SOURCE.read(QUERY, SOURCE.begin(QUERY), answer)


def test_a_query_that_finds_nothing_is_no_broken_answer() -> None:
    page = page_of([])
    assert (page.papers, page.total) == ((), 0)


@pytest.mark.parametrize(
    "wrong", ["csAI", "cs.AI OR all:x", "CS.AI", "", "cs.", "cs.AI)", "cs", "math"]
)
def test_a_category_that_can_t_be_one_is_refused(wrong: str) -> None:
    with pytest.raises(SettingError, match="category"):
        SOURCE.begin(replace(QUERY, categories=("cs.AI", wrong)))


@pytest.mark.parametrize("right", [*DEFAULT_CATEGORIES, "math.ST", "hep-th", "q-bio.PE", "gr-qc"])
def test_a_category_of_arxiv_is_taken(right: str) -> None:
    assert SOURCE.begin(replace(QUERY, categories=(right,)))["category"] == 0
