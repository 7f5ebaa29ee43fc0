"""The one place that builds the real thing from settings."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from classmark.access import KeyStore
from classmark.database import Database
from classmark.datasets import DatasetStore, TableStore
from classmark.documents import Collector, HarvestStore
from classmark.errors import (
    ClassmarkError,
    MissingExtraError,
    NotFoundError,
    SettingError,
)
from classmark.monitoring import ServingMetrics
from classmark.predictions import Drainer, PredictionLog, Recorder, Spool
from classmark.registry import (
    DataKeeper,
    DataPlaces,
    MlflowMirror,
    ModelReference,
    Place,
    Registry,
    VersionStorage,
)
from classmark.serving import (
    AnswerCache,
    ApiParts,
    Beginning,
    Keyring,
    ModelVersions,
    Predictor,
    ProductionFollower,
    Scheduler,
    ServedModel,
    collect_garbage_seldom,
    create_api,
    following_production,
    load_for_worker,
)
from classmark.settings import ServeJob, Settings, load_settings

if TYPE_CHECKING:
    from classmark.training import Tracker

logger = logging.getLogger(__name__)

# By name: they need an extra and are loaded when they are asked for.
_PAGE = "classmark.serving.page"
_TRAINING = "classmark.training"


def utc_now() -> datetime:
    """The clock of the real thing."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Home:
    """Everything that lies under one home folder.

    Attributes:
        settings: Of this home.
        database: State and history.
        datasets: What we learn from.
        registry: What we have.
        log: What was said.
        places: Where versions are published to, by the name of their settings.
    """

    settings: Settings
    database: Database
    datasets: DatasetStore
    registry: Registry
    log: PredictionLog
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def storage(self) -> VersionStorage | None:
        """Where versions are kept beside the home, if anywhere."""
        place = self.places.get("storage")
        return place if isinstance(place, VersionStorage) else None

    @property
    def folder(self) -> Path:
        """The home folder itself."""
        return self.settings.home

    @property
    def keys(self) -> KeyStore:
        """The keys of those who may ask."""
        return KeyStore(self.database, now=utc_now, actor=self.settings.actor)

    @property
    def reports(self) -> Path:
        """Where evaluations are written."""
        return self.folder / "reports"

    @property
    def results(self) -> Path:
        """Where batch jobs write."""
        return self.folder / "results"

    @property
    def data(self) -> Path:
        """Where datasets and tables are kept."""
        return self.folder / "data"

    @property
    def studies(self) -> Path:
        """Where searches keep what they found."""
        return self.folder / "tuning"

    @property
    def tables(self) -> TableStore:
        """Tables that we learn from."""
        return TableStore(self.folder / "data")

    @property
    def collector(self) -> Collector:
        """What collects papers into this home."""
        harvests = HarvestStore(self.database, now=utc_now)
        return Collector(harvests, self.folder / "data", self.settings.collecting)

    @property
    def data_places(self) -> DataPlaces:
        """Where the data lies that retention looks at."""
        return DataPlaces(self.data, self.datasets, self.tables, self.collector)

    @property
    def data_keeper(self) -> DataKeeper:
        """What removes data by rule."""
        settings = self.settings
        return DataKeeper(
            self.registry, self.data_places, settings.retention, now=utc_now, actor=settings.actor
        )

    @property
    def tracker(self) -> "Tracker":
        """What keeps the record of training runs.

        Raises:
            MissingExtraError: What training needs is not installed.
        """
        try:
            training = import_module(_TRAINING)
        except ModuleNotFoundError as error:
            raise MissingExtraError("Training", extra="train") from error
        tracking = self.settings.tracking
        found: Tracker = (
            training.MlflowTracker(
                self.folder / "tracking", tracking.uri, timeout_seconds=tracking.timeout_seconds
            )
            if tracking.is_on
            else training.Untracked()
        )
        return found

    @property
    def threads(self) -> int:
        """Texts that are computed at once."""
        return self.settings.serving.worker_threads


def open_home(folder: Path | None = None) -> Home:
    """The home in a folder; what is missing is made when it is first written to.

    Raises:
        SettingError: Its settings can't be used.
        MissingExtraError: Its database is PostgreSQL, whose driver is not installed.
    """
    settings = load_settings(folder)
    database = Database(settings.database)
    places = _places(settings)
    registry = Registry(
        database,
        settings.home / "models",
        now=utc_now,
        actor=settings.actor,
        followers=tuple(places.values()),
    )
    return Home(
        settings=settings,
        database=database,
        datasets=DatasetStore(settings.home / "data"),
        registry=registry.trusting(settings.trust),
        log=PredictionLog(database),
        places=places,
    )


