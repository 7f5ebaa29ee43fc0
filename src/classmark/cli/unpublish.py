"""`classmark unpublish`."""

from typing import Annotated

import typer

from classmark.assembly import existing_home
from classmark.cli.options import DryRunOption, HomeOption, JsonOption, ReferenceArgument
from classmark.cli.publish import chosen_places
from classmark.cli.terminal import keep_result, say


def run(
    reference: ReferenceArgument,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="PLACE", help="storage or mlflow.", show_default="all that are set"
        ),
    ] = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Take a version away from places elsewhere; here it stays, if it is here."""
    opened = existing_home(home)
    places = chosen_places(opened, from_)
    version = opened.registry.once(reference)
    is_unpublished = False
    for place in places.values():
        told = "would be taken away from"
        if not dry_run:
            was_there = place.unpublish(version)
            is_unpublished |= was_there
            told = "is no longer in" if was_there else "was not in"
        say(f" {told} {place.name}.", strong=version.name)
    keep_result(
        json,
        {"version": version.name, "places": list(places), "is_unpublished": is_unpublished},
    )
