"""The part of a model card that changes: where a version stands, and how it came there."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from classmark.registry.gate import Status
from classmark.registry.markdown import NOT_STATED, escaped, table
from classmark.registry.records import VersionEvent


def card_state(version: str, status: Status, events: Sequence[VersionEvent]) -> str:
    """Status, when it was live and everything that happened to it, as Markdown.

    Args:
        version: As it is written: `v1.2.0`.
        status: Where it stands now.
        events: Of its model, the first first; those that don't concern it may be left out.
    """
    spans = "; ".join(_spans(version, events)) or "never"
    facts = table(("fact", "value"), [("status", status.value), ("live", spans)])
    told = table(("when (UTC)", "what", "who", "why"), map(_row, _of(version, events)))
    return f"{facts}\n\n{told}"


def _of(version: str, events: Sequence[VersionEvent]) -> Iterator[VersionEvent]:
    for event in events:
        was_live, is_live = (
            version == live for live in (event.production_before, event.production_after)
        )
        if event.version == version or was_live != is_live:
            yield event


def _spans(version: str, events: Sequence[VersionEvent]) -> Iterator[str]:
    since: datetime | None = None
    for event in events:
        if since is None and event.production_after == version:
            since = event.at
        elif since is not None and event.production_after != version:
            yield f"{_written(since)} to {_written(event.at)}"
            since = None
    if since is not None:
        yield f"since {_written(since)}"


def _row(event: VersionEvent) -> list[str]:
    what = f"{event.action.value} {event.version}".replace("_", " ")
    return [_written(event.at), what, escaped(event.actor), escaped(event.reason) or NOT_STATED]


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
