"""Which data is kept and which goes: a pure rule over what is known of it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from classmark.registry.records import RegisteredVersion
from classmark.registry.retention import RetentionSettings


@dataclass(frozen=True, slots=True)
class HeldData:
    """Something that we learned from, or that was collected.

    Attributes:
        kind: "snapshot" or "table" of training data, "harvest" of raw data.
        name: Of the dataset or the harvest.
        snapshot: The snapshot's id; empty of a harvest.
        fingerprint: Of the rows; empty where it can't be told.
        since: When it was made, or its last page came.
        bytes: Its size.
    """

    kind: Literal["snapshot", "table", "harvest"]
    name: str
    snapshot: str
    fingerprint: str
    since: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class DataRemoval:
    """Data that goes, and why."""

    data: HeldData
    reason: str


def data_removals(
    held: Iterable[HeldData],
    needed_by: Collection[RegisteredVersion],
    settings: RetentionSettings,
    now: datetime,
) -> Iterator[DataRemoval]:
    """What the rule removes now, in the order given.

    Args:
        held: All data there is.
        needed_by: The versions whose data stays, whatever its age.
        settings: For how long the rest is kept.
        now: The moment.
    """
    needed = {key for version in needed_by for key in _keys_of(version)}
    for data in held:
        is_raw = data.kind == "harvest"
        days = settings.raw_data_days if is_raw else settings.training_data_days
        if not days or now - data.since < timedelta(days=days):
            continue
        if is_raw or not needed & _keys(data):
            what = "raw data" if is_raw else "training data"
            yield DataRemoval(data, f"retention: {what} older than {days} days")


def _keys_of(version: RegisteredVersion) -> set[str]:
    """How the data of a version may be found; earlier releases did not tell the snapshot's id."""
    told = version.metadata["dataset"]
    return {str(told.get("fingerprint")), f"{told.get('name')}/{told.get('snapshot') or ''}"}


def _keys(data: HeldData) -> set[str]:
    # Of what is damaged nobody can tell whether it is the one that is meant: it may be.
    return {data.fingerprint or f"{data.name}/", f"{data.name}/{data.snapshot}"}