def _places(settings: Settings) -> dict[str, Place]:
    """Where versions are published to, by the name of the settings that say so."""
    places: dict[str, Place] = {}
    if settings.storage.uri:
        places["storage"] = VersionStorage(settings.storage, now=utc_now)
    if settings.mirror.mlflow_uri:
        places["mlflow"] = MlflowMirror(settings.mirror)
    return places


def existing_home(folder: Path | None = None) -> Home:
    """The home in a folder that is there already: to look into a home makes none.

    Raises:
        SettingError: Its settings can't be used.
        NotFoundError: There is no such folder, or no home in it.
    """
    home = open_home(folder)
    begun = (home.folder / name for name in ("classmark.db", "data", "models"))
    if home.settings.database_url or any(path.exists() for path in begun):
        return home
    yet = ": the folder is there, and holds none yet" if home.folder.exists() else ""
    raise NotFoundError(
        f"There is no home at {home.folder}{yet}.",
        remedy="Name another with --home, or begin one: classmark quickstart, or with documents of"
        " yours: classmark prepare",
    )


def only_model(registry: Registry) -> str:
    """The model's name where there is just one.

    Raises:
        SettingError: There is none, or several.
    """
    models = registry.models()
    if len(models) == 1:
        return models[0]
    raise SettingError(
        f"Which model? There are {', '.join(models)}." if models else "There is no model yet.",
        remedy="Name one with --model." if models else "Start with: classmark quickstart",
    )


def build_app(home: Home, served: ServedModel, job: ServeJob) -> FastAPI:
    """The API of a loaded model that follows production, with its page if it is asked for.

    Raises:
        MissingExtraError: The page is asked for and gradio is not installed.
    """
    settings = home.settings.serving
    spool = Spool(home.folder / "spool", home.log)
    drainer = Drainer(spool, settings.drain_seconds)
    metrics = ServingMetrics(
        served.version.model,
        str(served.version.version),
        is_fallback=served.fallback is not None,
        several_workers=job.workers > 1,
    )
    scheduler = Scheduler(settings.worker_threads, settings.queue)
    recorder = Recorder(spool, refuses=settings.unrecorded == "refuse")
    listeners, cache = (recorder, metrics), AnswerCache(settings.cache_bytes)
    served = served.on_cores(settings.worker_threads)
    predictor = Predictor(served, scheduler, listeners, cache, now=utc_now)
    keyring = _keyring(home)
    versions = ModelVersions(home.registry, served.version.model, settings.worker_threads)
    follower = ProductionFollower(
        predictor, versions, metrics, now=time.monotonic, sleep=asyncio.sleep
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        collect_garbage_seldom()
        drainer.begin()
        if keyring is not None:
            await keyring.begin()
        async with following_production(follower, settings.follow_seconds):
            yield
        scheduler.close()
        await asyncio.to_thread(drainer.end)
        spool.close()

    parts = ApiParts(
        predictor=predictor,
        log=home.log,
        spool=spool,
        metrics=metrics,
        settings=settings,
        lifespan=lifespan,
        production=versions.production,
        labels_of=versions.labels_of,
        keyring=keyring,
        front="/ui" if job.page else "/docs",
    )
    app = create_api(parts)
    if job.page:
        check_page_extra()
        import_module(_PAGE).mount_page(app, parts)
    return app


def _keyring(home: Home) -> Keyring | None:
    """What knows the keys; None where nobody needs one."""
    if home.settings.serving.api_keys == "off":
        return None
    return Keyring(home.keys.unrevoked, now=utc_now, seconds=time.monotonic)


def worker_app() -> FastAPI:
    """The app of one of several worker processes; settings come by environment."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()
    home = open_home()
    job = ServeJob.handed_on()
    try:
        beginning = Beginning(ModelReference.parse(job.model), job.fallback)
        falls_back = home.settings.serving.fallback
        served = load_for_worker(home.registry, beginning, falls_back=falls_back)
        return build_app(home, served, job)
    except ClassmarkError as error:
        # The next try would end like this one: the server as a whole stops, and says why.
        logger.error("A worker can't start. %s", error)  # noqa: TRY400 (the message says it all)
        os.kill(os.getppid(), signal.SIGTERM)
        raise SystemExit(error.exit_code) from error


def _end_after(parent: BaseProcess) -> None:
    """Let no worker hold the port when what started it was killed."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def check_page_extra() -> None:
    """Let pass whoever has what the page needs.

    Raises:
        MissingExtraError: gradio is not installed.
    """
    if find_spec("gradio") is None:
        raise MissingExtraError("The web page", extra="ui")
