"""Who takes part: how each server is installed, given its model, and started.

Each peer has a virtual environment under `build/peers`, with the exact versions of its
`requirements.txt`; they share one with torch, which has those of `peers/torch`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.serving.artifacts import MODEL, Artifacts
from benchmarks.serving.servers import Dialect, Launch, ServerError

from classmark.serving import ServingSettings

_HERE = Path(__file__).resolve().parent
_PEERS = _HERE / "peers"
_ENVIRONMENTS = _HERE.parents[1] / "build" / "peers"
_SHARED = "torch"

_OURS = Dialect(
    "/predict", lambda text: {"texts": [text]}, lambda answer: answer["predictions"][0]["label"]
)
_ONE_TEXT = Dialect("/predict", lambda text: {"text": text}, lambda answer: answer["label"])
_A_LIST = Dialect("/predict", lambda text: {"texts": [text]}, lambda answer: answer[0]["label"])
_MLFLOW = Dialect(
    "/invocations",
    lambda text: {"inputs": [text]},
    lambda answer: answer["predictions"][0]["label"],
)
_INFINITY = Dialect(
    "/classify",
    lambda text: {"input": [text], "model": MODEL},
    lambda answer: max(answer["data"][0], key=lambda one: one["score"])["label"],
)


@dataclass(frozen=True, slots=True)
class Entrant:
    """A server that takes part.

    Attributes:
        what: It is, for the table.
        launch: What starts it, given the model and a port.
        environment: Of Python, under `build/peers`; None for that of classmark.
    """

    what: str
    launch: Callable[[Artifacts, int], Launch]
    environment: str | None = None


def install(name: str) -> None:
    """Make a peer's environment, unless it is there as its requirements want it.

    Raises:
        ServerError: pip can't.
    """
    if name != _SHARED:
        install(_SHARED)
    place, wanted = _ENVIRONMENTS / name, _PEERS / name / "requirements.txt"
    stamp = place / "installed.txt"
    if stamp.exists() and stamp.read_bytes() == wanted.read_bytes():
        return
    print(f"Installing {name} into {place} ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
    if name != _SHARED:
        _site_packages(name).joinpath("shared.pth").write_text(f"{_site_packages(_SHARED)}\n")
    pip = [_binary(name, "python"), "-m", "pip", "install", "--quiet", "-r", str(wanted)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerError(f"pip can't install it: {done.stderr.strip()[-300:]}")
    stamp.write_bytes(wanted.read_bytes())


def _site_packages(name: str) -> Path:
    return next((_ENVIRONMENTS / name / "lib").glob("python*/site-packages"))


def _binary(name: str, program: str) -> str:
    return str(_ENVIRONMENTS / name / "bin" / program)


def _script(name: str, file: str = "server.py") -> str:
    return str(_PEERS / name / file)


def _classmark(**settings: str) -> Callable[[Artifacts, int], Launch]:
    """Started with settings of serving, and so many workers."""
    workers = settings.pop("workers", "1")

    def launch(artifacts: Artifacts, port: int) -> Launch:
        options = ["--home", str(artifacts.home), "--port", str(port), "--workers", workers]
        command = [sys.executable, "-m", "classmark", "serve", "--no-ui", *options]
        named = {f"CLASSMARK_SERVING__{key.upper()}": value for key, value in settings.items()}
        return Launch(command, _OURS, named)

    return launch


def _uvicorn(name: str, model: Callable[[Artifacts], Path]) -> Callable[[Artifacts, int], Launch]:
    def launch(artifacts: Artifacts, port: int) -> Launch:
        where = ["--app-dir", str(_PEERS / name), "--host", "127.0.0.1", "--port", str(port)]
        command = [_binary("fastapi", "uvicorn"), "server:app", *where, "--no-access-log"]
        return Launch(command, _ONE_TEXT, {"MODEL": str(model(artifacts))})

    return launch


def _own_script(name: str) -> Callable[[Artifacts, int], Launch]:
    def launch(artifacts: Artifacts, port: int) -> Launch:
        command = [_binary(name, "python"), _script(name), str(port)]
        return Launch(command, _ONE_TEXT, {"MODEL": str(artifacts.transformer)})

    return launch


def _bentoml(artifacts: Artifacts, port: int) -> Launch:
    where = ["--working-dir", str(_PEERS / "bentoml"), "--host", "127.0.0.1", "--port", str(port)]
    command = [_binary("bentoml", "bentoml"), "serve", "server:Classifier", *where]
    home = artifacts.folder / "bentoml"
    return Launch(
        command, _A_LIST, {"MODEL": str(artifacts.transformer), "BENTOML_HOME": str(home)}
    )


def _mlflow(artifacts: Artifacts, port: int) -> Launch:
    model = _converted("mlflow", "save.py", artifacts)
    where = ["--host", "127.0.0.1", "--port", str(port), "--env-manager", "local"]
    command = [_binary("mlflow", "mlflow"), "models", "serve", "--model-uri", str(model), *where]
    # It starts its server by name.
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    return Launch(command, _MLFLOW, {"PATH": path})


def _infinity(artifacts: Artifacts, port: int) -> Launch:
    model = _converted("infinity", "export.py", artifacts)
    # Its engine finds the graph of a folder only where that is the one it works in.
    program = ["env", "--chdir", str(model), _binary("infinity", "infinity_emb"), "v2"]
    named = ["--model-id", ".", "--served-model-name", MODEL, "--engine", "optimum"]
    # It does not cut texts, and would warm up with some that are too long for the model.
    named += ["--no-model-warmup"]
    where = ["--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    return Launch([*program, *named, *where], _INFINITY)


def _converted(name: str, script: str, artifacts: Artifacts) -> Path:
    """The model as a peer wants it, made once by the peer's own script."""
    target = artifacts.folder / name
    if not target.exists():
        environment = os.environ | {"MODEL": str(artifacts.transformer), "HF_HUB_OFFLINE": "1"}
        command = [_binary(name, "python"), _script(name, script), str(target)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerError(f"{script} fails: {done.stderr.strip()[-300:]}")
    return target


def _has_cache() -> bool:
    return "cache_bytes" in ServingSettings.__dataclass_fields__


def _ours() -> dict[str, Entrant]:
    """Our server as it is asked new texts only, and as it is asked some again."""
    without: dict[str, Any] = {"cache_bytes": "0"} if _has_cache() else {}
    entrants = {
        "classmark": Entrant("`classmark serve`", _classmark(**without)),
        "classmark-2": Entrant(
            "`classmark serve --workers 2`, a thread each",
            _classmark(workers="2", threads="1", **without),
        ),
    }
    if _has_cache():
        entrants["classmark-cache"] = Entrant(
            "`classmark serve`, texts that were asked before", _classmark()
        )
    return entrants


ENTRANTS: Mapping[str, Entrant] = _ours() | {
    "fastapi_onnx": Entrant(
        "FastAPI, classmark's graph by ONNX Runtime",
        _uvicorn("fastapi_onnx", lambda artifacts: artifacts.version),
        "fastapi",
    ),
    "fastapi": Entrant(
        "FastAPI, pipeline of transformers",
        _uvicorn("fastapi", lambda artifacts: artifacts.transformer),
        "fastapi",
    ),
    "litserve": Entrant("LitServe, batches of 16", _own_script("litserve"), "litserve"),
    "bentoml": Entrant("BentoML, adaptive batches of 16", _bentoml, "bentoml"),
    "mlflow": Entrant("`mlflow models serve`", _mlflow, "mlflow"),
    "ray": Entrant("Ray Serve, batches of 16", _own_script("ray"), "ray"),
    "infinity": Entrant("infinity, int8 by Optimum", _infinity, "infinity"),
}
