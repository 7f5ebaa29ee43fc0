"""The history's chain: each event's digest covers the event and the digest of the one before it.

So a line that is changed, removed, inserted or moved later on breaks every digest from there on. It
is the hash chain of Haber and Stornetta (1991), *How to time-stamp a digital document*. Whoever can
write to the database could make the whole chain anew: keep the last digest elsewhere to notice
that too.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import orjson

from classmark.registry.gate import Status
from classmark.registry.records import Action, RegisteredVersion, VersionEvent

# What stands before the first event.
GENESIS = "0" * 64


def link(model: str, before: str, event: VersionEvent) -> str:
    """The digest of an event: SHA-256, in hexadecimal.

    Args:
        model: The model whose history it is.
        before: The digest of the event before it; `GENESIS` for the first.
        event: The event; its own digest does not count.
    """
    content = asdict(event) | {
        "model": model,
        "before": before,
        # The same text whatever zone and precision the database gives back.
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    del content["digest"]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def breaks(model: str, events: Sequence[VersionEvent]) -> Iterator[str]:
    """What is wrong with a history, a sentence each; nothing where it is whole."""
    before, live = GENESIS, None
    manifests: dict[str, str] = {}
    for number, event in enumerate(events, start=1):
        if event.sequence != number:
            yield f"Event {number} is not there."
            return
        if event.digest != link(model, before, event):
            yield f"Event {number} is not what was written."
            return
        if event.production_before != live:
            yield f"Event {number} starts from {event.production_before}, and {live} was live."
        if event.manifest != manifests.setdefault(event.version, event.manifest):
            yield f"Event {number} has another manifest of {event.version} than it began with."
        before, live = event.digest, event.production_after


def disagreements(
    events: Sequence[VersionEvent], versions: Sequence[RegisteredVersion]
) -> Iterator[str]:
    """Where the versions are not what the history made of them, a sentence each."""
    # What was registered counts: later events took over what the version had then.
    manifests = {event.version: event.manifest for event in reversed(events)}
    expected = _statuses(events)
    for version in versions:
        number = str(version.version)
        if number not in manifests:
            yield f"{version.name} was never registered."
        elif version.digest != manifests[number]:
            yield f"{version.name} does not have the manifest that was registered."
        elif number not in expected:
            yield f"{version.name} was deleted, and is there."
        elif version.status is not expected[number]:
            yield f"{version.name} is {version.status}, and was left as {expected[number]}."
    for number in sorted(expected.keys() - {str(version.version) for version in versions}):
        yield f"{number} was registered, and is not there."


def live_at(events: Sequence[VersionEvent], moment: datetime) -> VersionEvent | None:
    """The event that made live what was live at a moment; None where nothing was.

    The moment of the event itself counts.
    """
    moves = [event for event in events if event.production_before != event.production_after]
    before = [event for event in moves if event.at <= moment]
    return before[-1] if before and before[-1].production_after else None


def _statuses(events: Sequence[VersionEvent]) -> dict[str, Status]:
    """Where each version stands according to the history."""
    found: dict[str, Status] = {}
    for event in events:
        match event.action:
            case Action.REGISTERED | Action.PULLED:
                found[event.version] = Status.TESTING
            case Action.ARCHIVED:
                found[event.version] = Status.ARCHIVED
            case Action.DELETED:
                found.pop(event.version, None)
            case Action.PROMOTED | Action.ROLLED_BACK:
                if event.production_before:
                    found[event.production_before] = Status.ARCHIVED
                found[event.version] = Status.PRODUCTION
    return found
