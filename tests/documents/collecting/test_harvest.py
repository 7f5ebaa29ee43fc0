"""Harvests from the stand-ins: whole, each page once, and kept whatever breaks."""

import gzip
import itertools
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date
from typing import Any

import orjson
import pytest
from tests.documents.collecting.conftest import NOW, Collecting, HandClock, Open
from tests.documents.standins.answer import WRONG_KEY
from tests.documents.standins.papers import KnownPaper, made_up_papers
from tests.documents.standins.running import StandIns, running_stand_ins

from classmark.documents import CollectingSettings, Collector, Query
from classmark.documents.collecting.pace import pace_of
from classmark.errors import ConflictError, SettingError, SourceUnavailableError
from classmark.progress import Silent

CATEGORIES = ("cs.AI", "cs.CV")
ARXIV = Query(categories=CATEGORIES)
# A word of nearly all abstracts: several pages of each service.
WORD = Query(terms="the")
QUERIES = {"arxiv": ARXIV, "pubmed": WORD, "semantic-scholar": WORD}
PAGES = {"arxiv": "query", "pubmed": "efetch.fcgi", "semantic-scholar": "bulk"}


def expected(known: list[KnownPaper], source: str) -> list[str]:
    """The ids that a harvest of QUERIES has."""
    if source == "arxiv":
        found = (p.arxiv_id for p in known if p.arxiv_id and p.categories[0] in CATEGORIES)
        return sorted(map(str, found))
    word = QUERIES[source].terms
    if source == "pubmed":
        return sorted(p.pmid for p in known if p.pmid and word in p.words)
    return sorted(p.paper_id for p in known if p.paper_id and word in p.words)


def asked_places(requests: list[dict[str, Any]]) -> Counter[str]:
    """How often each page was asked for; WebEnv names no page."""
    return Counter(
        str(sorted((k, v) for k, v in one["parameters"].items() if k != "WebEnv"))
        for one in requests
    )


@pytest.mark.parametrize("source", QUERIES)
def test_a_harvest_has_every_paper_and_asks_for_each_page_once(
    source: str, collecting: Collecting, stand_ins: StandIns, known: list[KnownPaper]
) -> None:
    harvest = collecting.collect(source, QUERIES[source])
    assert collecting.ids(harvest) == expected(known, source)
    assert harvest.cursor is None
    requests = stand_ins.requests(source)
    assert len(requests) == harvest.pages
    pages = [one for one in requests if one["path"].endswith(PAGES[source])]
    assert len(pages) >= 2
    assert max(asked_places(pages).values()) == 1
    assert {one["beside"] for one in requests} == {0}


@pytest.mark.parametrize("source", QUERIES)
def test_a_finished_harvest_fetches_nothing(
    source: str, collecting: Collecting, stand_ins: StandIns
) -> None:
    first = collecting.collect(source, QUERIES[source])
    stand_ins.reset()
    again = collecting.collect(source, QUERIES[source])
    assert again == first
    assert stand_ins.requests() == []


MENDED = [
    {"kind": "status", "status": 503, "times": 3},
    {"kind": "status", "status": 500, "times": 1},
    {"kind": "status", "status": 429, "retry_after": "7", "times": 2},
    {"kind": "cut", "times": 2},
    {"kind": "empty", "times": 2},
    {"kind": "malformed", "times": 2},
    {"kind": "short", "times": 2},
    {"kind": "garbled", "times": 1},
    {"kind": "duplicate", "times": 1},
]


@pytest.mark.parametrize("source", QUERIES)
@pytest.mark.parametrize("fault", MENDED, ids=lambda fault: f"{fault['kind']}-{fault['times']}")
def test_a_fault_in_the_middle_loses_nothing(
    source: str,
    fault: dict[str, Any],
    collecting: Collecting,
    stand_ins: StandIns,
    known: list[KnownPaper],
) -> None:
    stand_ins.demand({"service": source, "path": PAGES[source], "on_request": 2, **fault})
    harvest = collecting.collect(source, QUERIES[source])
    met = [one["fault"] for one in stand_ins.requests() if one["fault"]]
    assert met == [fault["kind"]] * fault["times"]
    assert collecting.ids(harvest) == expected(known, source)


