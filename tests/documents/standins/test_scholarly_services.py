"""The stand-ins answer as the services do; what is tested on them would else prove nothing."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import arxiv
import httpx
import pytest
from tests.documents.standins.arxiv_feed import QueryError, parsed_query
from tests.documents.standins.papers import made_up_papers
from tests.documents.standins.running import StandIns, running_stand_ins

KNOWN = 400
PAPERS = list(made_up_papers(KNOWN))


@pytest.fixture(scope="module")
def all_stand_ins() -> Iterator[StandIns]:
    with running_stand_ins(KNOWN) as running:
        yield running


@pytest.fixture
def stand_ins(all_stand_ins: StandIns) -> StandIns:
    all_stand_ins.reset()
    return all_stand_ins


def ask(stand_ins: StandIns, path: str, **parameters: Any) -> httpx.Response:
    return httpx.get(f"{stand_ins.url}{path}", params=parameters, timeout=10)


def test_the_arxiv_library_itself_reads_every_page(stand_ins: StandIns) -> None:
    client = arxiv.Client(page_size=50, delay_seconds=0.0)
    client.query_url_format = f"{stand_ins.url}/api/query?{{}}"
    results = list(client.results(arxiv.Search("cat:cs.AI OR cat:cs.DB", max_results=None)))
    listed = [p for p in PAPERS if p.arxiv_id and {"cs.AI", "cs.DB"} & set(p.categories)]
    expected = [f"{p.arxiv_id}v{version}" for p in listed for version in p.versions]
    assert sorted(result.get_short_id() for result in results) == sorted(expected)


@pytest.mark.parametrize(
    ("query", "meets"),
    [
        ("cat:cs.AI", lambda p: "cs.AI" in p.categories),
        ("cat:cs.*", lambda _: True),
        ("cat:cs.AI AND cat:cs.LG", lambda p: {"cs.AI", "cs.LG"} <= set(p.categories)),
        ("cat:cs.AI ANDNOT cat:cs.LG", lambda p: "cs.AI" in p.categories != "cs.LG"),
        ("submittedDate:[201501020000 TO 201501032359]", lambda p: p.published.day in {2, 3}),
    ],
)
def test_arxiv_queries_mean_what_they_mean_there(query: str, meets: Any) -> None:
    january = PAPERS[:400]
    found = [p for p in january if parsed_query(query)(p)]
    assert found
    if "ANDNOT" in query:
        assert all("cs.LG" not in p.categories and "cs.AI" in p.categories for p in found)
    else:
        assert found == [p for p in january if meets(p)]


@pytest.mark.parametrize("wrong", ["", "cat:", "(cat:cs.AI", "cat:cs.AI OR", "nosuch:x", "cs.AI"])
def test_a_wrong_arxiv_query_is_refused_as_there(wrong: str, stand_ins: StandIns) -> None:
    with pytest.raises(QueryError):
        parsed_query(wrong)
    answer = ask(stand_ins, "/api/query", search_query=wrong)
    assert answer.status_code == 400
    assert "<title>Error</title>" in answer.text


def test_arxiv_goes_no_deeper_than_30_000(stand_ins: StandIns) -> None:
    answer = ask(stand_ins, "/api/query", search_query="cat:cs.AI", start=30_001)
    assert answer.status_code == 500


def test_pubmed_s_history_expires(stand_ins: StandIns) -> None:
    search = ask(
        stand_ins, "/entrez/eutils/esearch.fcgi", term="the", usehistory="y", retmode="json"
    ).json()["esearchresult"]
    fetch = {"WebEnv": search["webenv"], "query_key": search["querykey"], "retmax": 50}
    answer = ask(stand_ins, "/entrez/eutils/efetch.fcgi", **fetch)
    assert len(ET.fromstring(answer.content)) == 50  # noqa: S314 (our own)
    stand_ins.demand({"service": "pubmed", "kind": "expired"})
    answer = ask(stand_ins, "/entrez/eutils/efetch.fcgi", **fetch)
    assert (answer.status_code, "<ERROR>Unable to obtain" in answer.text) == (400, True)


def test_semantic_scholar_s_tokens_lead_through_all_papers() -> None:
    with running_stand_ins(2_100) as many:
        ids, token, pages = set[str](), "", 0
        while pages == 0 or token:
            parameters = {"query": "the", "fields": "title"} | ({"token": token} if token else {})
            told = ask(many, "/graph/v1/paper/search/bulk", **parameters).json()
            ids |= {row["paperId"] for row in told["data"]}
            token, pages = told["token"], pages + 1
    assert (len(ids), pages) == (told["total"], 2)


def test_a_cut_answer_breaks_in_the_middle(stand_ins: StandIns) -> None:
    stand_ins.demand({"service": "arxiv", "kind": "cut"})
    with pytest.raises(httpx.RemoteProtocolError):
        ask(stand_ins, "/api/query", search_query="cat:cs.AI")
    assert ask(stand_ins, "/api/query", search_query="cat:cs.AI").status_code == 200
    assert [one["answered"] for one in stand_ins.requests("arxiv")] == [0, 200]


def test_a_fault_meets_the_requests_that_it_is_for(stand_ins: StandIns) -> None:
    stand_ins.demand(
        {"service": "arxiv", "kind": "status", "status": 429, "retry_after": "1", "on_request": 2}
    )
    answers = [ask(stand_ins, "/api/query", search_query="cat:cs.AI") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 429, 200]
    assert answers[1].headers["Retry-After"] == "1"
    assert ask(stand_ins, "/graph/v1/paper/search/bulk", query="the").status_code == 200
