"""Homes that share a storage: one makes versions, the others bring them."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
import pytest
from tests.registry.test_signing import write_pair

from classmark.database import Database
from classmark.errors import (
    SettingError,
    TamperedVersionError,
    UnavailableError,
    UnknownVersionError,
    UntrustedVersionError,
    VersionExistsError,
)
from classmark.registry import (
    Action,
    ModelReference,
    Registry,
    SigningKey,
    Status,
    Trust,
    VersionDraft,
    VersionStorage,
    write_manifest,
)
from classmark.registry.claims import digest_of

Draft = Callable[..., VersionDraft]
# The name of a home -> its registry, which follows and asks the storage.
Opened = Callable[[str], "Home"]

LIVE = ModelReference.parse("shelves@production")
LATEST = ModelReference.parse("shelves@latest")


@dataclass(frozen=True, slots=True)
class Home:
    registry: Registry
    models: Path


@pytest.fixture
def opened(
    tmp_path: Path, storage: VersionStorage, clock: Callable[[], datetime]
) -> Iterator[Opened]:
    databases: list[Database] = []

    def home(name: str) -> Home:
        database = Database(f"sqlite:///{tmp_path / name / 'classmark.db'}")
        databases.append(database)
        models = tmp_path / name / "models"
        registry = Registry(database, models, now=clock, actor=name, followers=[storage])
        return Home(registry, models)

    yield home
    for database in databases:
        database.close()


@pytest.fixture
def maker(opened: Opened, draft: Draft) -> Registry:
    """Has v1.0.0, which is live, and v1.0.1."""
    registry = opened("maker").registry
    registry.register(draft())
    registry.promote(LATEST)
    registry.register(draft())
    return registry


@pytest.fixture
def replica(opened: Opened) -> Home:
    return opened("replica")


@pytest.fixture
def away(shared: Path) -> Iterator[Callable[[], None]]:
    """Takes the storage away until the test's end."""
    elsewhere = shared.with_name("elsewhere")

    def go() -> None:
        shared.rename(elsewhere)

    yield go
    if elsewhere.exists() and not shared.exists():
        elsewhere.rename(shared)


def live_there(storage: VersionStorage) -> str | None:
    live = storage.production("shelves")
    return live.version if live else None


def test_what_goes_live_is_published_first_and_what_is_deleted_goes(
    maker: Registry, storage: VersionStorage
) -> None:
    assert live_there(storage) == "v1.0.0"
    maker.promote(LATEST)
    assert live_there(storage) == "v1.0.1"
    maker.rollback("shelves")
    assert live_there(storage) == "v1.0.0"
    maker.delete(LATEST)
    assert [str(one) for one in storage.versions("shelves")] == ["v1.0.0"]


def test_nothing_new_goes_live_while_the_storage_is_away(
    maker: Registry, away: Callable[[], None]
) -> None:
    away()
    with pytest.raises(UnavailableError, match="no folder"):
        maker.promote(LATEST)
    assert maker.resolve(LIVE).version.patch == 0


