"""`classmark doctor`."""

import os
import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from classmark import __version__
from classmark.assembly import Home, open_home
from classmark.cli.history import checked_history
from classmark.cli.options import HomeOption, JsonOption
from classmark.cli.terminal import keep_result, out, say
from classmark.cli.verify import told
from classmark.errors import ClassmarkError, UnknownVersionError
from classmark.registry import ModelReference

_EXTRAS = {
    "train": ("torch", "transformers", "onnx", "matplotlib", "lingua-language-detector"),
    "ui": ("gradio",),
    "tables": ("pandas", "pyarrow", "scikit-learn", "skops", "xgboost-cpu"),
    "collect": ("arxiv", "httpx"),
    "tracking": ("mlflow",),
    "explain": ("lime", "shap"),
    "signing": ("model-signing", "pyopenssl"),
    "postgres": ("psycopg",),
    "s3": ("fsspec", "s3fs"),
    "ray": ("ray",),
}
_ENOUGH_DISK_GB = 2.0
_COLOURS = {"ok": "green", "missing": "yellow", "broken": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: Its name.
        state: "ok", "missing" (optional) or "broken".
        detail: What was found.
        remedy: What to do; empty where nothing need be done.
    """

    what: str
    state: str
    detail: str
    remedy: str = ""


def run(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="The port that you mean to serve on.")
    ] = 8000,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """What is installed, what works, what to do; exits with 1 if something is broken."""
    findings = [_python(), *_packages(), *_home(home), _port(port)]
    for finding in findings:
        state = (f"{finding.state:>8}", _COLOURS[finding.state])
        out.print(Text.assemble(state, f"  {finding.what}: {finding.detail}"))
        if finding.remedy:
            say(f"{'':>10}{finding.remedy}")
    broken = [finding.what for finding in findings if finding.state == "broken"]
    keep_result(json, {"healthy": not broken, "findings": findings})
    if broken:
        raise typer.Exit(1)


def _python() -> Finding:
    cores = len(os.sched_getaffinity(0))
    return Finding(
        "system",
        "ok",
        f"classmark {__version__}, Python {platform.python_version()} at {sys.executable}, "
        f"{platform.platform()}, {cores} cores",
    )


def _packages() -> Iterator[Finding]:
    for extra, names in _EXTRAS.items():
        missing = [name for name in names if _installed(name) is None]
        found = ", ".join(f"{name} {_installed(name)}" for name in names if name not in missing)
        if missing:
            remedy = f"Install it: pip install 'classmark[{extra}]'"
            detail = f"without {', '.join(missing)}"
            yield Finding(f"extra '{extra}'", "missing", detail, remedy)
        else:
            yield Finding(f"extra '{extra}'", "ok", found)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _home(folder: Path | None) -> Iterator[Finding]:
    try:
        home = open_home(folder)
    except ClassmarkError as error:
        yield Finding("settings", "broken", error.message, error.remedy)
        return
    yield _disk(home)
    if not home.folder.exists():
        yield Finding(
            "home", "ok", f"{home.folder} is not there yet", "Start with: classmark quickstart"
        )
        return
    yield _checked("database", lambda: f"{home.log.count():,} predictions logged")
    yield Finding("datasets", "ok", ", ".join(home.datasets.names()) or "none yet")
    yield Finding("tables", "ok", ", ".join(home.tables.names()) or "none yet")
    yield from _models(home)


def _disk(home: Home) -> Finding:
    folder = next(path for path in (home.folder, *home.folder.parents) if path.exists())
    free = shutil.disk_usage(folder).free / 1e9
    if not os.access(folder, os.W_OK):
        return Finding("disk", "broken", f"{folder} can't be written to", "Name another --home.")
    if free < _ENOUGH_DISK_GB:
        return Finding("disk", "broken", f"{free:.1f} GB free", "Free some space.")
    return Finding("disk", "ok", f"{free:.0f} GB free at {folder}")


def _models(home: Home) -> Iterator[Finding]:
    try:
        models, histories = home.registry.models(), home.registry.histories()
    except ClassmarkError as error:
        yield Finding("models", "broken", error.message, error.remedy)
        return
    if not models:
        yield Finding("models", "ok", "none yet", "Start with: classmark quickstart")
    for model in histories:
        yield _checked(
            f"history {model}",
            lambda model=model: (  # type: ignore[misc]
                f"{checked_history(home.registry, model).events} events, as written"
            ),
        )
    for model in models:
        yield _checked(f"model {model}", lambda model=model: _intact(home, model))  # type: ignore[misc]
        yield _link_and_view(home, model)
    if home.storage is not None:
        yield from _storage(home, home.storage.name)


def _intact(home: Home, model: str) -> str:
    """That the live version of a model is intact, or its latest where none is live."""
    try:
        found = home.registry.resolve(ModelReference(model, role="production"))
    except UnknownVersionError:
        found = home.registry.resolve(ModelReference(model, role="latest"))
    _, signature = home.registry.checked(ModelReference(model, found.version))
    return f"{found.name} ({found.status.value}) is intact, {told(signature)}"


def _link_and_view(home: Home, model: str) -> Finding:
    what = f"link and view of {model}"
    try:
        behind = home.registry.behind(model)
    except ClassmarkError as error:
        return Finding(what, "broken", error.message, error.remedy)
    if behind:
        return Finding(what, "broken", " ".join(behind), "Let them follow: classmark gc")
    return Finding(what, "ok", "as the database says")


def _storage(home: Home, name: str) -> Iterator[Finding]:
    """Whether what is live, and what was deleted, is so in the storage too."""
    lags = home.registry.catch_up(dry_run=True)
    for lag in lags:
        what = f"{lag.model} in {lag.place}"
        if lag.behind:
            told = " ".join(lag.behind)
            yield Finding(what, "broken", told, "Let it follow: classmark gc")
        else:
            yield Finding(what, "broken", lag.problem)
    if not lags:
        yield Finding("storage", "ok", f"{name} follows what is live here")


def _checked(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, "ok", look())
    except ClassmarkError as error:
        return Finding(what, "broken", error.message, error.remedy)


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return Finding(
                "port", "missing", f"{port} is in use", "Serve on another one with --port."
            )
    return Finding("port", "ok", f"{port} is free")
