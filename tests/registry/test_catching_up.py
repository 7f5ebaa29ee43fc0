"""What places elsewhere missed, whoever was killed or away, is made up for, or is told."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classmark.database import Database
from classmark.errors import ConflictError, UnknownVersionError
from classmark.registry import (
    Follower,
    ModelReference,
    Registry,
    StorageSettings,
    StoredProduction,
    VersionDraft,
    VersionStorage,
)

Draft = Callable[..., VersionDraft]

LIVE = ModelReference.parse("shelves@production")
LATEST = ModelReference.parse("shelves@latest")
FIRST = ModelReference.parse("shelves@v1.0.0")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where registries are opened that share what they are told to share."""

    folder: Path
    clock: Callable[[], datetime]
    databases: list[Database]

    def registry(self, *followers: Follower, home: str = "home", file: str = "one") -> Registry:
        database = Database(f"sqlite:///{self.folder / file}.db")
        self.databases.append(database)
        models = self.folder / home / "models"
        return Registry(database, models, now=self.clock, actor="ada", followers=followers)


@pytest.fixture
def machine(tmp_path: Path, clock: Callable[[], datetime]) -> Iterator[Machine]:
    found = Machine(tmp_path, clock, [])
    yield found
    for database in found.databases:
        database.close()


@pytest.fixture
def registry(machine: Machine, storage: VersionStorage, draft: Draft) -> Registry:
    """Has v1.0.0, which is live, and v1.0.1; both are in the storage."""
    found = machine.registry(storage)
    found.register(draft())
    found.promote(LATEST)
    storage.publish(found.register(draft()))
    return found


def there(storage: VersionStorage) -> list[str]:
    return [str(version) for version in storage.versions("shelves")]


def live_there(storage: VersionStorage) -> str:
    live = storage.production("shelves")
    assert live is not None
    return live.version


def test_where_all_is_as_it_should_be_nothing_is_told(registry: Registry) -> None:
    assert registry.catch_up() == []


def test_what_was_deleted_while_the_storage_was_away_goes_later(
    registry: Registry, storage: VersionStorage, shared: Path
) -> None:
    away = shared.rename(shared.with_name("away"))
    registry.delete(LATEST)
    away.rename(shared)
    (lag,) = registry.catch_up(dry_run=True)
    assert (lag.place, lag.model) == (storage.name, "shelves")
    assert (lag.behind, lag.problem) == (("v1.0.1 was deleted here, and is there.",), "")
    assert there(storage) == ["v1.0.0", "v1.0.1"]
    assert registry.catch_up() == [lag]
    assert there(storage) == ["v1.0.0"]
    assert registry.catch_up() == []


def test_production_that_nobody_told_of_is_moved_later(
    registry: Registry, machine: Machine, storage: VersionStorage
) -> None:
    # As one who is killed right after the commit.
    machine.registry().promote(LATEST)
    (lag,) = registry.catch_up(dry_run=True)
    assert lag.behind == ("v1.0.0 is live there, and v1.0.1 here.",)
    assert live_there(storage) == "v1.0.0"
    assert registry.catch_up() == [lag]
    assert live_there(storage) == "v1.0.1"
    assert registry.catch_up() == []


def test_what_is_live_and_was_lost_there_is_brought_again(
    registry: Registry, storage: VersionStorage, shared: Path
) -> None:
    (shared / "shelves" / "shelves_v1.0.0" / "manifest.json").unlink()
    (lag,) = registry.catch_up()
    assert lag.behind == ("v1.0.0 is live here, and is not there.",)
    assert there(storage) == ["v1.0.0", "v1.0.1"]


def test_a_place_that_does_not_answer_is_named_and_asked_once(
    registry: Registry, shared: Path, draft: Draft
) -> None:
    registry.register(draft(model="others"))
    shared.rename(shared.with_name("away"))
    for dry_run in (True, False):
        (lag,) = registry.catch_up(dry_run=dry_run)
        assert (lag.model, lag.behind) == ("others", ())
        assert "There is no folder" in lag.problem


