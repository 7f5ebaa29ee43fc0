"""What every storage of versions does, a folder as well as a server of S3."""

import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from classmark.errors import (
    ConflictError,
    TamperedVersionError,
    UnknownVersionError,
    VersionExistsError,
)
from classmark.registry import (
    MANIFEST,
    ModelReference,
    ModelState,
    RegisteredVersion,
    Registry,
    StorageSettings,
    Version,
    VersionDraft,
    VersionStorage,
    write_manifest,
)
from classmark.registry.claims import digest_of
from classmark.registry.objects import Objects

Draft = Callable[..., VersionDraft]

FIRST = Version(1, 0, 0)
PLACE = "shelves/shelves_v1.0.0/"
CLAIM = "shelves/claims/shelves_v1.0.0.json"


@pytest.fixture
def storage(storage_settings: StorageSettings) -> VersionStorage:
    return VersionStorage(storage_settings, now=lambda: datetime.now(UTC))


@pytest.fixture
def objects(storage: VersionStorage) -> Objects:
    return storage._objects


@pytest.fixture
def version(registry: Registry, draft: Draft) -> RegisteredVersion:
    return registry.register(draft())


@pytest.fixture
def other(version: RegisteredVersion, tmp_path: Path) -> RegisteredVersion:
    """The same number with other bytes, as another home would have it."""
    return changed(version, tmp_path / "other", {"notes.txt": b"other bytes"})


def changed(version: RegisteredVersion, folder: Path, files: dict[str, bytes]) -> RegisteredVersion:
    target = folder / version.name
    target.mkdir(parents=True)
    for path in version.folder.iterdir():
        if path.name != MANIFEST:
            (target / path.name).write_bytes(path.read_bytes())
    for name, content in files.items():
        (target / name).write_bytes(content)
    write_manifest(target)
    return replace(version, folder=target, digest=digest_of((target / MANIFEST).read_bytes()))


def later(settings: StorageSettings, hours: float) -> VersionStorage:
    """The same storage, as seen some hours later."""
    return VersionStorage(settings, now=lambda: datetime.now(UTC) + timedelta(hours=hours))


def keys(objects: Objects) -> set[str]:
    return {one.key for one in objects.listed("")}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def state(
    live: RegisteredVersion, sequence: int, history: str = "aa", event: str = ""
) -> ModelState:
    return ModelState(live.model, (live,), live, (), sequence, history, event=event)


def pulled(storage: VersionStorage, target: Path) -> Path:
    storage.pull(storage.find(ModelReference("shelves", FIRST)), target)
    return target


def test_what_was_published_is_pulled_byte_by_byte(
    storage: VersionStorage, version: RegisteredVersion, objects: Objects, tmp_path: Path
) -> None:
    storage.publish(version)
    target = pulled(storage, tmp_path / "elsewhere" / version.name)
    assert files(target) == files(version.folder)
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert [path.name for path in target.parent.iterdir()] == [version.name]
    assert keys(objects) == {PLACE + name for name in files(version.folder)} | {CLAIM}
    assert storage.versions("shelves") == [FIRST]
    found = storage.find(ModelReference.parse("shelves@latest"))
    assert (found.version, found.digest) == (FIRST, version.digest)


def test_to_publish_again_changes_nothing(
    storage: VersionStorage, version: RegisteredVersion, objects: Objects
) -> None:
    storage.publish(version)
    before = objects.listed("")
    storage.publish(version)
    assert objects.listed("") == before


def test_a_number_never_stands_for_other_bytes(
    storage: VersionStorage,
    version: RegisteredVersion,
    other: RegisteredVersion,
    objects: Objects,
    tmp_path: Path,
) -> None:
    storage.publish(version)
    before = objects.listed("")
    with pytest.raises(VersionExistsError, match="other bytes"):
        storage.publish(other)
    storage.unpublish(version)
    assert keys(objects) == {CLAIM}
    with pytest.raises(VersionExistsError, match="other bytes"):
        storage.publish(other)
    storage.publish(version)
    assert {one.key for one in before} == keys(objects)
    assert files(pulled(storage, tmp_path / "target")) == files(version.folder)


