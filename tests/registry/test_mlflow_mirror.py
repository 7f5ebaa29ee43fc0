"""MLflow follows what is live here, has each version once, and holds nothing up."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from tests.registry.model_registry import ModelRegistry
from tests.training.tracking_server import TrackingServer

from classmark.database import Database
from classmark.errors import (
    ConflictError,
    MissingExtraError,
    SettingError,
    TamperedVersionError,
    UnavailableError,
    VersionExistsError,
)
from classmark.models import load_classifier
from classmark.registry import (
    MirrorSettings,
    MlflowMirror,
    ModelReference,
    RegisteredVersion,
    Registry,
    VersionDraft,
)

Draft = Callable[..., VersionDraft]
MirroredRegistry = Callable[[MlflowMirror], Registry]
GONE = (sys.executable, "-c", "")
TEXTS = ("Joins in relational databases", "Translation of rare languages")
# Loads what is live, what was changed on the way, and what had a pickle planted into it.
LOADING = """
import json, os, sys
from pathlib import Path
import mlflow, pandas as pd
url, model, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
mlflow.set_tracking_uri(url)
texts = pd.DataFrame({"text": sys.argv[4:]})
live = f"models:/{model}@production"
found = {}

class Evil:
    def __reduce__(self):
        return (os.mkdir, (str(folder / "ran"),))

def refused(ask):
    try:
        ask()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def brought(name):
    there = folder / name
    there.mkdir()
    return Path(mlflow.artifacts.download_artifacts(live, dst_path=str(there)))

import pickle
loaded = mlflow.pyfunc.load_model(live)
found["answers"] = loaded.predict(texts).to_dict("records")
found["example"] = len(loaded.predict(loaded.input_example))
found["requirements"] = Path(mlflow.pyfunc.get_model_dependencies(live)).read_text()
found["no column"] = refused(lambda: loaded.predict(pd.DataFrame({"txt": ["a"]})))
found["no text"] = refused(lambda: loaded.predict(pd.DataFrame({"text": ["a", " "]})))
pinned = {"digest": "00" * 32}
found["pinned"] = refused(lambda: mlflow.pyfunc.load_model(live, model_config=pinned))
changed = brought("changed")
(config,) = changed.glob("data/*/config.json")
config.write_bytes(config.read_bytes().replace(b"linear", b"Linear", 1))
found["changed"] = refused(lambda: mlflow.pyfunc.load_model(str(changed)))
planted = brought("planted")
(config,) = planted.glob("data/*/config.json")
(config.parent / "model.pkl").write_bytes(pickle.dumps(Evil()))
found["planted"] = refused(lambda: mlflow.pyfunc.load_model(str(planted)))
beside = brought("beside")
(beside / "python_model.pkl").write_bytes(pickle.dumps(Evil()))
found["beside"] = refused(lambda: mlflow.pyfunc.load_model(str(beside)))
found["ran"] = (folder / "ran").exists()
(folder / "found.json").write_text(json.dumps(found))
"""

# Somebody newer takes over a state between another's look at the tag and its move of the alias.
OVERTAKING = """
import sys
from mlflow import MlflowClient
from classmark.registry.mlflow_process import Mirror

class Slow(MlflowClient):
    def set_registered_model_alias(self, *what):
        if newer:
            newer.pop()()
        super().set_registered_model_alias(*what)

uri = sys.argv[1]
client = MlflowClient(uri, uri)
client.create_registered_model("raced", tags={"classmark.sequence": "0"})
for number in ("v1.0.0", "v1.0.1", "v1.0.1"):
    client.create_model_version("raced", "s3://b/" + number, tags={"classmark.version": number})
