"""`classmark retention`."""

from typing import Annotated

import typer

from classmark.assembly import existing_home
from classmark.cli.options import DryRunOption, HomeOption, JsonOption
from classmark.cli.terminal import keep_result, say, say_table
from classmark.registry import Disposal


def run(
    model: Annotated[
        str | None, typer.Argument(help="The model's name.", show_default="all models")
    ] = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Archive and delete old versions, as the settings of retention say."""
    found = existing_home(home)
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
    keep_result(json, {"dry_run": dry_run, "disposals": [_described(one) for one in done]})


def _described(disposal: Disposal) -> dict[str, object]:
    version = disposal.version
    return {
        "version": version.name,
        "action": disposal.action,
        "reason": disposal.reason,
        "size_mb": version.metadata["size_mb"],
    }