def test_who_is_not_whole_here_is_not_published(
    storage: VersionStorage, version: RegisteredVersion, objects: Objects
) -> None:
    (version.folder / "config.json").write_bytes(b"{}")
    with pytest.raises(TamperedVersionError, match=r"config\.json was changed"):
        storage.publish(version)
    assert PLACE + MANIFEST not in keys(objects)
    assert PLACE + "config.json" not in keys(objects)
    (version.folder / MANIFEST).write_bytes(b"{}")
    with pytest.raises(TamperedVersionError, match=r"manifest\.json was changed"):
        storage.publish(version)
    assert storage.versions("shelves") == []


def test_a_name_that_no_storage_takes_is_told(
    storage: VersionStorage, version: RegisteredVersion, objects: Objects, tmp_path: Path
) -> None:
    odd = changed(version, tmp_path / "odd", {"odd\u200bname": b"x"})
    with pytest.raises(TamperedVersionError, match="can't be published"):
        storage.publish(odd)
    assert keys(objects) == set()


def test_what_is_published_needs_no_files_here(
    storage: VersionStorage, version: RegisteredVersion, objects: Objects
) -> None:
    storage.publish(version)
    before = objects.listed("")
    shutil.rmtree(version.folder)
    storage.publish(version)
    assert objects.listed("") == before


def test_without_its_manifest_a_version_is_not_there(
    storage: VersionStorage, version: RegisteredVersion, objects: Objects, tmp_path: Path
) -> None:
    storage.publish(version)
    found = storage.find(ModelReference("shelves", FIRST))
    objects.remove([PLACE + MANIFEST])
    assert storage.versions("shelves") == []
    for reference in ("shelves@v1.0.0", "shelves@latest", "shelves@production"):
        with pytest.raises(UnknownVersionError, match="it has none"):
            storage.find(ModelReference.parse(reference))
    with pytest.raises(UnknownVersionError):
        storage.pull(found, tmp_path / "target")


def test_to_publish_again_mends_what_is_missing_or_cut(
    storage: VersionStorage, version: RegisteredVersion, objects: Objects, tmp_path: Path
) -> None:
    storage.publish(version)
    objects.remove([PLACE + "config.json", PLACE + "card.md"])
    objects.create(PLACE + "card.md", b"cut")
    storage.publish(version)
    assert files(pulled(storage, tmp_path / "target")) == files(version.folder)


def test_what_a_killed_process_wrote_otherwise_is_written_anew(
    storage: VersionStorage, version: RegisteredVersion, objects: Objects, tmp_path: Path
) -> None:
    same_size = bytes(len((version.folder / "config.json").read_bytes()))
    objects.create(PLACE + "config.json", same_size)
    objects.create(PLACE + "of_others.bin", b"stray")
    storage.publish(version)
    assert PLACE + "of_others.bin" not in keys(objects)
    assert files(pulled(storage, tmp_path / "target")) == files(version.folder)


def test_what_is_half_uploaded_is_removed_after_the_grace_period(
    storage: VersionStorage,
    storage_settings: StorageSettings,
    version: RegisteredVersion,
    other: RegisteredVersion,
    objects: Objects,
) -> None:
    storage.publish(version)
    objects.remove([PLACE + MANIFEST])
    assert later(storage_settings, hours=23).tidy() == []
    (seen,) = later(storage_settings, hours=25).tidy(dry_run=True)
    assert (str(seen.path) + "/", seen.what, seen.is_removed) == (PLACE, "upload", False)
    (gone,) = later(storage_settings, hours=25).tidy()
    assert gone.is_removed
    assert keys(objects) == set()
    storage.publish(other)


def test_what_is_published_is_never_left_behind(
    storage: VersionStorage,
    storage_settings: StorageSettings,
    version: RegisteredVersion,
    objects: Objects,
) -> None:
    storage.publish(version)
    assert later(storage_settings, hours=1000).tidy() == []
    storage.unpublish(version)
    assert later(storage_settings, hours=1000).tidy() == []
    assert keys(objects) == {CLAIM}


def test_a_number_that_is_being_cleared_is_cleared_first(
    storage: VersionStorage, version: RegisteredVersion, other: RegisteredVersion, objects: Objects
) -> None:
    objects.create(PLACE + "config.json", b"{}")
    claims = storage._publication._claims
    assert claims.bury("shelves", FIRST, datetime.now(UTC)) is not None
    storage.publish(version)
    with pytest.raises(VersionExistsError):
        storage.publish(other)