newer = [lambda: Mirror(client).follow("raced", 4, "v1.0.1", [], {"v1.0.0": "archived"})]
Mirror(Slow(uri, uri)).follow("raced", 3, "v1.0.0", [], {})
tag = client.get_registered_model("raced").tags["classmark.sequence"]
live = client.get_model_version_by_alias("raced", "production").version
Mirror(client).follow("raced", 5, None, [], {})
left = client.get_registered_model("raced").aliases
status = client.get_model_version("raced", 1).tags["classmark.status"]
print([tag, str(live), left, status])
"""


@pytest.fixture
def database_url(home: Path) -> str:
    """What MLflow is told is the same whatever database it was read from."""
    return f"sqlite:///{home / 'classmark.db'}"


@pytest.fixture
def mirrored(database: Database, home: Path, clock: Callable[[], datetime]) -> MirroredRegistry:
    def make(mirror: MlflowMirror) -> Registry:
        return Registry(database, home / "models", now=clock, actor="ada", followers=[mirror])

    return make


@pytest.fixture
def mirror(mlflow_server: TrackingServer) -> MlflowMirror:
    return MlflowMirror(MirrorSettings(mlflow_server.url, timeout_seconds=60))


@pytest.fixture
def registry(mirrored: MirroredRegistry, mirror: MlflowMirror) -> Registry:
    return mirrored(mirror)


@pytest.fixture
def there(mlflow_server: TrackingServer) -> ModelRegistry:
    return ModelRegistry(mlflow_server.url)


def latest(model: str) -> ModelReference:
    return ModelReference(model, role="latest")


def test_a_server_that_is_not_there_holds_no_promotion_up(
    mirrored: MirroredRegistry, draft: Draft, caplog: pytest.LogCaptureFixture
) -> None:
    uri = "http://ada:hush%40hush@127.0.0.1:9"
    registry = mirrored(MlflowMirror(MirrorSettings(uri, timeout_seconds=60)))
    registry.register(draft())
    begin = time.monotonic()
    live = registry.promote(latest("shelves"))
    assert time.monotonic() - begin < 60
    assert registry.state("shelves").live == live
    assert "MLflow does not follow the change of shelves yet" in caplog.text
    assert "MLflow at http://127.0.0.1:9 can't be used" in caplog.text
    assert "it can't be reached" in caplog.text
    assert "hush" not in caplog.text + repr(MirrorSettings(uri))


@pytest.mark.parametrize("process", [GONE, ("/nothing/is/here",)])
def test_a_process_that_ends_or_can_not_be_started_is_told(
    process: tuple[str, ...], registry: Registry, draft: Draft
) -> None:
    version = registry.register(draft())
    mirror = MlflowMirror(MirrorSettings("http://127.0.0.1:9"), process=process)
    with pytest.raises(UnavailableError, match=r"MLflow at http://127.0.0.1:9 can't be used"):
        mirror.publish(version)


def test_where_mlflow_is_not_installed_the_extra_is_named(
    registry: Registry, draft: Draft, mirror: MlflowMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registry.register(draft())
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match="tracking"):
        mirror.publish(version)


@pytest.mark.slow
def test_what_was_missed_is_made_up_for(
    registry: Registry,
    draft: Draft,
    mlflow_server: TrackingServer,
    mirrored: MirroredRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    there = ModelRegistry(mlflow_server.url)
    first, second = registry.register(draft("made-up")), registry.register(draft("made-up"))
    registry.promote(ModelReference("made-up", first.version))
    before = registry.state("made-up")
    assert there.live("made-up") == "v1.0.0"
    mlflow_server.tell(signal.SIGSTOP)
    try:
        hasty = mirrored(MlflowMirror(MirrorSettings(mlflow_server.url, timeout_seconds=1)))
        hasty.promote(ModelReference("made-up", second.version))
    finally:
        mlflow_server.tell(signal.SIGCONT)
    assert "MLflow does not follow the change of made-up yet" in caplog.text
    assert there.live("made-up") == "v1.0.0"
    registry.delete(ModelReference("made-up", first.version))
    assert there.live("made-up") == "v1.0.1"
    (left,) = there.versions("made-up").values()
    assert left.tags["classmark.status"] == "production"
    assert not any(mlflow_server.artifacts.rglob(f"{first.name}-*/**/manifest.json"))
    assert there.tags("made-up")["classmark.sequence"] == "5 v1.0.1"
    MlflowMirror(MirrorSettings(mlflow_server.url, timeout_seconds=60)).follow(before)
    assert there.live("made-up") == "v1.0.1"


@pytest.mark.slow
def test_a_version_is_published_once_with_what_is_known_of_it(
    registry: Registry,
    draft: Draft,
    mlflow_server: TrackingServer,
    there: ModelRegistry,
) -> None:
    experiment = there.tell("experiments/create", name="once")["experiment_id"]
    run = there.tell("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    plain = draft("once")
    link = {"uri": f"{mlflow_server.url}/", "run_id": run, "problem": ""}
    version = registry.register(replace(plain, metadata={**plain.metadata, "tracking": link}))

    def publish(_: int) -> None:
        MlflowMirror(MirrorSettings(mlflow_server.url, timeout_seconds=60)).publish(version)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(publish, range(2)))
    (published,) = there.versions("once").values()
    assert published.run_id == run
    assert published.tags == {
        "classmark.version": "v1.0.0",
        "classmark.digest": version.digest,
        "classmark.status": "testing",
        "classmark.dataset_fingerprint": "ab" * 32,
    }
    assert published.description.startswith("# Model card of `once_v1.0.0`")
    assert len(list(mlflow_server.artifacts.rglob("once_v1.0.0-*"))) == 1
    assert there.live("once") is None


@pytest.mark.slow
def test_what_is_not_ours_or_can_not_be_there_is_refused(
    registry: Registry, draft: Draft, mirror: MlflowMirror, there: ModelRegistry
) -> None:
    version = registry.register(draft("refused"))
    table = replace(version, metadata={**version.metadata, "dataset": {"kind": "table"}})
    with pytest.raises(SettingError, match="predicts tables"):
        mirror.publish(table)
    with pytest.raises(ConflictError, match="is live"):
        mirror.unpublish(registry.promote(latest("refused")))
    with pytest.raises(VersionExistsError, match=r"another refused v1\.0\.0"):
        mirror.publish(replace(version, digest="00" * 32))
    there.tell("registered-models/create", name="foreign")
    with pytest.raises(ConflictError, match="did not make"):
        mirror.publish(replace(version, model="foreign"))
    changed = registry.register(draft("refused"))
    (changed.folder / "config.json").write_bytes(b"{}")
    with pytest.raises(TamperedVersionError):
        mirror.publish(changed)
    assert list(there.versions("refused")) == ["v1.0.0"]


def check_loading(url: str, live: RegisteredVersion, folder: Path) -> None:
    """What is live there answers as it does here, and nothing else is loaded."""
    command = [sys.executable, "-c", LOADING, url, live.model, str(folder), *TEXTS]
    subprocess.run(command, check=True, capture_output=True)
    found = json.loads((folder / "found.json").read_text())
    classifier = load_classifier(live.folder)
    for text, row in zip(TEXTS, found["answers"], strict=True):
        answer = classifier.classify(text)
        assert (row["label"], row["confidence"]) == (answer.label, answer.confidence)
        assert row["labels"] == list(answer.labels)
        of_classes = [row[f"probability_{label}"] for label in classifier.labels]
        assert of_classes == list(answer.probabilities)
    assert found["example"] == 1
    assert "classmark==" in found["requirements"]
    assert "text" in found["no column"]
    assert "Row 2 has no text" in found["no text"]
    assert "manifest.json was changed" in found["pinned"]
    assert "config.json was changed" in found["changed"]
    assert "model.pkl does not belong to it" in found["planted"]
    assert (found["beside"], found["ran"]) == (None, False)


@pytest.mark.slow
def test_what_is_live_there_answers_as_here_and_runs_no_pickle(
    registry: Registry, draft: Draft, mlflow_server: TrackingServer, tmp_path: Path
) -> None:
    registry.register(draft("loaded"))
    live = registry.promote(latest("loaded"))
    check_loading(mlflow_server.url, live, tmp_path)


@pytest.mark.slow
def test_who_is_overtaken_does_what_the_newer_one_said(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OVERTAKING, f"sqlite:///{tmp_path / 'mlflow.db'}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "['4 v1.0.1', '2', {}, 'archived']"
