"""Stand-ins for the three services, and collectors that ask them without waiting."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.documents.standins.papers import KnownPaper, made_up_papers
from tests.documents.standins.running import StandIns, running_stand_ins

from classmark.database import Database
from classmark.documents import (
    SOURCES,
    CollectingSettings,
    Collector,
    Harvest,
    HarvestStore,
    Query,
)
from classmark.documents.collecting import Source
from classmark.documents.collecting.pace import Clock
from classmark.progress import Silent

KNOWN = 2_200
NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@dataclass(slots=True)
class HandClock:
    """A clock that stands still but for those who sleep."""

    at: float = NOW.timestamp()
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.sleep)


@pytest.fixture(scope="session")
def all_stand_ins() -> Iterator[StandIns]:
    with running_stand_ins(KNOWN) as running:
        yield running


@pytest.fixture
def stand_ins(all_stand_ins: StandIns) -> StandIns:
    """Running stand-ins of which nothing was asked."""
    all_stand_ins.reset()
    return all_stand_ins


@pytest.fixture(scope="session")
def known() -> list[KnownPaper]:
    """The papers that the stand-ins know."""
    return list(made_up_papers(KNOWN))


@pytest.fixture
def hand_clock() -> HandClock:
    return HandClock()


def settings_of(stand_ins: StandIns, **others: Any) -> CollectingSettings:
    """As to ask stand-ins."""
    there = CollectingSettings(
        arxiv_url=f"{stand_ins.url}/api/query",
        pubmed_url=f"{stand_ins.url}/entrez/eutils",
        semantic_scholar_url=f"{stand_ins.url}/graph/v1",
    )
    return replace(there, **others)


@dataclass(frozen=True, slots=True)
class Collecting:
    """A home of harvests."""

    store: HarvestStore
    collector: Collector
    folder: Path
    settings: CollectingSettings

    def source(self, name: str) -> Source:
        return SOURCES[name](self.settings)

    def collect(self, source: str, query: Query) -> Harvest:
        return self.collector.collect(self.source(source), query, Silent())

    def begun(self, source: str, query: Query) -> Harvest:
        return self.collector.begun(self.source(source), query)

    def ids(self, harvest: Harvest) -> list[str]:
        """The ids of a harvest's papers."""
        return sorted(paper.source_id for paper in self.store.papers(harvest))


# The settings of a home -> that home.
Open = Callable[..., Collecting]


@pytest.fixture
def open_home(
    database: Database, tmp_path: Path, stand_ins: StandIns, hand_clock: HandClock
) -> Open:
    def opened(**others: Any) -> Collecting:
        settings = settings_of(stand_ins, **others)
        store = HarvestStore(database, now=lambda: NOW)
        folder = tmp_path / "data"
        collector = Collector(store, folder, settings, hand_clock.clock)
        return Collecting(store, collector, folder, settings)

    return opened


@pytest.fixture
def collecting(open_home: Open) -> Collecting:
    return open_home()
