"""`classmark collect`."""

import logging
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from classmark.assembly import Home, open_home, utc_now
from classmark.cli.options import HomeOption, JsonOption, parsed_list
from classmark.cli.terminal import Bars, keep_result, say, say_warning
from classmark.documents import (
    DEFAULT_CATEGORIES,
    SOURCES,
    Harvest,
    HarvestFiles,
    Query,
)
from classmark.errors import ClassmarkError, SettingError


class SourceName(StrEnum):
    """The services, as they are typed."""

    ARXIV = "arxiv"
    PUBMED = "pubmed"
    SEMANTIC_SCHOLAR = "semantic-scholar"


SinceOption = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="First day of publication."),
]
UntilOption = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], metavar="DATE", help="Last day.", show_default="today, at first"
    ),
]
_DEFAULT_PER_CATEGORY = 1000


def run(
    source: Annotated[SourceName, typer.Argument(help="Where papers come from.")],
    query: Annotated[
        str, typer.Argument(help="What to look for; arXiv takes --categories instead.")
    ] = "",
    categories: Annotated[
        str | None,
        typer.Option(help="Of arXiv, as cs.AI,cs.CL.", show_default=",".join(DEFAULT_CATEGORIES)),
    ] = None,
    per_category: Annotated[
        int | None,
        typer.Option(min=1, help="Papers of each category.", show_default="1000, with arxiv"),
    ] = None,
    total: Annotated[int | None, typer.Option(min=1, help="Papers in all.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    redact: Annotated[
        bool,
        typer.Option("--redact", help="Replace e-mail, phone numbers and URLs with a query."),
    ] = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Papers are collected from a scholarly service, as politely as it asks for.

    A harvest that was stopped goes on where it was when the same command is given again.
    """
    wanted = Query(
        terms=query.strip(),
        categories=_categories(source, query, categories),
        per_category=_per_category(source, per_category, total),
        total=total,
        since=_day(since),
        until=_day(until),
        redact=redact,
    )
    _check(wanted)
    _show_log()
    place = open_home(home)
    harvest, files = _collected(place, source, wanted)
    show(harvest, files)
    keep_result(json, describe(harvest, files))


def _show_log() -> None:
    """Let what the collectors log be seen, above the bar where there is one."""
    logger, handler = logging.getLogger("classmark.documents"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def _collected(home: Home, source: SourceName, query: Query) -> tuple[Harvest, HarvestFiles]:
    """The finished harvest; of one that breaks off, the files are written too."""
    service = SOURCES[source](home.settings.collecting)
    collector = home.collector
    before = collector.begun(service, query)
    if before.cursor is None:
        say(f"This harvest is finished, up to {before.query.until}; --since finds newer papers.")
    try:
        harvest = collector.collect(service, query, Bars())
    except (ClassmarkError, KeyboardInterrupt):
        begun = collector.begun(service, query)
        if begun.papers:
            say(f"So far: {collector.write_files(begun).raw}")
        raise
    return harvest, collector.write_files(harvest)


def describe(harvest: Harvest, files: HarvestFiles) -> dict[str, Any]:
    """A harvest as the JSON result has it."""
    return {
        "harvest": harvest.name,
        "source": harvest.source,
        "papers": harvest.papers,
        "pages": harvest.pages,
        "finished": harvest.cursor is None,
        "raw": str(files.raw),
        "processed": str(files.processed),
        "papers_of_all_harvests": files.papers,
    }


def show(harvest: Harvest, files: HarvestFiles) -> None:
    """What was collected, and what to do with it."""
    say(f" {harvest.papers:,} papers in {harvest.pages:,} pages", strong=harvest.name)
    if not harvest.papers:
        say_warning("Nothing was found: check the query, the categories and the days.")
    say(f"As {harvest.source} has them: {files.raw}")
    say(f"All {files.papers:,} papers of all harvests, each once: {files.processed}")
    if files.papers:
        say(f"Next: classmark prepare {files.processed} --name papers")


def _categories(source: SourceName, query: str, given: str | None) -> tuple[str, ...]:
    if source != "arxiv":
        if given is not None:
            raise SettingError(
                f"--categories are arXiv's; {source} takes a query.",
                remedy=f'Give it, as: classmark collect {source} "text classification"',
            )
        return ()
    if query.strip():
        raise SettingError(
            f"arXiv is asked by category, not with {query!r}.",
            remedy="Give --categories, as: classmark collect arxiv --categories cs.CL,cs.IR",
        )
    named = DEFAULT_CATEGORIES if given is None else parsed_list(given)
    return tuple(dict.fromkeys(named))


def _per_category(source: SourceName, given: int | None, total: int | None) -> int | None:
    if given is not None and (total is not None or source != "arxiv"):
        raise SettingError(
            "--per-category is arXiv's, and instead of --total.", remedy="Leave one of them out."
        )
    return _DEFAULT_PER_CATEGORY if source == "arxiv" and total is None and not given else given


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _check(query: Query) -> None:
    if not query.terms.isprintable():
        raise SettingError("The query has characters that don't print.", remedy="Type it anew.")
    since, until = query.since or date.min, query.until or utc_now().date()
    if since > until:
        raise SettingError(
            f"No day is after {since} and before {until}.", remedy="Mend --since or --until."
        )
