"""`classmark rollback`."""

from typing import Annotated

import typer

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, ReasonOption
from classmark.cli.promote import describe
from classmark.cli.terminal import keep_result, say
from classmark.cli.versions import ModelArgument
from classmark.registry import Version


def run(
    model: ModelArgument,
    to: Annotated[
        Version | None,
        typer.Option(
            parser=Version.parse,
            metavar="VERSION",
            help="The version to go back to.",
            show_default="the one that was live before",
        ),
    ] = None,
    reason: ReasonOption = "",
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Put an earlier version back into production."""
    version = existing_home(home).registry.rollback(model, to, reason)
    say(" is back in production.", strong=version.name)
    keep_result(json, describe(version))
