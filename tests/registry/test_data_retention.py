"""Which data goes and which stays, and that a kill at any moment loses nothing but time."""

import gzip
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.database import Database
from classmark.datasets import (
    Dataset,
    DatasetStore,
    DocumentSource,
    PreparationRecipe,
    TableStore,
    prepare,
)
from classmark.documents import (
    CollectingSettings,
    Collector,
    HarvestStore,
    QualityRules,
    Query,
    sample_documents,
)
from classmark.documents.collecting.paper import Paper
from classmark.documents.collecting.source import Page
from classmark.errors import ConflictError, UnknownDatasetError
from classmark.registry import (
    DataKeeper,
    DataPlaces,
    Lineage,
    ModelReference,
    RegisteredVersion,
    Registry,
    RetentionSettings,
    Status,
    Version,
    VersionDraft,
)
from classmark.registry.data_retention import HeldData, data_removals

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
LABELS = frozenset({"cs.CV", "cs.DB", "cs.RO"})
KILLED = 9
# What changes a file system, or is about to.
STEPS = {"os.rename", "os.remove", "os.rmdir", "os.symlink", "shutil.rmtree", "open"}


# The rule


def version(number: int, status: Status, snapshot: str) -> RegisteredVersion:
    told = {"dataset": {"name": "papers", "snapshot": snapshot, "fingerprint": snapshot * 2}}
    return RegisteredVersion("shelf", Version(1, 0, number), status, NOW, Path("shelf"), "00", told)


IDS = st.sampled_from(["a", "b", "c", "d"])
HELD = st.builds(
    lambda kind, snapshot, days, is_damaged: HeldData(
        kind,
        "papers",
        "" if kind == "harvest" else snapshot,
        "" if is_damaged or kind == "harvest" else snapshot * 2,
        NOW - timedelta(days=days),
        1,
    ),
    st.sampled_from(["snapshot", "table", "harvest"]),
    IDS,
    st.integers(0, 1000),
    st.booleans(),
)


@given(st.lists(HELD), st.sets(IDS), st.integers(0, 500), st.integers(0, 500))
def test_only_what_is_old_and_not_needed_goes(
    held: list[HeldData], needed: set[str], training_days: int, raw_days: int
) -> None:
    settings = RetentionSettings(training_data_days=training_days, raw_data_days=raw_days)
    versions = [version(n, Status.PRODUCTION, one) for n, one in enumerate(sorted(needed))]
    gone = [one.data for one in data_removals(held, versions, settings, NOW)]
    for data in held:
        is_raw = data.kind == "harvest"
        days = raw_days if is_raw else training_days
        is_old = days > 0 and NOW - data.since >= timedelta(days=days)
        assert (data in gone) == (is_old and (is_raw or data.snapshot not in needed))
    assert gone == [data for data in held if data in gone]


def test_damaged_data_stays_as_long_as_it_may_be_what_a_version_was_made_from() -> None:
    damaged = HeldData("snapshot", "papers", "a", "", NOW - timedelta(days=999), 1)
    of_old_release = version(0, Status.PRODUCTION, "b")
    told = {"dataset": {"name": "papers", "fingerprint": "bb"}}
    needed = [replace(of_old_release, metadata=told)]
    assert list(data_removals([damaged], needed, RetentionSettings(), NOW)) == []
    assert len(list(data_removals([damaged], [of_old_release], RetentionSettings(), NOW))) == 1


# What is done


def prepared(per_class: int, days: int) -> Dataset:
    source = DocumentSource(sample_documents(), {"name": "samples"})
    recipe = PreparationRecipe(QualityRules(labels=LABELS), per_class=per_class)
    return prepare("papers", source, recipe, now=NOW - timedelta(days=days))


@pytest.fixture(scope="module")
def snapshots() -> dict[str, Dataset]:
    """Three of them: `gone` and `live` are old, `new` is what the name points at."""
    days = {"gone": 500, "live": 450, "new": 10}
    return {name: prepared(15 + 5 * number, age) for number, (name, age) in enumerate(days.items())}


def moment(then: datetime) -> datetime:
    return then


@pytest.fixture(scope="module")
def full(
    tmp_path_factory: pytest.TempPathFactory, artifact: Path, snapshots: dict[str, Dataset]
) -> Path:
    """A home that no test changes: three snapshots, one of them live, an old and a new harvest."""
    home = tmp_path_factory.mktemp("full") / "home"
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    for dataset in snapshots.values():
        DatasetStore(home / "data").save(dataset)
    registry = Registry(database, home / "models", now=lambda: NOW, actor="ada")
    for _ in range(2):
        told = {
            "name": "papers",
            "snapshot": snapshots["live"].snapshot_id,
            "fingerprint": snapshots["live"].fingerprint,
        }
        lineage = Lineage("linear", ("cs.CL", "cs.CV", "cs.DB"), told["fingerprint"])
        draft = VersionDraft("shelf", artifact, lineage, {"dataset": told, "metrics": {}})
        registry.promote(ModelReference("shelf", registry.register(draft).version))
    for name, days in (("old", 100), ("new", 10)):
        then = NOW - timedelta(days=days)
        harvests = HarvestStore(database, now=partial(moment, then))
        query = Query(terms=name, until=date(2024, 1, 1))
        begun = harvests.begin("arxiv", query, lambda _: {"start": 0})
        paper = Paper("arxiv", name, f"A title about {name} things", "Text", ("Ada",))
        kept = harvests.keep(begun, b"<feed/>", Page((paper,), None))
        Collector(harvests, home / "data", CollectingSettings()).write_files(kept)
    database.close()
    # Written, by the clock of the test, before anything is removed.
    written = (NOW - timedelta(days=1)).timestamp()
    os.utime(home / "data" / "processed" / "papers.jsonl.gz", (written, written))
    return home


