"""Semantic Scholar's pages: what is asked, what is read, where a harvest goes on."""

from dataclasses import replace
from datetime import date
from typing import Any

import orjson
import pytest

from classmark.documents import CollectingSettings, Query
from classmark.documents.collecting.semantic_scholar import SemanticScholar
from classmark.documents.collecting.source import BrokenAnswerError
from classmark.errors import SettingError

QUERY = Query(terms="text classification")
SOURCE = SemanticScholar(CollectingSettings(semantic_scholar_key="a key"))
ROW = {
    "paperId": "f" * 40,
    "externalIds": {"DOI": "10.5555/ABC", "ArXiv": "1905.00001", "PubMed": "7", "CorpusId": 3},
    "title": "A\n title",
    "abstract": "An abstract.",
    "authors": [{"authorId": "1", "name": "Ada Öz"}, {"authorId": None, "name": "Bo Abe"}],
    "year": 2019,
    "publicationDate": "2019-05-06",
    "venue": "Journal",
    "fieldsOfStudy": ["Computer Science", "Mathematics"],
    "citationCount": 0,
    "openAccessPdf": {"url": "https://example.org/a.pdf", "status": "GREEN"},
}
BARE = dict.fromkeys(ROW) | {"paperId": "e" * 40, "title": "Bare", "year": 2018}


def answer(*rows: Any, total: int | None = None, following: str | None = None) -> bytes:
    many = len(rows) if total is None else total
    return orjson.dumps({"total": many, "token": following, "data": rows})


def read(given: bytes, query: Query = QUERY, **at: Any) -> Any:
    return SOURCE.read(query, SOURCE.begin(query) | at, given)


def test_every_field_of_a_paper_is_read() -> None:
    (paper,) = read(answer(ROW)).papers
    assert paper.as_record() == {
        "source": "semantic-scholar",
        "source_id": "f" * 40,
        "title": "A title",
        "abstract": "An abstract.",
        "authors": ("Ada Öz", "Bo Abe"),
        "categories": ("Computer Science", "Mathematics"),
        "primary_category": "Computer Science",
        "published": "2019-05-06",
        "arxiv_id": "1905.00001",
        "version": 0,
        "doi": "10.5555/abc",
        "pmid": "7",
        "pdf_url": "https://example.org/a.pdf",
        "journal_reference": "Journal",
        "citation_count": 0,
    }


def test_what_is_null_is_left_empty() -> None:
    (paper,) = read(answer(BARE)).papers
    assert (paper.published, paper.abstract, paper.authors) == ("2018", "", ())
    assert paper.citation_count is None


def test_a_paper_without_title_is_left_out() -> None:
    assert read(answer(BARE | {"title": None}, ROW)).papers[0].source_id == ROW["paperId"]


def test_the_token_leads_to_the_next_page_and_its_lack_is_the_end() -> None:
    page = read(answer(ROW, total=2, following="next"))
    assert ("token", "next") in SOURCE.request(QUERY, page.cursor).parameters.items()
    assert read(answer(BARE, total=2), **page.cursor).cursor is None


def test_a_total_is_kept_exactly() -> None:
    page = read(answer(ROW, BARE, total=9, following="next"), replace(QUERY, total=1))
    assert (len(page.papers), page.cursor) == (1, None)


def test_the_key_is_in_the_header_and_nowhere_else() -> None:
    request = SOURCE.request(QUERY, SOURCE.begin(QUERY))
    assert request.headers == {"x-api-key": "a key"}
    assert "a key" not in str([request.parameters, request.url])
    without = SemanticScholar(CollectingSettings())
    assert without.request(QUERY, without.begin(QUERY)).headers == {}


@pytest.mark.parametrize(
    ("since", "until", "asked"),
    [
        (date(2019, 1, 2), date(2020, 3, 4), "2019-01-02:2020-03-04"),
        (date(2019, 1, 2), None, "2019-01-02:"),
        (None, date(2020, 3, 4), ":2020-03-04"),
    ],
)
def test_days_are_asked_for(since: date | None, until: date | None, asked: str) -> None:
    query = replace(QUERY, since=since, until=until)
    parameters = SOURCE.request(query, SOURCE.begin(query)).parameters
    assert parameters["publicationDateOrYear"] == asked


def test_rows_without_id_or_title_are_left_out() -> None:
    rows = ({"title": "without id"}, {"title": "none", "paperId": None}, {"paperId": "1"})
    assert len(read(answer(ROW, *rows)).papers) == 1


def test_halves_of_characters_are_replaced() -> None:
    given = answer(ROW).replace(b'"abstract":"', b'"abstract":"\\ud800 ')
    assert b"ud800" in given
    (paper,) = read(given).papers
    assert paper.abstract.startswith("? ")


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        answer(ROW)[:-5],
        answer(total=5),
        answer(total=5, following="next"),
        orjson.dumps({"total": None, "token": None, "data": []}),
        answer("no row"),
        orjson.dumps({"total": 1, "token": None, "data": None}),
    ],
)
def test_what_can_t_be_a_page_is_broken(given: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        read(given)


def test_a_query_that_finds_nothing_is_no_broken_answer() -> None:
    page = read(answer())
    assert (page.papers, page.cursor, page.total) == ((), None, 0)


def test_a_query_of_blanks_is_refused() -> None:
    with pytest.raises(SettingError, match="query"):
        SOURCE.begin(Query(terms="  "))
