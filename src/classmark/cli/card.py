"""`classmark card`."""

from pathlib import Path
from typing import Annotated

import typer

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, ReferenceArgument, writable
from classmark.cli.terminal import keep_result, say
from classmark.durable import write_bytes


def run(
    reference: ReferenceArgument,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the card to this file.",
            show_default="standard output",
            callback=writable,
        ),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """The model card of a version as Markdown: what it is, learned from, can and can't."""
    version, card = existing_home(home).registry.card(reference)
    if out is None:
        typer.echo(card, nl=False)
    else:
        write_bytes(out, card.encode())
        say(f" {out}", strong="Card:")
    keep_result(
        json,
        {
            "model": version.model,
            "version": str(version.version),
            "name": version.name,
            "card": card,
            "out": None if out is None else str(out),
        },
    )
