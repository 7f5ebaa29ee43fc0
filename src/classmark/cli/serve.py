"""`classmark serve`."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from classmark.assembly import Home, build_app, only_model, open_home
from classmark.cli.options import HomeOption
from classmark.cli.terminal import say
from classmark.naming import checked_name
from classmark.registry import ModelReference
from classmark.serving import Address, listening_socket, load_served_model, run_server
from classmark.settings import ServeJob

_WORKER_APP = "classmark.assembly:worker_app"


def run(
    model: Annotated[
        str | None, typer.Option(help="Its production version answers. [the only model]")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Without the web page.")] = False,
    home: HomeOption = None,
) -> None:
    """Answer over HTTP with the production version, and show the web page at /ui."""
    place = open_home(home)
    name = checked_name(model, of="model") if model else only_model(place.registry)
    serve(place, ServeJob(model=f"{name}@production", page=not no_ui, workers=workers), host, port)


def serve(home: Home, job: ServeJob, host: str, port: int) -> None:
    """Serve until a signal says stop."""
    address = Address(host, port)
    with listening_socket(address) as listener:
        reference = ModelReference.parse(job.model)
        if job.workers == 1:
            served = load_served_model(home.registry, reference)
            app = build_app(home, served, job)
            _announce(served.version.name, address, job)
            run_server(app, listener, workers=1)
            return
        # Checked here once, so that a version that can't serve is said before workers start.
        _announce(home.registry.verify(reference).name, address, job)
        with tempfile.TemporaryDirectory(prefix="classmark-metrics-") as metrics:
            job.hand_on(home.settings, Path(metrics))
            run_server(_WORKER_APP, listener, workers=job.workers)


def _announce(name: str, address: Address, job: ServeJob) -> None:
    say(f"Serving [bold]{name}[/]; Ctrl+C ends.")
    say(f"  API        {address.url}/predict")
    say(f"  Swagger    {address.url}/docs")
    if job.page:
        say(f"  web page   {address.url}/ui")
