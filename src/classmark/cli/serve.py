"""`classmark serve`."""

import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socket
from typing import Annotated, TypeVar

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
from classmark.cli.terminal import say, say_warning
from classmark.errors import ClassmarkError, UnavailableError
from classmark.naming import checked_name
from classmark.registry import ModelReference, RegisteredVersion
from classmark.serving import (
    Address,
    Fallback,
    ServedModel,
    listening_socket,
    load_or_fall_back,
    load_served_model,
    run_server,
    tell_fallback,
)
from classmark.settings import ServeJob

_WORKER_APP = "classmark.assembly:worker_app"

Loaded = TypeVar("Loaded")

ModelOption = Annotated[
    str | None,
    typer.Option(help="Its production version answers.", show_default="the only model"),
]
HostOption = Annotated[str, typer.Option(help="Address to listen on.")]
PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
]


def run(
    model: ModelOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Without the web page.")] = False,
    home: HomeOption = None,
) -> None:
    """Answer over HTTP with the production version, and show the web page at /ui."""
    place = existing_home(home)
    job = production_job(place, model, page=not no_ui, workers=workers)
    with listening_socket(Address(host, port)) as listener:
        serve(place, job, listener)


def production_job(home: Home, model: str | None, *, page: bool, workers: int) -> ServeJob:
    """To serve what is in production of a model, or of the only one.

    Raises:
        SettingError: There are several and none is named.
    """
    name = checked_name(model, of="model") if model else only_model(home.registry)
    return ServeJob(model=f"{name}@production", page=page, workers=workers)


def serve(home: Home, job: ServeJob, listener: socket) -> None:
    """Serve until a signal says stop, which is a good end."""
    for stop in (signal.SIGTERM, signal.SIGINT):
        # The server takes the signal first, ends what it has begun, and raises it again.
        signal.signal(stop, lambda *_: sys.exit(0))
    if job.page:
        check_page_extra()
    _warn_of_open_doors(home, Address(*listener.getsockname()[:2]))
    if job.workers > 1:
        _serve_with_workers(home, job, listener)
        return

    def load(version: RegisteredVersion) -> ServedModel:
        return load_served_model(home.registry, _named(version))

    served, fallback = _or_fallback(home, _what_to_serve(home, job), load)
    if fallback is not None:
        tell_fallback(home.registry, served.version, fallback)
    app = build_app(home, replace(served, fallback=fallback), job)
    _announce(served.version.name, listener, job)
    client_seconds = home.settings.serving.client_seconds
    run_server(app, listener, workers=1, client_seconds=client_seconds)


def _warn_of_open_doors(home: Home, address: Address) -> None:
    """Say who may ask where that may not be what was meant."""
    if home.settings.serving.api_keys == "required":
        if not home.keys.unrevoked():
            say_warning(
                "Who asks needs a key, and there is none: classmark keys create NAME --scope admin"
            )
    elif not address.is_loopback:
        say_warning(
            f"Whoever reaches {address.host} may ask, send feedback and read the metrics: keys are"
            " off. Set serving.api_keys to required, or listen on 127.0.0.1."
        )


def _serve_with_workers(home: Home, job: ServeJob, listener: socket) -> None:
    # Tried here once, so that what can't serve is said before workers start. Each of them begins
    # with what is live by then; the version is named for where that can't be loaded any more.
    chosen, fallback = _or_fallback(
        home, _what_to_serve(home, job), lambda version: _loaded_elsewhere(home, version)
    )
    if fallback is not None:
        tell_fallback(home.registry, chosen, fallback)
    begun = job.model_copy(update={"model": str(_named(chosen)), "fallback": fallback})
    _announce(chosen.name, listener, job)
    with tempfile.TemporaryDirectory(prefix="classmark-metrics-") as metrics:
        begun.hand_on(home.settings, Path(metrics))
        client_seconds = home.settings.serving.client_seconds
        run_server(_WORKER_APP, listener, workers=job.workers, client_seconds=client_seconds)


def _what_to_serve(home: Home, job: ServeJob) -> RegisteredVersion:
    wanted = home.registry.resolve(ModelReference.parse(job.model))
    check_predicts_texts(wanted)
    return wanted


def _named(version: RegisteredVersion) -> ModelReference:
    return ModelReference(version.model, version.version)


def _or_fallback(
    home: Home, wanted: RegisteredVersion, load: Callable[[RegisteredVersion], Loaded]
) -> tuple[Loaded, Fallback | None]:
    """What `load` gives of the version that should answer, or of the one that answers instead."""
    if not home.settings.serving.fallback:
        return load(wanted), None
    return load_or_fall_back(home.registry, wanted, load)


def _loaded_elsewhere(home: Home, version: RegisteredVersion) -> RegisteredVersion:
    """A version that another process could load; it ends then, and its memory is free again.

    Raises:
        ClassmarkError: It could not, or the system ended it.
    """
    spawning = get_context("spawn")
    receiver, sender = spawning.Pipe(duplex=False)
    trial = spawning.Process(target=_try_to_load, args=(home.folder, version, sender), daemon=True)
    trial.start()
    sender.close()
    try:
        error: ClassmarkError | None = receiver.recv()
    except EOFError:
        trial.join()
        error = UnavailableError(
            f"The process that loaded {version.name} ended with {trial.exitcode}.",
            remedy="See whether the system has enough memory for it.",
        )
    trial.join()
    if error is not None:
        raise error
    return version


def _try_to_load(home: Path, version: RegisteredVersion, answer: Connection) -> None:
    """Load a version and tell what came in its way, if anything did."""
    registry = existing_home(home).registry
    try:
        load_served_model(registry, _named(version))
    except ClassmarkError as error:
        answer.send(error)
    else:
        answer.send(None)


def _announce(name: str, listener: socket, job: ServeJob) -> None:
    url = Address(*listener.getsockname()[:2]).url
    say(f"Serving {name}; Ctrl+C ends.")
    say(f"  API        {url}/predict")
    say(f"  Swagger    {url}/docs")
    if job.page:
        say(f"  web page   {url}/ui")