def processed(home: Path) -> list[str]:
    """The ids of the papers in the file of all papers."""
    packed = (home / "data" / "processed" / "papers.jsonl.gz").read_bytes()
    lines = gzip.decompress(packed).splitlines()
    return [orjson.loads(line)["source_id"] for line in lines]


def keeping(
    home: Path, settings: RetentionSettings | None = None
) -> tuple[DataKeeper, DataPlaces, Database]:
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    data = home / "data"
    collector = Collector(HarvestStore(database, now=lambda: NOW), data, CollectingSettings())
    places = DataPlaces(data, DatasetStore(data), TableStore(data), collector)
    registry = Registry(database, home / "models", now=lambda: NOW, actor="ada")
    rule = settings or RetentionSettings()
    keeper = DataKeeper(registry, places, rule, now=lambda: NOW, actor="ada")
    return keeper, places, database


@pytest.fixture
def home(full: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(full, tmp_path / "copy", symlinks=True))


@pytest.fixture
def kept(home: Path) -> Iterator[tuple[DataKeeper, DataPlaces]]:
    keeper, places, database = keeping(home)
    yield keeper, places
    database.close()


def visible(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "data" / "snapshots" / "papers").glob("[!.]*"))


def test_old_data_goes_with_a_receipt_and_what_is_needed_stays(
    home: Path, kept: tuple[DataKeeper, DataPlaces], snapshots: dict[str, Dataset]
) -> None:
    keeper, places = kept
    told = list(keeper.retire(dry_run=True))
    assert not places.record.file.exists()
    assert list(keeper.retire()) == told
    assert [one.data.kind for one in told] == ["snapshot", "harvest"]
    assert visible(home) == sorted(snapshots[name].snapshot_id for name in ("live", "new"))
    assert places.datasets.load("papers").fingerprint == snapshots["new"].fingerprint
    first, second = places.record.receipts()
    assert first["fingerprint"] == snapshots["gone"].fingerprint
    assert (first["actor"], first["reason"]) == (
        "ada",
        "retention: training data older than 365 days",
    )
    assert (second["kind"], second["papers"]) == ("harvest", 1)
    assert [one.name for one in places.collector.held()] != [second["name"]]
    assert not (home / "data" / "raw" / "arxiv" / f"{second['name']}.jsonl.gz").exists()
    assert len(list((home / "data" / "raw" / "arxiv").glob("*.jsonl.gz"))) == 1
    assert processed(home) == ["new"]
    found = places.record.of_snapshot("papers", snapshots["gone"].snapshot_id, "")
    assert found == first
    assert list(keeper.retire()) == []


def test_the_name_goes_with_the_snapshot_that_it_points_at(home: Path) -> None:
    keeper, places, database = keeping(home, RetentionSettings(training_data_days=5))
    assert len(list(keeper.retire())) == 3
    assert places.datasets.names() == []
    with pytest.raises(UnknownDatasetError, match="no dataset"):
        places.datasets.load("papers")
    database.close()


def test_zero_days_keep_everything(home: Path) -> None:
    keeper, _, database = keeping(home, RetentionSettings(training_data_days=0, raw_data_days=0))
    assert list(keeper.retire()) == []
    database.close()


def test_with_a_database_that_knows_no_version_nothing_goes(home: Path) -> None:
    for path in home.glob("classmark.db*"):
        path.unlink()
    keeper, _, database = keeping(home)
    with pytest.raises(ConflictError, match="knows nothing of the model 'shelf'"):
        list(keeper.retire())
    assert len(visible(home)) == 3
    database.close()


def test_a_torn_line_of_the_record_swallows_no_receipt(
    kept: tuple[DataKeeper, DataPlaces],
) -> None:
    keeper, places = kept
    places.record.file.write_bytes(b'{"removal": "a", "ki')
    assert len(list(keeper.retire())) == len(list(places.record.receipts())) == 2


def killed_at(home: Path, step: int) -> bool:
    """Whether a process that removes data was killed at that step; else it was done before."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED
    left, data = [step], str(home / "data")

    def count(event: str, given: tuple[object, ...]) -> None:
        if event in STEPS and str(given[0]).startswith(data):
            left[0] -= 1
            if not left[0]:
                os._exit(KILLED)

    code = 1
    try:
        sys.addaudithook(count)
        list(keeping(home)[0].retire())
        code = 0
    finally:
        os._exit(code)


def test_a_kill_at_any_step_leaves_whole_data_and_the_next_run_ends_it(
    full: Path, tmp_path: Path, snapshots: dict[str, Dataset]
) -> None:
    stayed = {snapshots[name].snapshot_id for name in ("live", "new")}
    for step in range(1, 200):
        home = Path(shutil.copytree(full, tmp_path / str(step), symlinks=True))
        was_killed = killed_at(home, step)
        keeper, places, database = keeping(home)
        for name in visible(home):
            places.datasets.load_snapshot("papers", name)
        list(keeper.retire())
        assert set(visible(home)) == stayed
        receipts = list(places.record.receipts())
        assert {one["kind"] for one in receipts} == {"snapshot", "harvest"}
        assert list(home.glob("data/*/*/.*.removed")) == []
        assert len(places.collector.held()) == 1
        assert len(list((home / "data" / "raw" / "arxiv").glob("*.jsonl.gz"))) == 1
        assert processed(home) == ["new"]
        database.close()
        shutil.rmtree(home)
        if not was_killed:
            assert step > 10
            return
    raise AssertionError("it never ended")