def test_a_replica_that_lags_leaves_production_alone(
    registry: Registry, machine: Machine, storage: VersionStorage
) -> None:
    replica = machine.registry(storage, home="replica", file="replica")
    replica.adopt(replica.pull(LIVE).version)
    registry.promote(LATEST)
    assert replica.catch_up() == []
    assert live_there(storage) == "v1.0.1"


def test_a_machine_without_the_files_lets_all_follow(
    registry: Registry, machine: Machine, storage: VersionStorage
) -> None:
    registry.promote(LATEST)
    other = machine.registry(storage, home="other")
    other.delete(FIRST)
    assert there(storage) == ["v1.0.1"]
    found = storage.production("shelves")
    assert found is not None
    assert (found.version, found.sequence) == ("v1.0.1", other.state("shelves").sequence)


def test_deletions_follow_where_production_cannot(
    registry: Registry, machine: Machine, storage: VersionStorage, draft: Draft
) -> None:
    registry.register(draft())
    unseen = machine.registry()
    unseen.delete(ModelReference.parse("shelves@v1.0.1"))
    unseen.promote(LATEST)
    other = machine.registry(storage, home="other")
    (lag,) = other.catch_up()
    assert "shelves_v1.0.2 can't be published" in lag.problem
    assert (there(storage), live_there(storage)) == (["v1.0.0"], "v1.0.0")


def test_a_restored_database_is_told(
    registry: Registry,
    machine: Machine,
    storage: VersionStorage,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for database in machine.databases:
        database.close()
    shutil.copyfile(tmp_path / "one.db", tmp_path / "restored.db")
    registry.promote(LATEST)
    registry.rollback("shelves")
    restored = machine.registry(storage, file="restored")
    (lag,) = restored.catch_up()
    assert "the database was restored from a backup" in lag.problem
    assert "remove shelves/production.json" in lag.problem
    # As many events as the storage knows of, but not the same ones.
    restored.archive(LATEST)
    restored.promote(LATEST)
    assert restored.state("shelves").sequence == registry.state("shelves").sequence
    assert "some are not in this home's history" in caplog.text
    (lag,) = restored.catch_up()
    assert "the database was restored from a backup" in lag.problem
    assert live_there(storage) == "v1.0.0"


class Overtaken(VersionStorage):
    """A version goes live right after it was seen that it is not."""

    def __init__(self, uri: Path, go_live: Callable[[], object]) -> None:
        super().__init__(StorageSettings(uri=str(uri)), now=lambda: datetime.now(UTC))
        self._go_live = iter([go_live])

    def production(self, model: str) -> StoredProduction | None:
        found = super().production(model)
        next(self._go_live, lambda: None)()
        return found


def test_what_goes_live_while_it_is_unpublished_stays(
    registry: Registry, storage: VersionStorage, shared: Path, tmp_path: Path
) -> None:
    version = registry.resolve(LATEST)
    slow = Overtaken(shared, lambda: registry.promote(LATEST))
    with pytest.raises(ConflictError, match="in production"):
        slow.unpublish(version)
    assert live_there(storage) == "v1.0.1"
    storage.pull(storage.find(LIVE), tmp_path / "target")


def test_a_deleted_version_can_be_taken_away_by_its_number(
    registry: Registry, machine: Machine, storage: VersionStorage
) -> None:
    version = machine.registry().delete(LATEST)
    with pytest.raises(UnknownVersionError, match="deleted"):
        registry.resolve(ModelReference("shelves", version.version))
    gone = registry.once(ModelReference("shelves", version.version))
    assert (gone.digest, gone.name) == (version.digest, version.name)
    storage.unpublish(gone)
    assert there(storage) == ["v1.0.0"]
    with pytest.raises(UnknownVersionError, match="no version"):
        registry.once(ModelReference.parse("shelves@v7.0.0"))