def test_what_was_ended_while_it_was_cleared_counts(
    storage: VersionStorage, version: RegisteredVersion, objects: Objects
) -> None:
    publication = storage._publication
    buried = publication._claims.bury("shelves", FIRST, datetime.now(UTC))
    assert buried is not None
    objects.create(PLACE + MANIFEST, (version.folder / MANIFEST).read_bytes())
    publication._clear("shelves", FIRST, buried)
    kept = publication._claims.find("shelves", FIRST)
    assert kept is not None
    assert (kept.digest, kept.was_published, kept.is_clearing) == (version.digest, True, False)


def test_who_is_back_at_work_is_not_cleared(
    storage: VersionStorage, version: RegisteredVersion
) -> None:
    claims = storage._publication._claims
    claims.take(version)
    assert claims.bury("shelves", FIRST, datetime.now(UTC) - timedelta(hours=1)) is None


@pytest.mark.parametrize("damage", ["changed", "missing", "manifest"])
def test_a_damaged_version_is_not_pulled(
    storage: VersionStorage,
    version: RegisteredVersion,
    objects: Objects,
    tmp_path: Path,
    damage: str,
) -> None:
    storage.publish(version)
    wanted = storage.find(ModelReference("shelves", FIRST))
    name = MANIFEST if damage == "manifest" else "config.json"
    objects.remove([PLACE + name])
    if damage != "missing":
        objects.create(PLACE + name, b"{}")
    with pytest.raises(TamperedVersionError, match=name):
        storage.pull(wanted, tmp_path / "models" / version.name)
    assert list((tmp_path / "models").glob("*")) == []


@pytest.mark.parametrize(
    "name",
    [
        *("../escaped.txt", "/etc/escaped.txt", "a/../../escaped.txt", "..", ".", ""),
        *("a//b", "./a", "a\\b", "a\0b", "a\nb", "manifest.json", "a/"),
    ],
)
def test_a_manifest_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "storage"
    (root / PLACE).mkdir(parents=True)
    (root / "escaped.txt").write_bytes(b"x")
    content = orjson.dumps({"algorithm": "sha256", "files": {name: digest_of(b"x")}})
    (root / PLACE / MANIFEST).write_bytes(content)
    storage = VersionStorage(StorageSettings(uri=str(root)), now=lambda: datetime.now(UTC))
    with pytest.raises(TamperedVersionError, match="leads out of it"):
        pulled(storage, tmp_path / "models" / "target")
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"{}", b'{"files": []}', b'{"files": {"a": 1}}', b"\xff"),
        orjson.dumps({"files": {"a": "0" * 63}}),
        orjson.dumps({"files": {"a": "0" * 64, "a/b": "0" * 64}}),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "storage" / PLACE).mkdir(parents=True)
    (tmp_path / "storage" / PLACE / MANIFEST).write_bytes(content)
    settings = StorageSettings(uri=f"file://{tmp_path / 'storage'}")
    storage = VersionStorage(settings, now=lambda: datetime.now(UTC))
    with pytest.raises(TamperedVersionError, match=MANIFEST):
        pulled(storage, tmp_path / "target")


def test_production_moves_and_never_back(
    storage: VersionStorage, registry: Registry, version: RegisteredVersion, draft: Draft
) -> None:
    second = registry.register(draft())
    storage.follow(state(version, 3))
    storage.follow(state(second, 5))
    with pytest.raises(ConflictError, match="restored from a backup"):
        storage.follow(state(version, 4))
    # As many events, and other ones.
    with pytest.raises(ConflictError, match="restored from a backup"):
        storage.follow(state(version, 5))
    storage.follow(state(second, 5))
    live = storage.production("shelves")
    assert live is not None
    assert (live.version, live.digest, live.sequence) == ("v1.0.1", second.digest, 5)
    # What is live is there, whoever failed to bring it before.
    assert storage.versions("shelves") == [version.version, second.version]
    assert storage.find(ModelReference.parse("shelves@production")).digest == second.digest


