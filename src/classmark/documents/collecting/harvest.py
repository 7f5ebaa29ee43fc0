"""Harvests: pages arrive and are stored, and a killed one goes on where it was."""

import gzip
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import tostring

import orjson

from classmark.documents.collecting.fetching import TRIES, Fetcher, Patience, RefusedError, shown
from classmark.documents.collecting.markup import checked_xml
from classmark.documents.collecting.merging import merged
from classmark.documents.collecting.pace import Clock, pace_of
from classmark.documents.collecting.paper import Paper
from classmark.documents.collecting.settings import CollectingSettings
from classmark.documents.collecting.source import (
    BrokenAnswerError,
    Page,
    Query,
    Request,
    Source,
)
from classmark.documents.collecting.store import Harvest, HarvestStore, HeldHarvest
from classmark.documents.redaction import redact
from classmark.durable import exclusive, replacing
from classmark.errors import SettingError, SourceUnavailableError
from classmark.progress import Progress

logger = logging.getLogger(__name__)

_LOGGED_PAPERS = 100


@dataclass(frozen=True, slots=True)
class HarvestFiles:
    """What a harvest leaves for `prepare`.

    Attributes:
        raw: The papers of this harvest as its source has them.
        processed: All papers of all harvests, the same ones merged.
        papers: How many are in `processed`.
    """

    raw: Path
    processed: Path
    papers: int


