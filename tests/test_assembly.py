"""The one place that builds: what it puts together, and what it leaves alone."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import httpx
import pytest

from classmark.access import Scope
from classmark.assembly import (
    Home,
    build_app,
    existing_home,
    only_model,
    open_home,
    utc_now,
    worker_app,
)
from classmark.documents import sample_documents
from classmark.errors import NotFoundError, SettingError
from classmark.models import LabelledTexts, TrainingData, family_class
from classmark.predictions import Prediction, Spool
from classmark.progress import Silent
from classmark.registry import Lineage, ModelReference, VersionDraft
from classmark.serving import ServedModel, load_served_model
from classmark.settings import CONFIGURATION, ServeJob

LABELS = ("cs.CV", "cs.DB")
JOB = ServeJob(model="shelf@production", page=False)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chosen = [d for d in sample_documents() if d.label in LABELS and int(d.id[-2:]) <= 10]
    texts, labels = [d.text for d in chosen], [d.label or "" for d in chosen]
    data = TrainingData(
        train=LabelledTexts(texts, labels), validation=LabelledTexts(texts[::5], labels[::5])
    )
    folder = tmp_path_factory.mktemp("artifact")
    family_class("linear").with_parameters({}).train(data, folder, Silent())
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.database.close()


def register(home: Home, model: str, artifact: Path) -> None:
    metadata = {"dataset": {"fingerprint": "00"}, "metrics": {"test": {"accuracy": 0.9}}}
    version = home.registry.register(
        VersionDraft(model, artifact, Lineage("linear", LABELS, "00"), metadata)
    )
    home.registry.promote(ModelReference(model, version.version))


@pytest.fixture
def served(home: Home, artifact: Path) -> ServedModel:
    register(home, "shelf", artifact)
    return load_served_model(home.registry, ModelReference.parse("shelf@production"))


def asked(home: Home, served: ServedModel, *texts: str) -> list[str]:
    """The ids of the answers of an app that lives as long as it takes to give them."""

    async def ask() -> list[str]:
        app = build_app(home, served, JOB)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            answer = await client.post("/predict", json={"texts": texts})
        return [one["id"] for one in answer.json()["predictions"]]

    return asyncio.run(ask())


def test_the_clock_knows_its_zone() -> None:
    assert utc_now().tzinfo is UTC


def test_a_home_is_not_made_before_something_is_written(home: Home) -> None:
    assert home.datasets.names() == []
    assert not home.folder.exists()


def test_everything_lies_under_the_home(home: Home) -> None:
    assert {home.reports.parent, home.results.parent} == {home.folder}
    assert home.log.count() == 0
    assert [path.name for path in home.folder.glob("*.db")] == ["classmark.db"]


def test_the_threads_are_those_that_are_set(tmp_path: Path) -> None:
    assert open_home(tmp_path).threads >= 1
    (tmp_path / CONFIGURATION).write_text("serving: {threads: 3}\n")
    assert open_home(tmp_path).threads == 3


def test_a_home_that_must_be_there_is_told_where_it_is_not(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no home at") as refused:
        existing_home(tmp_path / "none")
    assert str(refused.value).startswith(f"There is no home at {tmp_path / 'none'}. ")
    assert "classmark quickstart" in str(refused.value)
    assert "classmark prepare" in str(refused.value)
    with pytest.raises(NotFoundError, match="the folder is there, and holds none yet"):
        existing_home(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "data").mkdir()
    assert existing_home(tmp_path).folder == tmp_path


def test_the_only_model_need_not_be_named(home: Home, artifact: Path) -> None:
    with pytest.raises(SettingError, match="There is no model yet"):
        only_model(home.registry)
    register(home, "shelf", artifact)
    assert only_model(home.registry) == "shelf"
    register(home, "desk", artifact)
    with pytest.raises(SettingError, match="There are desk, shelf"):
        only_model(home.registry)


def test_what_was_answered_is_in_the_log_when_the_app_has_ended(
    home: Home, served: ServedModel
) -> None:
    ids = asked(home, served, "A table of tuples", "An image")
    assert [home.log.find(one).text for one in ids] == ["A table of tuples", "An image"]
    assert home.log.count() == 2
    assert list((home.folder / "spool").iterdir()) == []


def test_where_keys_are_required_those_of_the_home_open(home: Home, served: ServedModel) -> None:
    made = home.keys.create("desk", [Scope.PREDICT])
    (home.folder / CONFIGURATION).write_text("serving: {api_keys: required}\n")
    guarded = open_home(home.folder)

    async def ask(headers: dict[str, str]) -> int:
        app = build_app(guarded, served, JOB)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            return (await client.get("/model/info", headers=headers)).status_code

    assert asyncio.run(ask({})) == 401
    assert asyncio.run(ask({"X-API-Key": str(made.written)})) == 200
    guarded.database.close()


def test_what_another_process_left_is_logged_too(home: Home, served: ServedModel) -> None:
    left = Prediction(
        id="left", model="shelf", version="v1.0.0", text="t", label="cs.DB", confidence=0.9,
        latency_ms=1.0, user_id=None, at=utc_now(),
    )  # fmt: skip
    dead = Spool(home.folder / "spool", home.log)
    dead.append([left])
    dead.close()
    asked(home, served, "An image")
    assert home.log.find("left") == left


def test_the_log_is_filled_while_the_app_lives(home: Home, served: ServedModel) -> None:
    async def ask() -> None:
        app = build_app(home, served, JOB)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            await client.post("/predict", json={"texts": ["An image"]})
            await asyncio.to_thread(wait_until_logged, home)

    asyncio.run(ask())


def wait_until_logged(home: Home) -> None:
    end = time.monotonic() + 20
    while home.log.count() == 0:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_app_ends_well_while_the_database_is_away(
    home: Home, served: ServedModel, caplog: pytest.LogCaptureFixture
) -> None:
    (home.folder / "spool").mkdir(mode=0o700)
    database = home.folder / "classmark.db"
    home.database.close()
    away = database.rename(database.with_suffix(".away"))
    database.mkdir()
    ids = asked(home, served, "An image")
    assert "Predictions wait in the spool" in caplog.text
    database.rmdir()
    away.rename(database)
    assert home.log.count() == 0
    asked(home, served, "A table of tuples")
    assert home.log.find(ids[0]).text == "An image"
    assert home.log.count() == 2


def test_a_worker_builds_what_its_parent_handed_on(
    home: Home, served: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSMARK_HOME", str(home.folder))
    monkeypatch.setenv("CLASSMARK_SERVE_MODEL", f"shelf@{served.version.version}")
    monkeypatch.setenv("CLASSMARK_SERVE_PAGE", "False")
    paths = {getattr(route, "path", "") for route in worker_app().routes}
    assert {"/predict", "/feedback", "/metrics"} <= paths
    assert "/ui" not in paths


def test_a_home_publishes_where_it_is_told_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = open_home(tmp_path)
    assert alone.places == {}
    monkeypatch.setenv("CLASSMARK_MIRROR__MLFLOW_URI", "http://127.0.0.1:9")
    mirrored = open_home(tmp_path)
    assert {key: place.name for key, place in mirrored.places.items()} == {"mlflow": "MLflow"}
    for home in (alone, mirrored):
        home.database.close()
