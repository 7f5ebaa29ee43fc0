"""`classmark gc`."""

from dataclasses import asdict
from typing import Annotated

import typer

from classmark.assembly import existing_home
from classmark.cli.options import DryRunOption, HomeOption, JsonOption
from classmark.cli.terminal import keep_result, say, say_table
from classmark.registry import Leftover


def run(
    unknown: Annotated[
        bool,
        typer.Option("--unknown", help="Also whole versions that the database does not know."),
    ] = False,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Remove what killed processes left behind, here and in the storage; mend links and views."""
    opened = existing_home(home)
    registry, storage = opened.registry, opened.storage
    found: list[Leftover] = []
    try:
        for model in registry.folders():
            found += registry.tidy(model, unknown=unknown, dry_run=dry_run)
        if storage is not None:
            found += storage.tidy(dry_run=dry_run)
    finally:
        # Whatever comes between: what was removed is told.
        if found:
            say_table(
                ("path", "what", "MB", ""),
                [
                    (one.path, one.what, one.megabytes, _outcome(one, unknown=unknown))
                    for one in found
                ],
            )
    if not found:
        say("Nothing was left behind.")
    leftovers = [asdict(one) | {"path": str(one.path)} for one in found]
    keep_result(json, {"dry_run": dry_run, "leftovers": leftovers})


def _outcome(leftover: Leftover, *, unknown: bool) -> str:
    if leftover.is_removed:
        return "removed"
    if leftover.may_be_wanted and not unknown:
        return "look at it; --unknown removes it"
    return "would be removed"
