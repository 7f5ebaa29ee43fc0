"""Which versions are kept, archived and deleted: a pure rule over what is known of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from classmark.registry.gate import Status
from classmark.registry.records import Action, RegisteredVersion, VersionEvent


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """What is kept.

    Attributes:
        keep_before_production: So many versions before the live one stay as they are: those that
            were live last, then the newest of the others.
        delete_after_days: An archived version that is not among those is deleted when it has been
            archived for so long; 0 never deletes.
        training_data_days: A snapshot that no version that is kept was made from is removed when it
            is so old; 0 keeps it for ever.
        raw_data_days: What was collected is removed so long after its last page came; 0 keeps it
            for ever.
    """

    keep_before_production: int = 2
    delete_after_days: int = 0
    training_data_days: int = 365
    raw_data_days: int = 90


@dataclass(frozen=True, slots=True)
class Disposal:
    """What shall happen to a version.

    Attributes:
        version: The version.
        action: `Action.ARCHIVED` or `Action.DELETED`.
        reason: Why, for the history.
    """

    version: RegisteredVersion
    action: Action
    reason: str


def disposals(
    versions: Sequence[RegisteredVersion],
    events: Sequence[VersionEvent],
    settings: RetentionSettings,
    now: datetime,
) -> Iterator[Disposal]:
    """What the rule does with a model's versions now, the oldest first.

    Versions that are newer than the live one may yet go live: they are left alone, and so is
    everything where nothing is live.
    """
    live = next((one for one in versions if one.status is Status.PRODUCTION), None)
    if live is None:
        return
    older = [version for version in versions if version.version < live.version]
    last = _last_before(older, events)[: settings.keep_before_production]
    kept = {version.version for version in last}
    archived_at = _archivings(events) if settings.delete_after_days else {}
    age = timedelta(days=settings.delete_after_days)
    for version in older:
        if version.version in kept:
            continue
        if version.status is not Status.ARCHIVED:
            yield Disposal(version, Action.ARCHIVED, f"retention: older than {live.version}")
        elif age and now - archived_at.get(str(version.version), version.created_at) >= age:
            days = settings.delete_after_days
            yield Disposal(version, Action.DELETED, f"retention: archived for {days} days")


def kept_versions(
    versions: Sequence[RegisteredVersion],
    events: Sequence[VersionEvent],
    settings: RetentionSettings,
) -> Iterator[RegisteredVersion]:
    """The versions that may still be needed: all but archived ones that the rule does not keep."""
    live = next((one for one in versions if one.status is Status.PRODUCTION), None)
    older = [version for version in versions if live and version.version < live.version]
    kept = _last_before(older, events)[: settings.keep_before_production]
    for version in versions:
        if version.status is not Status.ARCHIVED or version in kept:
            yield version


def _last_before(
    older: Sequence[RegisteredVersion], events: Sequence[VersionEvent]
) -> list[RegisteredVersion]:
    """The older versions, those that one would go back to first."""
    was_live = {event.production_after: event.sequence for event in events}
    return sorted(
        older, key=lambda one: (was_live.get(str(one.version), 0), one.version), reverse=True
    )


def _archivings(events: Sequence[VersionEvent]) -> dict[str, datetime]:
    """When each version was archived last: by itself, or by the one that took its place."""
    moments: dict[str, datetime] = {}
    for event in events:
        if event.action is Action.ARCHIVED:
            moments[event.version] = event.at
        if event.production_before and event.production_before != event.production_after:
            moments[event.production_before] = event.at
    return moments
