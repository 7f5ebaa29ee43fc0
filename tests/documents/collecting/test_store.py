"""Harvests in the database: page and cursor move together."""

from datetime import date
from typing import Any

import pytest
from tests.documents.collecting.conftest import NOW

from classmark.database import Database
from classmark.documents import HarvestStore, Query
from classmark.documents.collecting.paper import Paper
from classmark.documents.collecting.source import Page
from classmark.documents.collecting.store import Harvest
from classmark.errors import ConflictError, SettingError

QUERY = Query(terms="asthma", total=5)


def first(query: Query) -> dict[str, Any]:
    return {"until": str(query.until), "start": 0}


def page(*papers: Paper, cursor: dict[str, Any] | None = None) -> Page:
    return Page(papers, cursor, 9)


def paper(name: str, version: int = 0, title: str = "T") -> Paper:
    return Paper("arxiv", name, title, version=version)


@pytest.fixture
def store(database: Database) -> HarvestStore:
    return HarvestStore(database, now=lambda: NOW)


@pytest.fixture
def harvest(store: HarvestStore) -> Harvest:
    return store.begin("arxiv", QUERY, first)


def test_a_query_begins_once_and_ends_with_the_day_on_which_it_began(
    store: HarvestStore, harvest: Harvest, database: Database
) -> None:
    tomorrow = HarvestStore(database, now=lambda: NOW.replace(day=3))
    assert tomorrow.begin("arxiv", QUERY, first) == harvest
    assert harvest.query.until == date(2026, 1, 2)
    assert harvest.cursor == {"until": "2026-01-02", "start": 0}
    assert store.harvests() == [harvest]


def test_every_query_comes_back_as_it_was(store: HarvestStore) -> None:
    query = Query("a", ("cs.AI", "cs.LG"), 3, None, date(2019, 1, 2), date(2020, 3, 4), redact=True)
    assert store.begin("arxiv", query, first).query == query


def test_each_source_has_its_own_harvest_of_a_query(store: HarvestStore, harvest: Harvest) -> None:
    assert store.begin("pubmed", QUERY, first).id != harvest.id


def test_a_first_cursor_that_can_t_be_leaves_no_harvest(store: HarvestStore) -> None:
    def fail(_: Query) -> dict[str, Any]:
        raise SettingError("No.", remedy="Mend it.")

    with pytest.raises(SettingError):
        store.begin("arxiv", QUERY, fail)
    assert store.harvests() == []


def test_a_page_is_kept_with_its_papers_and_the_cursor_moves(
    store: HarvestStore, harvest: Harvest
) -> None:
    kept = store.keep(harvest, b"raw", page(paper("a"), paper("b"), cursor={"start": 2}))
    assert (kept.cursor, kept.pages, kept.papers) == ({"start": 2}, 1, 2)
    assert store.begin("arxiv", QUERY, first) == kept
    finished = store.keep(kept, b"end", page(paper("c")))
    assert (finished.cursor, finished.papers) == (None, 3)
    assert list(store.answers(finished)) == [b"raw", b"end"]
    assert [one.source_id for one in store.papers(finished)] == ["a", "b", "c"]


def test_a_page_that_can_t_be_kept_moves_nothing(store: HarvestStore, harvest: Harvest) -> None:
    class NoCursorError(Exception):
        """What JSON can't hold."""

    wrong: Any = {"start": NoCursorError()}
    with pytest.raises(Exception, match="JSON"):
        store.keep(harvest, b"raw", page(paper("a"), cursor=wrong))
    assert store.begin("arxiv", QUERY, first) == harvest
    assert list(store.papers()) == []
    assert list(store.answers(harvest)) == []


def test_who_comes_late_is_told_and_changes_nothing(store: HarvestStore, harvest: Harvest) -> None:
    kept = store.keep(harvest, b"raw", page(paper("a"), cursor={"start": 1}))
    with pytest.raises(ConflictError, match=harvest.name):
        store.keep(harvest, b"late", page(paper("b")))
    assert store.begin("arxiv", QUERY, first) == kept


def test_of_several_versions_the_newest_stays_whenever_it_comes(
    store: HarvestStore, harvest: Harvest
) -> None:
    old, new = paper("a", 1, "old"), paper("a", 2, "new")
    for papers in ([old, new], [new, old]):
        harvest = store.keep(harvest, b"", page(*papers, cursor={"start": 1}))
    harvest = store.keep(harvest, b"", page(old, cursor={"start": 2}))
    assert (harvest.papers, [one.title for one in store.papers()]) == (1, ["new"])
    harvest = store.keep(harvest, b"", page(paper("a", 3, "newest")))
    assert [one.title for one in store.papers(harvest)] == ["newest"]
