"""`classmark serve`."""

import signal
import sys
import tempfile
from pathlib import Path
from socket import socket
from typing import Annotated

import typer

from classmark.assembly import (
    Home,
    build_app,
    check_page_extra,
    existing_home,
    only_model,
)
from classmark.cli.options import HomeOption
from classmark.cli.table_versions import check_predicts_texts
from classmark.cli.terminal import say
from classmark.naming import checked_name
from classmark.registry import ModelReference
from classmark.serving import Address, listening_socket, load_served_model, run_server
from classmark.settings import ServeJob

_WORKER_APP = "classmark.assembly:worker_app"

HostOption = Annotated[str, typer.Option(help="Address to listen on.")]
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
]


def run(
    model: Annotated[
        str | None,
        typer.Option(help="Its production version answers.", show_default="the only model"),
    ] = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Without the web page.")] = False,
    home: HomeOption = None,
) -> None:
    """Answer over HTTP with the production version, and show the web page at /ui."""
    place = existing_home(home)
    name = checked_name(model, of="model") if model else only_model(place.registry)
    job = ServeJob(model=f"{name}@production", page=not no_ui, workers=workers)
    with listening_socket(Address(host, port)) as listener:
        serve(place, job, listener)


def serve(home: Home, job: ServeJob, listener: socket) -> None:
    """Serve until a signal says stop, which is a good end."""
    for stop in (signal.SIGTERM, signal.SIGINT):
        # The server takes the signal first, ends what it has begun, and raises it again.
        signal.signal(stop, lambda *_: sys.exit(0))
    reference = ModelReference.parse(job.model)
    if job.workers == 1:
        served = load_served_model(home.registry, reference)
        app = build_app(home, served, job)
        _announce(served.version.name, listener, job)
        run_server(app, listener, workers=1)
    else:
        _serve_with_workers(home, reference, job, listener)


def _serve_with_workers(
    home: Home, reference: ModelReference, job: ServeJob, listener: socket
) -> None:
    # Checked here once, so that what can't serve is said before workers start; and the version is
    # named, so that a worker that starts later serves the same one.
    if job.page:
        check_page_extra()
    version = home.registry.verify(reference)
    check_predicts_texts(version)
    pinned = job.model_copy(update={"model": f"{version.model}@{version.version}"})
    _announce(version.name, listener, job)
    with tempfile.TemporaryDirectory(prefix="classmark-metrics-") as metrics:
        pinned.hand_on(home.settings, Path(metrics))
        run_server(_WORKER_APP, listener, workers=job.workers)


def _announce(name: str, listener: socket, job: ServeJob) -> None:
    url = Address(*listener.getsockname()[:2]).url
    say(f"Serving {name}; Ctrl+C ends.")
    say(f"  API        {url}/predict")
    say(f"  Swagger    {url}/docs")
    if job.page:
        say(f"  web page   {url}/ui")
