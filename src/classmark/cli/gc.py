"""`classmark gc`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from classmark.assembly import existing_home
from classmark.cli.options import DryRunOption, HomeOption, JsonOption
from classmark.cli.terminal import keep_result, say, say_table, say_warning
from classmark.registry import Lag, Leftover


def run(
    unknown: Annotated[
        bool,
        typer.Option("--unknown", help="Also whole versions that the database does not know."),
    ] = False,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Remove what killed processes left behind; mend links, views and places elsewhere."""
    opened = existing_home(home)
    registry, storage = opened.registry, opened.storage
    found: list[Leftover] = []
    lags: list[Lag] = []
    behind: list[str] = []
    try:
        for model in registry.folders():
            behind += registry.behind(model)
            found += registry.tidy(model, unknown=unknown, dry_run=dry_run)
        for one in behind:
            say(one if dry_run else f"{one} It is mended.")
        lags = registry.catch_up(dry_run=dry_run)
        _tell(lags, dry_run=dry_run)
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
    if not found and not lags and not behind:
        say("Nothing was left behind.")
    leftovers = [asdict(one) | {"path": str(one.path)} for one in found]
    result = {"dry_run": dry_run, "leftovers": leftovers, "behind": behind, "places": lags}
    keep_result(json, result)


def _tell(lags: Sequence[Lag], *, dry_run: bool) -> None:
    """What places elsewhere were behind, and what they still are."""
    for lag in lags:
        for one in lag.behind:
            mended = "" if dry_run or lag.problem else " It is mended."
            say(f" of {lag.model}: {one}{mended}", strong=lag.place)
        if lag.problem:
            say_warning(f"{lag.place} does not follow {lag.model}: {lag.problem}")


def _outcome(leftover: Leftover, *, unknown: bool) -> str:
    if leftover.is_removed:
        return "removed"
    if leftover.may_be_wanted and not unknown:
        return "look at it; --unknown removes it"
    return "would be removed"