@pytest.mark.parametrize("source", QUERIES)
def test_an_answer_that_comes_too_late_is_asked_for_again_with_more_time(
    source: str, open_home: Open, stand_ins: StandIns, known: list[KnownPaper]
) -> None:
    late = {"service": source, "kind": "slow", "seconds": 0.7, "on_request": 2, "times": 2}
    stand_ins.demand(late | {"path": PAGES[source]})
    collecting = open_home(timeout_seconds=0.5)
    harvest = collecting.collect(source, QUERIES[source])
    assert collecting.ids(harvest) == expected(known, source)


@pytest.mark.parametrize("by", [-500, -1, 1, 500])
@pytest.mark.parametrize("source", ["arxiv", "semantic-scholar"])
def test_totals_that_change_between_pages_lose_nothing(
    source: str, by: int, collecting: Collecting, stand_ins: StandIns, known: list[KnownPaper]
) -> None:
    stand_ins.demand(
        {"service": source, "kind": "totals", "by": by, "on_request": 2, "times": 1},
    )
    harvest = collecting.collect(source, QUERIES[source])
    assert collecting.ids(harvest) == expected(known, source)


def test_a_search_that_counts_too_many_ends_all_the_same(
    collecting: Collecting, stand_ins: StandIns, known: list[KnownPaper]
) -> None:
    stand_ins.demand({"service": "pubmed", "kind": "totals", "by": 700})
    harvest = collecting.collect("pubmed", WORD)
    assert collecting.ids(harvest) == expected(known, "pubmed")


def test_an_arxiv_page_that_says_that_nothing_was_found_is_asked_for_again(
    collecting: Collecting, stand_ins: StandIns, known: list[KnownPaper]
) -> None:
    nothing = (
        '<feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
        "<opensearch:totalResults>0</opensearch:totalResults></feed>"
    )
    fault = {"service": "arxiv", "kind": "status", "status": 200, "body": nothing}
    stand_ins.demand(fault | {"on_request": 2})
    harvest = collecting.collect("arxiv", ARXIV)
    assert collecting.ids(harvest) == expected(known, "arxiv")


@pytest.mark.parametrize("source", QUERIES)
@pytest.mark.parametrize(
    "fault",
    [{"kind": "status", "status": 503}, {"kind": "cut"}, {"kind": "empty"}, {"kind": "short"}],
    ids=lambda fault: str(fault["kind"]),
)
def test_a_fault_that_stays_keeps_what_came_and_the_same_command_goes_on(
    source: str,
    fault: dict[str, Any],
    collecting: Collecting,
    stand_ins: StandIns,
    known: list[KnownPaper],
) -> None:
    stays = {"service": source, "path": PAGES[source], "on_request": 2, "times": 4}
    stand_ins.demand(stays | fault)
    with pytest.raises(SourceUnavailableError, match="4 tries") as told:
        collecting.collect(source, QUERIES[source])
    kept = collecting.begun(source, QUERIES[source])
    assert kept.papers > 0
    assert f"{kept.papers:,} papers" in told.value.message
    assert "same command" in told.value.remedy
    before = stand_ins.requests(source, PAGES[source])
    assert len(before) == 1 + 4
    stand_ins.reset()
    harvest = collecting.collect(source, QUERIES[source])
    assert collecting.ids(harvest) == expected(known, source)
    assert asked_places(before[:1]).keys().isdisjoint(asked_places(stand_ins.requests(source)))


