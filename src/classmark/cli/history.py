"""`classmark history`."""

import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from classmark.assembly import existing_home, utc_now
from classmark.cli.options import HomeOption, JsonOption
from classmark.cli.terminal import as_moment, keep_result, say, say_table
from classmark.cli.versions import SHOWN, AllOption, ModelArgument, say_older
from classmark.errors import SettingError, TamperedHistoryError
from classmark.registry import HistoryCheck, Registry, VersionEvent, live_at

_DIGEST = re.compile("[0-9a-f]{64}")


def parsed_moment(given: str) -> datetime:
    """The moment that is written as ISO 8601; without a zone it is UTC.

    Raises:
        SettingError: It is written otherwise, or is yet to come.
    """
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise SettingError(
            f"{given!r} is no moment.", remedy="Write it as 2026-05-06 or 2026-05-06T14:30:00."
        ) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > utc_now():
        raise SettingError(
            f"{given!r} is yet to come, and a history tells of what was.",
            remedy="Leave --at out to see what is live now, or name an earlier moment.",
        )
    return moment


def run(
    model: ModelArgument,
    everything: AllOption = False,
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=parsed_moment, metavar="TIME", help="What was live then (ISO 8601, UTC)."
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Whether it is what was written.")] = False,
    noted: Annotated[
        str | None,
        typer.Option(metavar="DIGEST", help="Check that it goes on from the one noted earlier."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """What was live when, who moved it and why."""
    if noted is not None and not _DIGEST.fullmatch(noted):
        raise SettingError(
            f"{noted!r} is no digest of an event.",
            remedy="Give all 64 characters that --check printed.",
        )
    registry = existing_home(home).registry
    if at is not None and (check or noted is not None):
        raise SettingError("--at and --check are two questions.", remedy="Ask one at a time.")
    if at is not None:
        found = _say_live(model, at, registry.history(model))
    elif check or noted is not None:
        found = _say_checked(registry, model, noted)
    else:
        # What is written for programs has them all.
        events = registry.history(model, None if everything or json else SHOWN)
        found = _say_events(model, events, events if everything else events[-SHOWN:])
    keep_result(json, {"model": model} | found)


def _say_live(model: str, at: datetime, events: list[VersionEvent]) -> dict[str, object]:
    event = live_at(events, at)
    when = as_moment(at.astimezone(UTC))
    if event is None:
        say(f" had no version in production at {when} UTC.", strong=model)
    else:
        why = f": {event.reason}" if event.reason else ""
        how = event.action.replace("_", " ")
        since = f"since {as_moment(event.at)} UTC, {how} by {event.actor}{why}"
        say(f" was in production at {when} UTC ({since}).", strong=f"{model}_{event.version}")
    return {
        "at": at,
        "production_version": event and event.production_after,
        "event": event and asdict(event),
    }


def checked_history(registry: Registry, model: str, noted: str | None = None) -> HistoryCheck:
    """What is known of a history that is as it was written.

    Raises:
        TamperedHistoryError: It is not; all that is wrong is named.
    """
    found = registry.check_history(model, noted)
    if found.problems:
        raise TamperedHistoryError(
            f"The history of {model!r} is not what was written: {' '.join(found.problems)}",
            remedy="Compare it with a backup of the database, and find out who can write to it.",
        )
    return found


def _say_checked(registry: Registry, model: str, noted: str | None) -> dict[str, object]:
    found = checked_history(registry, model, noted)
    say(f" has {found.events} events, each covered by the next, as written.", strong=model)
    say(f"Note its digest elsewhere: {found.digest}")
    return asdict(found)


def _say_events(
    model: str, events: list[VersionEvent], shown: list[VersionEvent]
) -> dict[str, object]:
    say_table(
        ("", "when (UTC)", "what", "version", "live before", "live after", "who", "why"),
        [
            (
                event.sequence,
                as_moment(event.at),
                event.action.replace("_", " "),
                event.version,
                event.production_before or "",
                event.production_after or "",
                event.actor,
                event.reason,
            )
            for event in shown
        ],
        title=model,
    )
    say_older(shown[-1].sequence - len(shown))
    return {"events": [asdict(event) for event in events]}
