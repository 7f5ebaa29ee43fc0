"""`classmark retention`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from classmark.assembly import Home, existing_home
from classmark.cli.options import DryRunOption, HomeOption, JsonOption
from classmark.cli.terminal import keep_result, say, say_table
from classmark.errors import SettingError
from classmark.registry import DataRemoval, Disposal


def run(
    model: Annotated[
        str | None, typer.Argument(help="The model's name.", show_default="all models")
    ] = None,
    data: Annotated[
        bool, typer.Option("--data", help="Remove old data instead of old versions.")
    ] = False,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Archive and delete old versions, or remove old data, as the settings of retention say."""
    if data and model is not None:
        raise SettingError(
            f"Data belongs to no single model, and {model!r} is named.",
            remedy="Write classmark retention --data, or leave out --data.",
        )
    found = existing_home(home)
    if data:
        keep_result(json, _without_old_data(found, dry_run=dry_run))
    else:
        keep_result(json, _without_old_versions(found, model, dry_run=dry_run))


def _without_old_versions(found: Home, model: str | None, *, dry_run: bool) -> Mapping[str, Any]:
    registry, rule = found.registry, found.settings.retention
    done: list[Disposal] = []
    try:
        for name in [model] if model is not None else registry.models():
            done.extend(registry.retire(name, rule, dry_run=dry_run))
    finally:
        # Whatever comes between: what was done is told.
        if done:
            say_table(
                ("version", "would be" if dry_run else "is now", "why"),
                [(one.version.name, one.action, one.reason) for one in done],
            )
    if not done:
        say("Nothing is to be archived or deleted.")
    return {"dry_run": dry_run, "disposals": [_described(one) for one in done]}


def _described(disposal: Disposal) -> dict[str, object]:
    version = disposal.version
    return {
        "version": version.name,
        "action": disposal.action,
        "reason": disposal.reason,
        "size_mb": version.metadata["size_mb"],
    }


def _without_old_data(found: Home, *, dry_run: bool) -> Mapping[str, Any]:
    done: list[DataRemoval] = []
    record = found.data_places.record.file
    try:
        done.extend(found.data_keeper.retire(dry_run=dry_run))
    finally:
        if done:
            say_table(
                ("would go" if dry_run else "is gone", "what", "since", "MB", "why"),
                [
                    (_named(one), one.data.kind, f"{one.data.since:%Y-%m-%d}", _mb(one), one.reason)
                    for one in done
                ],
            )
    if not done:
        say("No data is to be removed.")
    elif not dry_run:
        say(f"Receipts: {record}")
    removals = [
        {
            "kind": one.data.kind,
            "name": one.data.name,
            "snapshot": one.data.snapshot or None,
            "fingerprint": one.data.fingerprint or None,
            "since": one.data.since,
            "bytes": one.data.bytes,
            "reason": one.reason,
        }
        for one in done
    ]
    return {"dry_run": dry_run, "record": str(record), "removals": removals}


def _named(removal: DataRemoval) -> str:
    data = removal.data
    return f"{data.name}/{data.snapshot}" if data.snapshot else data.name


def _mb(removal: DataRemoval) -> float:
    return round(removal.data.bytes / 1e6, 3)
