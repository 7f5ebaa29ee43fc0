"""`classmark publish`."""

from collections.abc import Mapping
from typing import Annotated

import typer

from classmark.assembly import Home, existing_home
from classmark.cli.options import HomeOption, JsonOption, ReferenceArgument
from classmark.cli.terminal import keep_result, say
from classmark.errors import SettingError
from classmark.registry import Place
from classmark.wording import meant


def chosen_places(home: Home, name: str | None) -> Mapping[str, Place]:
    """The place of that name, or all that are set.

    Raises:
        SettingError: None is set, or not that one.
    """
    if not home.places:
        raise SettingError(
            "No place elsewhere is set.",
            remedy="Set storage.uri, as s3://bucket/prefix, or mirror.mlflow_uri in"
            " classmark.yaml, or CLASSMARK_STORAGE__URI or CLASSMARK_MIRROR__MLFLOW_URI.",
        )
    if name is not None and name not in home.places:
        raise SettingError(
            f"No place {name!r} is set (set: {', '.join(home.places)}).{meant(name, home.places)}",
            remedy="Name one that is set, or leave the option out for all.",
        )
    return home.places if name is None else {name: home.places[name]}


def run(
    reference: ReferenceArgument,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="PLACE", help="storage or mlflow.", show_default="all that are set"
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the version, and send nothing.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Bring a version to places elsewhere, and let them follow what is live here."""
    opened = existing_home(home)
    places, registry = chosen_places(opened, to), opened.registry
    version = registry.verify(reference)
    for place in places.values():
        if not dry_run:
            place.publish(version)
            place.follow(registry.state(version.model))
        told = "would be published to" if dry_run else "is published to"
        say(f" {told} {place.name}.", strong=version.name)
    keep_result(
        json,
        {
            "version": version.name,
            "digest": version.digest,
            "places": list(places),
            "is_published": not dry_run,
        },
    )