def test_to_go_back_waits_for_no_storage_and_is_made_up_for(
    maker: Registry,
    storage: VersionStorage,
    shared: Path,
    away: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    live = maker.promote(LATEST)
    away()
    maker.rollback("shelves")
    assert "shelves_v1.0.0 goes live all the same. There is no folder" in caplog.text
    assert "does not follow the change of shelves yet" in caplog.text
    shared.with_name("elsewhere").rename(shared)
    assert live_there(storage) == str(live.version)
    storage.follow(maker.state("shelves"))
    assert live_there(storage) == "v1.0.0"


def test_a_replica_takes_over_what_is_live(maker: Registry, replica: Home) -> None:
    came = replica.registry.pull(LIVE)
    assert (came.is_new, came.leads, came.version.status) == (True, False, Status.TESTING)
    made = maker.resolve(LIVE)
    assert came.version.metadata == made.metadata
    assert (came.version.digest, came.version.created_at) == (made.digest, made.created_at)
    assert replica.registry.adopt(came.version).status is Status.PRODUCTION
    events = replica.registry.history("shelves")
    assert [event.action for event in events] == [Action.PULLED, Action.PROMOTED]
    assert events[0].reason.startswith("from the storage")
    assert replica.registry.check_history("shelves").problems == ()
    link = replica.models / "shelves" / "production"
    assert link.resolve().name == "shelves_v1.0.0"


def test_a_replica_goes_forward_and_back_with_the_maker(
    maker: Registry, storage: VersionStorage, replica: Home
) -> None:
    for version in ("v1.0.0", "v1.0.1", "v1.0.0"):
        maker.adopt(maker.resolve(ModelReference.parse(f"shelves@{version}")))
        live = replica.registry.adopt(replica.registry.pull(LIVE).version)
        assert str(live.version) == live_there(storage)
    assert replica.registry.check_history("shelves").problems == ()
    # Its own history is longer by now, and still it moves nothing there.
    assert replica.registry.state("shelves").sequence > 3
    assert maker.check_history("shelves").problems == ()


def test_to_pull_again_changes_nothing(maker: Registry, replica: Home) -> None:
    maker.verify(LIVE)
    replica.registry.pull(LIVE)
    came = replica.registry.pull(LIVE)
    assert not came.is_new
    assert len(replica.registry.history("shelves")) == 1


def test_what_follows_this_home_is_not_taken_over(maker: Registry) -> None:
    came = maker.pull(LIVE)
    assert (came.leads, came.is_new) == (True, False)


def test_files_that_were_never_here_come_when_they_are_needed(
    maker: Registry, opened: Opened, shared: Path
) -> None:
    version = maker.resolve(LIVE)
    before = {path.name: path.read_bytes() for path in version.folder.iterdir()}
    shutil.rmtree(version.folder)
    assert maker.verify(LIVE) == version
    assert {path.name: path.read_bytes() for path in version.folder.iterdir()} == before
    # What is here is asked of nobody.
    shared.rename(shared.with_name("gone"))
    assert opened("maker").registry.verify(LIVE) == version


def test_files_that_cannot_come_are_said_to_be_missing(
    maker: Registry, away: Callable[[], None]
) -> None:
    version = maker.resolve(LIVE)
    shutil.rmtree(version.folder)
    away()
    with pytest.raises(UnavailableError, match="no folder"):
        maker.verify(LIVE)
    assert not version.folder.exists()


def test_a_replica_deletes_only_its_own_copy(
    maker: Registry, storage: VersionStorage, replica: Home
) -> None:
    storage.publish(maker.resolve(LATEST))
    replica.registry.adopt(replica.registry.pull(LATEST).version)
    replica.registry.pull(LIVE)
    replica.registry.delete(ModelReference.parse("shelves@v1.0.0"))
    assert [str(one) for one in storage.versions("shelves")] == ["v1.0.0", "v1.0.1"]
    # And may bring it again, under the number that stands for it.
    assert replica.registry.pull(LIVE).is_new
    assert replica.registry.check_history("shelves").problems == ()
    assert replica.registry.state("shelves").deleted == ()


def test_a_number_that_stands_for_other_bytes_here_is_not_pulled(
    maker: Registry, replica: Home, draft: Draft
) -> None:
    maker.verify(LIVE)
    replica.registry.register(draft())
    with pytest.raises(VersionExistsError, match="other bytes here"):
        replica.registry.pull(LIVE)
    with pytest.raises(VersionExistsError, match="other bytes"):
        replica.registry.promote(LATEST)


def test_a_pull_that_died_before_the_database_knew_is_ended_by_the_next(
    maker: Registry, replica: Home
) -> None:
    folder = replica.models / "shelves" / "shelves_v1.0.0"
    shutil.copytree(maker.resolve(LIVE).folder, folder)
    assert replica.registry.pull(LIVE).is_new
    assert [path.name for path in folder.parent.glob("*unknown*")] == []


def test_what_lies_in_its_place_is_set_aside(maker: Registry, replica: Home) -> None:
    maker.verify(LIVE)
    folder = replica.models / "shelves" / "shelves_v1.0.0"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    replica.registry.pull(LIVE)
    (aside,) = folder.parent.glob("*unknown*")
    assert (aside / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_metadata_of_another_version_are_refused(
    maker: Registry, storage: VersionStorage, shared: Path, replica: Home
) -> None:
    storage.publish(maker.resolve(LATEST))
    there = shared / "shelves" / "shelves_v1.0.1"
    metadata = orjson.loads((there / "metadata.json").read_bytes())
    for name, value in (
        *(("version", "v7.0.0"), ("labels", None), ("created_at", 7)),
        # What the card of a version is made of.
        *(("metrics", 5), ("libraries", [1]), ("hyperparameters", "none")),
    ):
        (there / "metadata.json").write_bytes(orjson.dumps({**metadata, name: value}))
        write_manifest(there)
        assert digest_of((there / "manifest.json").read_bytes())
        with pytest.raises(TamperedVersionError, match="is no version"):
            replica.registry.pull(LATEST)
        assert not (replica.models / "shelves" / "shelves_v1.0.1").exists()
    assert replica.registry.histories() == []


def test_what_is_not_there_is_named(maker: Registry, replica: Home) -> None:
    maker.verify(LIVE)
    with pytest.raises(UnknownVersionError, match=r"no shelves@v9\.0\.0 .*it has v1\.0\.0"):
        replica.registry.pull(ModelReference.parse("shelves@v9.0.0"))
    with pytest.raises(UnknownVersionError, match="it has none"):
        replica.registry.pull(ModelReference.parse("papers@production"))


def test_without_a_storage_it_is_said_which_setting_is_missing(registry: Registry) -> None:
    with pytest.raises(SettingError, match="No storage") as raised:
        registry.pull(LIVE)
    assert "storage.uri" in raised.value.remedy


def test_a_folder_that_cannot_be_written_is_named(maker: Registry, replica: Home) -> None:
    maker.verify(LIVE)
    replica.models.parent.mkdir(parents=True, exist_ok=True)
    replica.models.write_text("a file", encoding="utf-8")
    with pytest.raises(UnavailableError, match="can't be written"):
        replica.registry.pull(LIVE)


def test_a_signature_travels_with_its_version(
    maker: Registry, opened: Opened, storage: VersionStorage, tmp_path: Path
) -> None:
    private = write_pair(tmp_path, "ada")
    trust = Trust(tmp_path / "trusted", required=True)
    replica = opened("replica").registry.trusting(trust)
    with pytest.raises(UntrustedVersionError, match="not signed"):
        replica.pull(LIVE)
    maker.sign(LIVE, SigningKey(private))
    assert opened("another").registry.trusting(trust).pull(LIVE).is_new
    live = maker.verify(LIVE)
    maker.promote(LATEST)
    storage.unpublish(live)
    assert not list((tmp_path / "shared").rglob(f"{live.name}.sig"))


@pytest.fixture
def signer(tmp_path: Path) -> SigningKey:
    return SigningKey(write_pair(tmp_path, "ada"))


def test_a_signature_that_came_later_is_brought(
    maker: Registry, replica: Home, signer: SigningKey, tmp_path: Path
) -> None:
    live = replica.registry.pull(LIVE).version
    maker.sign(LIVE, signer)
    signature = live.folder.with_name(f"{live.name}.sig")
    # Nobody asks for one who trusts nobody.
    replica.registry.verify(ModelReference("shelves", live.version))
    assert not signature.exists()
    assert not replica.registry.pull(LIVE).is_new
    assert signature.exists()
    signature.unlink()
    strict = replica.registry.trusting(Trust(tmp_path / "trusted", required=True))
    assert strict.checked(ModelReference("shelves", live.version))[1].state == "verified"


def test_without_the_storage_a_version_may_stay_unsigned(
    maker: Registry,
    replica: Home,
    signer: SigningKey,
    away: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    maker.sign(LIVE, signer)
    live = replica.registry.pull(LIVE).version
    live.folder.with_name(f"{live.name}.sig").unlink()
    away()
    reference = ModelReference("shelves", live.version)
    trusted = signer.path.with_name("trusted")
    lax = replica.registry.trusting(Trust(trusted))
    assert lax.checked(reference)[1].state == "unsigned"
    assert "No signature of shelves_v1.0.0 could be brought" in caplog.text
    strict = replica.registry.trusting(Trust(trusted, required=True))
    with pytest.raises(UntrustedVersionError, match="not signed"):
        strict.verify(reference)


def test_a_signature_comes_before_its_folder_and_may_wait_for_it(
    maker: Registry, replica: Home, signer: SigningKey
) -> None:
    maker.sign(LIVE, signer)
    live = maker.resolve(LIVE)
    folder = replica.models / "shelves" / live.name
    folder.parent.mkdir(parents=True)
    # As one who is killed between the two.
    shutil.copyfile(f"{live.folder}.sig", f"{folder}.sig")
    assert replica.registry.pull(LIVE).is_new
    assert list(folder.parent.glob("*unknown*")) == []
    assert replica.registry.tidy("shelves") == []


@pytest.mark.parametrize("damage", ["garbage", "of another", "link", "pipe"])
def test_no_damaged_signature_takes_the_place_of_a_good_one(
    maker: Registry,
    storage: VersionStorage,
    signer: SigningKey,
    caplog: pytest.LogCaptureFixture,
    damage: str,
) -> None:
    for reference in (LIVE, LATEST):
        maker.sign(reference, signer)
    live = maker.resolve(LIVE)
    there = signer.path.parent / "shared" / "shelves" / "signatures" / f"{live.name}.sig"
    good, here = there.read_bytes(), live.folder.with_name(f"{live.name}.sig")
    here.unlink()
    if damage == "garbage":
        here.write_bytes(b"garbage")
    elif damage == "of another":
        shutil.copyfile(here.with_name("shelves_v1.0.1.sig"), here)
    elif damage == "link":
        secret = signer.path.with_name("secret")
        secret.write_bytes(good)
        here.symlink_to(secret)
    else:
        os.mkfifo(here)
    storage.publish(live)
    maker.archive(LATEST)
    assert there.read_bytes() == good
    assert "The signature is not sent" in caplog.text
    there.unlink()
    storage.publish(live)
    assert not there.exists()