def test_what_is_broken_off_goes_on_at_the_page_that_was_in_flight(
    collecting: Collecting, stand_ins: StandIns, known: list[KnownPaper]
) -> None:
    class Killed(Silent):
        def track(
            self, items: Any, doing: str, total: int | None = None, note: Any = None
        ) -> Iterator[Any]:
            yield from itertools.islice(super().track(items, doing, total, note), 2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collecting.collector.collect(collecting.source("arxiv"), ARXIV, Killed())
    harvest = collecting.collect("arxiv", ARXIV)
    assert collecting.ids(harvest) == expected(known, "arxiv")
    assert max(asked_places(stand_ins.requests()).values()) == 1


# What can't be mended by asking again


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("source", QUERIES)
def test_a_refusal_is_an_error_at_once_that_names_query_and_answer(
    source: str, status: int, collecting: Collecting, stand_ins: StandIns
) -> None:
    stand_ins.demand(
        {"service": source, "kind": "status", "status": status, "body": "no such thing"}
    )
    with pytest.raises(SettingError, match=f"{status}.*no such thing") as told:
        collecting.collect(source, QUERIES[source])
    asked = "cat:cs.AI" if source == "arxiv" else QUERIES[source].terms
    assert asked in told.value.message
    assert len(stand_ins.requests()) == 1


@pytest.mark.parametrize("source", ["pubmed", "semantic-scholar"])
def test_a_key_is_sent_and_neither_told_nor_stored(
    source: str, open_home: Open, stand_ins: StandIns
) -> None:
    collecting = open_home(ncbi_key=WRONG_KEY, semantic_scholar_key=WRONG_KEY)
    with pytest.raises(SettingError) as told:
        collecting.collect(source, QUERIES[source])
    (asked,) = stand_ins.requests()
    assert WRONG_KEY in str([asked["parameters"], asked["headers"]])
    assert WRONG_KEY not in str(told.value)
    collecting = open_home(ncbi_key="right", semantic_scholar_key="right")
    harvest = collecting.collect(source, QUERIES[source])
    answers = b"".join(collecting.store.answers(harvest))
    assert "right" not in str([harvest.query, harvest.name])
    assert b"api_key" not in answers
    assert all(
        "right" in [*one["parameters"].values(), *one["headers"].values()]
        for one in stand_ins.requests()[1:]
    )


def test_a_source_that_is_not_there_is_unavailable(open_home: Open) -> None:
    collecting = open_home(arxiv_url="http://127.0.0.1:9/api/query")
    with pytest.raises(SourceUnavailableError, match="0 papers"):
        collecting.collect("arxiv", ARXIV)


def test_two_harvests_of_one_source_do_not_run_at_once(
    collecting: Collecting, stand_ins: StandIns, hand_clock: HandClock
) -> None:
    with (
        pace_of(collecting.folder / "raw", "arxiv", 0, hand_clock.clock),
        pytest.raises(ConflictError, match="arxiv"),
    ):
        collecting.collect("arxiv", ARXIV)
    assert stand_ins.requests() == []


# PubMed's history server


@pytest.mark.parametrize("on_request", [1, 2])
def test_an_expired_search_is_made_again_and_goes_on_at_its_page(
    on_request: int, collecting: Collecting, stand_ins: StandIns, known: list[KnownPaper]
) -> None:
    stand_ins.demand(
        {"service": "pubmed", "path": "efetch.fcgi", "kind": "expired", "on_request": on_request}
    )
    harvest = collecting.collect("pubmed", WORD)
    assert collecting.ids(harvest) == expected(known, "pubmed")
    assert len(stand_ins.requests("pubmed", "esearch.fcgi")) == 2
    fetched = [one for one in stand_ins.requests("pubmed", "efetch.fcgi") if not one["fault"]]
    assert max(asked_places(fetched).values()) == 1


def test_a_search_that_expired_while_we_were_away_is_made_again(
    collecting: Collecting, stand_ins: StandIns, known: list[KnownPaper]
) -> None:
    stand_ins.demand(
        {"service": "pubmed", "path": "efetch.fcgi", "kind": "cut", "on_request": 2, "times": 4}
    )
    with pytest.raises(SourceUnavailableError):
        collecting.collect("pubmed", WORD)
    stand_ins.reset()
    harvest = collecting.collect("pubmed", WORD)
    assert collecting.ids(harvest) == expected(known, "pubmed")


def test_a_search_that_expires_whenever_it_is_made_is_given_up(
    collecting: Collecting, stand_ins: StandIns
) -> None:
    stand_ins.demand(
        {"service": "pubmed", "path": "efetch.fcgi", "kind": "expired", "times": 1_000}
    )
    with pytest.raises((SettingError, SourceUnavailableError)):
        collecting.collect("pubmed", WORD)
    assert len(stand_ins.requests()) < 20


@pytest.mark.slow
def test_a_search_of_10_000_papers_is_cut_into_shorter_times(open_home: Open) -> None:
    with running_stand_ins(26_000) as many:
        collecting = open_home(pubmed_url=f"{many.url}/entrez/eutils")
        harvest = collecting.collect("pubmed", Query(terms="e"))
        searches = many.requests("pubmed", "esearch.fcgi")
    ids = sorted(p.pmid for p in made_up_papers(26_000) if p.pmid)
    assert len(ids) > 10_000
    assert collecting.ids(harvest) == ids
    assert len(searches) > 2


# arXiv's categories, versions and deep pages


def test_a_balanced_harvest_has_as_many_papers_of_each_category(
    collecting: Collecting, known: list[KnownPaper]
) -> None:
    harvest = collecting.collect(
        "arxiv", Query(categories=("cs.AI", "cs.DB", "cs.RO"), per_category=37)
    )
    papers = list(collecting.store.papers(harvest))
    assert Counter(paper.primary_category for paper in papers) == {
        "cs.AI": 37,
        "cs.DB": 37,
        "cs.RO": 37,
    }
    newest = [p.arxiv_id for p in known if p.arxiv_id and p.categories[0] == "cs.AI"][-37:]
    assert sorted(p.arxiv_id for p in papers if p.primary_category == "cs.AI") == sorted(
        map(str, newest)
    )


@pytest.mark.parametrize("total", [2, 10, 25, 300])
def test_a_total_is_kept_exactly_and_shared_out_alike(total: int, collecting: Collecting) -> None:
    categories = ("cs.AI", "cs.CL", "cs.DB")
    harvest = collecting.collect("arxiv", Query(categories=categories, total=total))
    counts = Counter(paper.primary_category for paper in collecting.store.papers(harvest))
    assert counts.total() == harvest.papers == total
    assert max(counts.values()) - min(counts[name] for name in categories) <= 1


@pytest.mark.parametrize("source", ["pubmed", "semantic-scholar"])
def test_a_total_ends_a_search(source: str, collecting: Collecting, stand_ins: StandIns) -> None:
    query = Query(terms=QUERIES[source].terms, total=30)
    assert collecting.collect(source, query).papers == 30
    assert len(stand_ins.requests(source, PAGES[source])) == 1


def test_of_several_versions_the_newest_is_kept(
    collecting: Collecting, known: list[KnownPaper]
) -> None:
    harvest = collecting.collect("arxiv", ARXIV)
    found = {paper.arxiv_id: paper for paper in collecting.store.papers(harvest)}
    twofold = [p for p in known if p.versions == (1, 2) and p.arxiv_id in found]
    for paper in twofold:
        kept = found[str(paper.arxiv_id)]
        assert (kept.version, kept.updated) == (2, f"{paper.updated:%Y-%m-%dT%H:%M:%SZ}")


def test_a_category_of_more_than_30_000_papers_is_cut_by_days(
    collecting: Collecting, stand_ins: StandIns, known: list[KnownPaper]
) -> None:
    stand_ins.demand({"service": "arxiv", "kind": "totals", "by": 30_000, "times": 3})
    harvest = collecting.collect("arxiv", ARXIV)
    assert collecting.ids(harvest) == expected(known, "arxiv")
    days = [one["parameters"]["search_query"] for one in stand_ins.requests()]
    assert len(set(days)) > 3


@pytest.mark.parametrize("source", QUERIES)
def test_only_papers_of_the_days_asked_for_are_collected(
    source: str, collecting: Collecting, known: list[KnownPaper]
) -> None:
    since, until = date(2015, 2, 3), date(2015, 3, 4)
    query = QUERIES[source]
    asked = Query(query.terms, query.categories, since=since, until=until)
    harvest = collecting.collect(source, asked)
    meant = [p for p in known if since <= p.published.astimezone(UTC).date() <= until]
    assert meant
    assert collecting.ids(harvest) == expected(meant, source)


def test_a_harvest_of_other_days_is_another_one(collecting: Collecting) -> None:
    names = {
        collecting.begun("arxiv", query).name
        for query in (
            ARXIV,
            Query(categories=CATEGORIES, until=NOW.date()),
            Query(categories=CATEGORIES, since=date(2015, 1, 1)),
            Query(categories=CATEGORIES, redact=True),
        )
    }
    assert len(names) == 4


# Pace


@pytest.mark.parametrize(
    ("source", "key", "seconds"),
    [
        ("arxiv", "", 3.0),
        ("pubmed", "", 1 / 3),
        ("pubmed", "ncbi", 0.1),
        ("semantic-scholar", "", 1.0),
    ],
)
def test_a_source_is_asked_at_its_own_pace(
    source: str, key: str, seconds: float, open_home: Open, hand_clock: HandClock
) -> None:
    collecting = open_home(ncbi_key=key)
    harvest = collecting.collect(source, QUERIES[source])
    assert len(hand_clock.slept) == harvest.pages - 1
    assert min(hand_clock.slept) >= seconds


@pytest.mark.parametrize("wanted", [0.0, 0.01, 20.0])
def test_the_official_address_is_never_asked_faster_than_its_rule(
    wanted: float, open_home: Open, hand_clock: HandClock
) -> None:
    collecting = open_home()
    official = CollectingSettings(seconds_between_requests=wanted)
    # Its query goes to the stand-in; how fast it goes the settings say.
    collector = Collector(collecting.store, collecting.folder, official, hand_clock.clock)
    collector.collect(collecting.source("arxiv"), ARXIV, Silent())
    assert min(hand_clock.slept) >= max(3.0, wanted)


# What is stored


def test_personal_data_is_replaced_before_anything_is_stored(collecting: Collecting) -> None:
    for source, query in QUERIES.items():
        asked = Query(query.terms, query.categories, redact=True)
        harvest = collecting.collect(source, asked)
        papers = orjson.dumps([p.as_record() for p in collecting.store.papers(harvest)])
        answers = list(collecting.store.answers(harvest))
        for stored in (papers, b"".join(answers)):
            assert b"@example.org" not in stored
            assert b"it?paper=" not in stored
            assert b"[EMAIL]" in stored
        if source == "semantic-scholar":
            assert all(orjson.loads(answer)["data"] for answer in answers)


def test_raw_answers_are_stored_as_they_came(
    collecting: Collecting, known: list[KnownPaper]
) -> None:
    harvest = collecting.collect("semantic-scholar", QUERIES["semantic-scholar"])
    rows = [
        row for answer in collecting.store.answers(harvest) for row in orjson.loads(answer)["data"]
    ]
    assert sorted(row["paperId"] for row in rows) == expected(known, "semantic-scholar")


def records(path: Any) -> list[dict[str, Any]]:
    with gzip.open(path, "rb") as file:
        return [orjson.loads(line) for line in file]


def test_the_files_have_each_paper_of_all_harvests_once(
    collecting: Collecting, known: list[KnownPaper]
) -> None:
    harvests = [
        collecting.collect("arxiv", ARXIV),
        collecting.collect("pubmed", WORD),
        collecting.collect("semantic-scholar", WORD),
    ]
    files = [collecting.collector.write_files(harvest) for harvest in harvests]
    for harvest, written in zip(harvests, files, strict=True):
        assert written.raw == collecting.folder / "raw" / harvest.source / (
            f"{harvest.name}.jsonl.gz"
        )
        assert len(records(written.raw)) == harvest.papers
    merged = records(files[-1].processed)
    assert len(merged) == files[-1].papers
    by_arxiv_id = {record["arxiv_id"]: record for record in merged if "arxiv_id" in record}
    assert max(Counter(r["arxiv_id"] for r in merged if "arxiv_id" in r).values()) == 1
    assert max(Counter(r["pmid"] for r in merged if "pmid" in r).values()) == 1
    in_all = [
        p
        for p in known
        if p.arxiv_id
        and p.pmid
        and p.paper_id
        and p.categories[0] in CATEGORIES
        and "the" in p.words
    ]
    assert in_all
    for paper in in_all:
        record = by_arxiv_id[str(paper.arxiv_id)]
        assert record["source"] == "arxiv+pubmed+semantic-scholar"
        assert (record["pmid"], record["doi"]) == (paper.pmid, str(paper.doi).lower())
        assert record["primary_category"] == paper.categories[0]
        assert record["citation_count"] == paper.number % 500


def test_the_same_papers_give_the_same_bytes(collecting: Collecting) -> None:
    harvest = collecting.collect("arxiv", ARXIV)
    first = collecting.collector.write_files(harvest)
    before = (first.raw.read_bytes(), first.processed.read_bytes())
    again = collecting.collector.write_files(harvest)
    assert (again.raw.read_bytes(), again.processed.read_bytes()) == before


def test_a_line_is_logged_for_every_100_papers(
    collecting: Collecting, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="classmark"):
        harvest = collecting.collect("arxiv", ARXIV)
    lines = [record for record in caplog.records if "papers" in record.getMessage()]
    assert 1 <= len(lines) <= harvest.papers // 100 + 1
