"""`classmark ui`."""

from typing import Annotated

import typer

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption
from classmark.cli.serve import HostOption, ModelOption, production_job, serve
from classmark.serving import Address, listening_socket

PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")
]


def run(
    model: ModelOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 7860,
    home: HomeOption = None,
) -> None:
    """Show the web page of the production version on a port of its own."""
    place = existing_home(home)
    job = production_job(place, model, page=True, workers=1)
    with listening_socket(Address(host, port)) as listener:
        serve(place, job, listener)