def test_a_history_that_went_on_otherwise_is_seen(
    storage: VersionStorage, version: RegisteredVersion
) -> None:
    storage.follow(state(version, 5, event="bb"))
    storage.follow(state(version, 5, event="bb"))
    with pytest.raises(ConflictError, match="restored from a backup"):
        storage.follow(state(version, 5, event="cc"))
    with pytest.raises(ConflictError, match="restored from a backup"):
        storage.behind(state(version, 5, event="cc"))
    storage.follow(state(version, 6, event="dd"))


def test_production_follows_one_registry(
    storage: VersionStorage, registry: Registry, version: RegisteredVersion, draft: Draft
) -> None:
    second = registry.register(draft())
    storage.follow(state(version, 3))
    storage.follow(state(version, 9, history="another"))
    with pytest.raises(ConflictError, match="follows another registry"):
        storage.follow(state(second, 9, history="another"))
    live = storage.production("shelves")
    assert live is not None
    assert (live.version, live.sequence, live.history) == ("v1.0.0", 3, "aa")


def test_what_is_live_there_is_not_taken_away(
    storage: VersionStorage, version: RegisteredVersion, other: RegisteredVersion
) -> None:
    storage.follow(state(version, 3))
    with pytest.raises(ConflictError, match="in production"):
        storage.unpublish(version)
    with pytest.raises(ConflictError, match="in production"):
        storage.unpublish(other)
    assert storage.versions("shelves") == [FIRST]


def test_what_others_published_is_not_taken_away(
    storage: VersionStorage, version: RegisteredVersion, other: RegisteredVersion
) -> None:
    storage.publish(version)
    with pytest.raises(ConflictError, match="other bytes"):
        storage.unpublish(other)
    storage.unpublish(version)
    storage.unpublish(version)
    assert storage.versions("shelves") == []


def test_what_was_made_here_and_deleted_goes_there_too(
    storage: VersionStorage, registry: Registry, version: RegisteredVersion, draft: Draft
) -> None:
    second = registry.register(draft())
    storage.publish(version)
    registry.promote(ModelReference("shelves", second.version))
    registry.delete(ModelReference("shelves", version.version))
    storage.follow(registry.state("shelves"))
    assert storage.versions("shelves") == [second.version]


def test_names_that_are_no_versions_play_no_part(
    storage: VersionStorage, version: RegisteredVersion, objects: Objects
) -> None:
    for name in (
        *("shelves/manifest.json", "shelves/shelves_v1/manifest.json", "manifest.json"),
        *("shelves/shelves_v01.0.0/manifest.json", "shelves/other_v1.0.0/manifest.json"),
        *("shelves/shelves_v1.0.0/deeper/manifest.json", "shelves/shelves_v2.0.0/model.onnx"),
    ):
        objects.create(name, b"{}")
    assert storage.versions("shelves") == []
    storage.publish(version)
    assert storage.versions("shelves") == [FIRST]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"version": "v1"}', b"\xff"])
def test_what_says_nothing_of_production_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "shelves").mkdir()
    (tmp_path / "shelves" / "production.json").write_bytes(content)
    storage = VersionStorage(StorageSettings(uri=str(tmp_path)), now=lambda: datetime.now(UTC))
    with pytest.raises(TamperedVersionError, match=r"production\.json"):
        storage.find(ModelReference.parse("shelves@production"))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"digest": "", "at": 3}'])
def test_what_is_no_claim_is_refused(
    version: RegisteredVersion, tmp_path: Path, content: bytes
) -> None:
    root = tmp_path / "storage"
    (root / CLAIM).parent.mkdir(parents=True)
    (root / CLAIM).write_bytes(content)
    storage = VersionStorage(StorageSettings(uri=str(root)), now=lambda: datetime.now(UTC))
    with pytest.raises(TamperedVersionError, match="claims"):
        storage.publish(version)


def test_no_link_in_a_folder_leads_a_reader_elsewhere(
    version: RegisteredVersion, tmp_path: Path
) -> None:
    (tmp_path / "storage").mkdir()
    settings = StorageSettings(uri=str(tmp_path / "storage"))
    storage = VersionStorage(settings, now=lambda: datetime.now(UTC))
    storage.publish(version)
    there = tmp_path / "storage" / PLACE / "config.json"
    there.unlink()
    there.symlink_to(version.folder / "config.json")
    with pytest.raises(TamperedVersionError, match=r"config\.json"):
        pulled(storage, tmp_path / "target")
