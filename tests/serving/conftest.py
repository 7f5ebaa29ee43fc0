"""A registered version, and servers that answer with it over real HTTP."""

import copy
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from classmark.access import KeyStore, Scope
from classmark.database import Database
from classmark.errors import ClassmarkError
from classmark.models import Calibration, Classifier, write_calibration
from classmark.monitoring import ServingMetrics
from classmark.predictions import Prediction, PredictionLog, Spool
from classmark.registry import Lineage, ModelReference, Registry, VersionDraft
from classmark.serving import (
    Address,
    AnswerCache,
    ApiParts,
    Keyring,
    PatientConfig,
    Predictor,
    Scheduler,
    ServedModel,
    ServingSettings,
    create_api,
    listening_socket,
    load_served_model,
)

LABELS = ("cs.CL", "cs.CV", "cs.DB")
# Of a version that answered before the one that is served; of v0.1.0 nothing is known any more.
OLDER_LABELS = {"v0.9.0": ("cs.DB", "cs.OS")}
METRICS = {"test": {"accuracy": 0.9, "macro_f1": 0.8}}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory, artifact: Path) -> Path:
    """A home with one version in production; nobody changes it."""
    return live_home(tmp_path_factory.mktemp("shared") / "home", artifact)


@pytest.fixture(scope="session")
def unsure_home(tmp_path_factory: pytest.TempPathFactory, artifact: Path) -> Path:
    """The same, of a version that abstains from whatever it is not quite certain of."""
    folder = tmp_path_factory.mktemp("unsure")
    unsure = Path(shutil.copytree(artifact, folder / "artifact"))
    write_calibration(unsure, Calibration(abstain_below=1.0))
    return live_home(folder / "home", unsure)


def live_home(home: Path, artifact: Path) -> Path:
    """A new home with one version in production."""
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    registry = Registry(database, home / "models", now=now, actor="ada")
    figures = {part: {**numbers, "per_class": {}} for part, numbers in METRICS.items()}
    metadata = {"dataset": {"fingerprint": "00"}, "metrics": figures}
    version = registry.register(
        VersionDraft("shelves", artifact, Lineage("linear", LABELS, "00"), metadata)
    )
    registry.promote(ModelReference("shelves", version.version))
    database.close()
    return home


@pytest.fixture(scope="session")
def served(shared_home: Path) -> ServedModel:
    """The version in production, loaded."""
    database = Database(f"sqlite:///{shared_home / 'classmark.db'}")
    registry = Registry(database, shared_home / "models", now=now, actor="ada")
    found = load_served_model(registry, ModelReference.parse("shelves@production"))
    database.close()
    return found


@pytest.fixture(scope="session")
def unsure(served: ServedModel) -> ServedModel:
    """The same version, abstaining where it is less confident than on most sample documents."""
    classifier = copy.copy(served.classifier)
    classifier.calibration = Calibration(abstain_below=0.7)
    return replace(served, classifier=classifier)


@dataclass(frozen=True, slots=True)
class SpoolListener:
    """Puts answers on disk before they go out."""

    spool: Spool

    def on_predictions(self, predictions: Sequence[Prediction]) -> None:
        self.spool.append(predictions)

    def on_cached(self, count: int) -> None:
        """They were put there all the same."""

    def on_dropped(self, count: int) -> None:
        raise AssertionError(count)

    def on_error(self, error: ClassmarkError) -> None:
        """Nothing was said."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers, and the parts behind it."""

    client: httpx.Client
    port: int
    log: PredictionLog
    spool: Spool
    spool_folder: Path
    keys: KeyStore

    def key(self, *scopes: Scope) -> dict[str, str]:
        """The header of a new key with these scopes."""
        return {"Authorization": f"Bearer {self.keys.create('desk', scopes).written}"}


# Settings, and another classifier than the trained one -> a server that answers.
Start = Callable[..., Running]


@pytest.fixture
def start(served: ServedModel, tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(
            settings: ServingSettings | None = None, classifier: Classifier | None = None
        ) -> Running:
            model = replace(served, classifier=classifier or served.classifier)
            home = tmp_path / "home"
            return stack.enter_context(running(home, model, settings or ServingSettings(threads=2)))

        yield begin


@contextmanager
def running(
    home: Path,
    model: ServedModel,
    settings: ServingSettings,
    production: Callable[[], str | None] | None = None,
    add: Callable[[FastAPI, ApiParts], None] = lambda _app, _parts: None,
) -> Iterator[Running]:
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    log = PredictionLog(database)
    keys = KeyStore(database, now=now, actor="ada")
    keyring = Keyring(keys.unrevoked, now=now, seconds=time.monotonic)
    spool = Spool(home / "spool", log)
    metrics = ServingMetrics(model.version.model, str(model.version.version))
    scheduler = Scheduler(settings.worker_threads, settings.queue)
    cache = AnswerCache(settings.cache_bytes)
    predictor = Predictor(model, scheduler, [SpoolListener(spool), metrics], cache, now=now)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        scheduler.close()
        spool.close()

    parts = ApiParts(
        predictor=predictor,
        log=log,
        spool=spool,
        metrics=metrics,
        settings=settings,
        lifespan=lifespan,
        production=production or (lambda: "v1.0.0"),
        labels_of=lambda made: OLDER_LABELS.get(made.version),
        keyring=keyring if settings.api_keys == "required" else None,
    )
    api = create_api(parts)
    add(api, parts)
    configuration = PatientConfig(api, client_seconds=settings.client_seconds, log_level="warning")
    with (
        listening_socket(Address("127.0.0.1", 0)) as listener,
        answering(uvicorn.Server(configuration), listener),
        httpx.Client(
            base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30
        ) as client,
    ):
        yield Running(client, listener.getsockname()[1], log, spool, home / "spool", keys)
    database.close()


@contextmanager
def answering(server: uvicorn.Server, listener: object) -> Iterator[None]:
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def api(served: ServedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of a module that only ask."""
    home = tmp_path_factory.mktemp("api") / "home"
    with running(home, served, ServingSettings(threads=2)) as server:
        yield server