class Collector:
    """Collects papers into a home.

    Args:
        store: Where harvests are kept.
        folder: The home's `data` folder.
        settings: How patiently.
        clock: The time and how to wait.
    """

    def __init__(
        self,
        store: HarvestStore,
        folder: Path,
        settings: CollectingSettings,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._folder = folder
        self._settings = settings
        self._clock = clock or Clock()

    def begun(self, source: Source, query: Query) -> Harvest:
        """The harvest of a query, as it stands."""
        return self._store.begin(source.name, query, source.begin)

    def collect(self, source: Source, query: Query, progress: Progress) -> Harvest:
        """Fetch what a query finds, from where an earlier run of it was killed.

        Raises:
            SettingError: The source refuses the query.
            SourceUnavailableError: The source does not answer; what came is kept.
            ConflictError: Another process collects from the source.
        """
        patience = Patience(
            self._settings.timeout_seconds,
            self._settings.backoff_seconds,
            random.random,
        )
        with (
            pace_of(self._folder / "raw", source.name, self._seconds(source), self._clock) as pace,
            closing(Fetcher(source.name, pace, patience, self._clock)) as fetcher,
        ):
            # Looked up under the lock: nobody else goes on with it meanwhile.
            harvest = self.begun(source, query)
            doing = f"Collecting from {source.name}"
            for kept in progress.track(self._pages(source, harvest, fetcher), doing):
                harvest = kept
        return harvest

    def _pages(self, source: Source, harvest: Harvest, fetcher: Fetcher) -> Iterator[Harvest]:
        """The harvest after each page that is stored."""
        asked = Counter[bytes]()
        while harvest.cursor is not None:
            _refuse_circles(asked, harvest)
            before = harvest.papers
            answer, page = self._page(source, harvest, fetcher)
            if harvest.query.redact:
                answer = _redacted(answer)
                page = replace(page, papers=tuple(paper.redacted() for paper in page.papers))
            harvest = self._store.keep(harvest, answer, page)
            of_total = "" if page.total is None else f" (the source has {page.total:,})"
            for hundreds in range(before // _LOGGED_PAPERS, harvest.papers // _LOGGED_PAPERS):
                papers = (hundreds + 1) * _LOGGED_PAPERS
                logger.info("%s: %s papers%s", harvest.name, f"{papers:,}", of_total)
            yield harvest

    def _page(self, source: Source, harvest: Harvest, fetcher: Fetcher) -> tuple[bytes, Page]:
        query, cursor = harvest.query, harvest.cursor or {}
        request = source.request(query, cursor)
        try:
            return fetcher.fetch(request, lambda answer: source.read(query, cursor, answer))
        except RefusedError as refused:
            if around := source.after_refusal(cursor, refused.answer):
                return refused.answer, Page((), around)
            raise _refusal(source, request, refused) from refused
        except SourceUnavailableError as error:
            raise SourceUnavailableError(
                f"{error.message} {harvest.papers:,} papers in {harvest.pages:,} pages are kept.",
                remedy=error.remedy,
            ) from error

    def write_files(self, harvest: Harvest) -> HarvestFiles:
        """Write what a harvest has, and all harvests merged, as files that `prepare` reads."""
        raw = self._folder / "raw" / harvest.source / f"{harvest.name}.jsonl.gz"
        processed = self._folder / "processed" / "papers.jsonl.gz"
        # Who writes later has read later: no file is older than another one's papers.
        with exclusive(processed.with_name(".papers.lock")):
            _write_papers(raw, self._store.papers(harvest))
            papers = merged(self._store.papers())
            _write_papers(processed, papers)
        return HarvestFiles(raw, processed, len(papers))

    def held(self) -> list[HeldHarvest]:
        """What is kept of each harvest, the oldest first."""
        return self._store.held()

    def forget(self, held: HeldHarvest, told: Callable[[], None]) -> bool:
        """Remove a harvest; the files of its papers are another matter.

        Args:
            held: As it was seen.
            told: Called before it is settled: what raises there keeps the harvest.

        Returns:
            Whether it was removed; it stays if a page came meanwhile.

        Raises:
            ConflictError: Another process collects from its source.
        """
        with pace_of(self._folder / "raw", held.source, 0, self._clock):
            return self._store.forget(held, told)

    def write_processed(self) -> None:
        """Let the file of all papers have those of the harvests that are kept, and no other."""
        processed = self._folder / "processed" / "papers.jsonl.gz"
        with exclusive(processed.with_name(".papers.lock")):
            if papers := merged(self._store.papers()):
                _write_papers(processed, papers)
            else:
                processed.unlink(missing_ok=True)

    def _seconds(self, source: Source) -> float:
        """Between two requests; only at another address than its own is a source's rule ours."""
        rule, wanted = source.seconds_between_requests, self._settings.seconds_between_requests
        address = f"{source.name.replace('-', '_')}_url"
        if getattr(self._settings, address) == getattr(CollectingSettings(), address):
            return max(rule, wanted)
        return wanted or rule


def _refuse_circles(asked: Counter[bytes], harvest: Harvest) -> None:
    """Note where a harvest stands; an error if a source leads back there again and again."""
    place = orjson.dumps(harvest.cursor, option=orjson.OPT_SORT_KEYS)
    asked[place] += 1
    if asked[place] > TRIES:
        raise SourceUnavailableError(
            f"{harvest.source} led back to the same place {TRIES} times."
            f" {harvest.papers:,} papers in {harvest.pages:,} pages are kept.",
            remedy="Try again later: the same command goes on from there.",
        )


def _redacted(answer: bytes) -> bytes:
    """The answer with personal data replaced in its JSON or XML, whatever is escaped there."""
    try:
        return orjson.dumps(_redacted_json(orjson.loads(answer)))
    except orjson.JSONDecodeError:
        return _redacted_xml(answer)


def _redacted_xml(answer: bytes) -> bytes:
    try:
        root = checked_xml(answer)
    except BrokenAnswerError:
        return redact(answer.decode(errors="replace")).encode()
    for element in root.iter():
        element.text = element.text and redact(element.text)
        element.tail = element.tail and redact(element.tail)
        for name, value in element.attrib.items():
            element.set(name, redact(value))
    return tostring(root)


def _redacted_json(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_redacted_json(item) for item in value]
    if isinstance(value, dict):
        return {name: _redacted_json(item) for name, item in value.items()}
    return value


def _write_papers(path: Path, papers: Iterable[Paper]) -> None:
    # Without name and time in its header the same papers give the same bytes.
    with replacing(path) as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        for paper in papers:
            file.write(orjson.dumps(paper.as_record()) + b"\n")


def _refusal(source: Source, request: Request, refused: RefusedError) -> SettingError:
    queries = (request.parameters.get(name) for name in ("term", "search_query", "query"))
    asked = next(filter(None, queries), request.url)
    return SettingError(
        f"{source.name} refuses {asked!r} with status {refused.status}: {shown(refused.answer)}",
        remedy="Mend the query or, for status 401 and 403, the key; what came so far is kept.",
    )
