"""Versions on disk: whole or not there."""

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from classmark.errors import UnavailableError, VersionExistsError
from classmark.registry import MANIFEST, Version, model_card, verify_manifest
from classmark.registry.storage import (
    CARD,
    METADATA,
    VIEW,
    VersionFolders,
    folder_megabytes,
    written_version,
)

FIRST, SECOND = Version(1, 0, 0), Version(1, 0, 1)
PUBLISH = """
import sys
from pathlib import Path
from classmark.registry import Version
from classmark.registry.storage import VersionFolders
folders = VersionFolders(Path(sys.argv[1]))
with folders.locked("shelves"):
    folders.publish("shelves", Version(1, 0, 0), Path(sys.argv[2]), {})
"""
DIE_AT_THE_METADATA = """
import os, sys
def die(event, arguments):
    if event == "open" and "metadata.json" in str(arguments[0]):
        os.kill(os.getpid(), 9)
sys.addaudithook(die)
"""
FILL_THE_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home" / "models"


@pytest.fixture
def folders(root: Path) -> VersionFolders:
    return VersionFolders(root)


def published(folders: VersionFolders, version: Version, artifact: Path) -> str:
    with folders.locked("shelves"):
        folders.set_aside("shelves", version)
        return folders.publish("shelves", version, artifact, {"version": str(version)})


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_version_holds_the_artifact_its_metadata_its_card_and_a_manifest(
    folders: VersionFolders, artifact: Path
) -> None:
    digest = published(folders, FIRST, artifact)
    folder = folders.folder("shelves", FIRST)
    assert folder.name == written_version("shelves", FIRST) == "shelves_v1.0.0"
    assert names(folder) == names(artifact) | {METADATA, CARD, MANIFEST}
    for path in artifact.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()
    assert orjson.loads((folder / METADATA).read_bytes()) == {"version": "v1.0.0"}
    assert (folder / CARD).read_text() == model_card({"version": "v1.0.0"})
    verify_manifest(folder, digest)


def test_folders_are_their_owner_s_alone(
    folders: VersionFolders, root: Path, artifact: Path
) -> None:
    published(folders, FIRST, artifact)
    for folder in (root, root / "shelves", folders.folder("shelves", FIRST)):
        assert mode(folder) == 0o700, folder


def test_a_published_version_is_never_replaced(folders: VersionFolders, artifact: Path) -> None:
    digest = published(folders, FIRST, artifact)
    with pytest.raises(VersionExistsError), folders.locked("shelves"):
        folders.publish("shelves", FIRST, artifact, {"version": "another"})
    verify_manifest(folders.folder("shelves", FIRST), digest)
    assert names(folders.folder("shelves", FIRST).parent) == {".lock", "shelves_v1.0.0"}


def test_what_can_t_be_copied_leaves_nothing(
    folders: VersionFolders, root: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnavailableError, match=r"shelves_v1\.0\.0"):
        published(folders, FIRST, tmp_path / "no artifact")
    assert names(root / "shelves") == {".lock"}


def test_a_place_that_can_t_be_written_is_named(tmp_path: Path, artifact: Path) -> None:
    (tmp_path / "models").write_text("a file", encoding="utf-8")
    with pytest.raises(UnavailableError, match="models"):
        published(VersionFolders(tmp_path / "models"), FIRST, artifact)


def run(code: str, root: Path, artifact: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, str(root), str(artifact)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_full_disk_leaves_nothing(root: Path, artifact: Path) -> None:
    done = run(FILL_THE_DISK + PUBLISH, root, artifact)
    assert "UnavailableError" in done.stderr
    assert names(root / "shelves") == {".lock"}


def test_a_process_that_dies_while_it_publishes_leaves_no_version(
    folders: VersionFolders, root: Path, artifact: Path
) -> None:
    assert run(DIE_AT_THE_METADATA + PUBLISH, root, artifact).returncode == -9
    assert not folders.folder("shelves", FIRST).exists()
    (draft,) = names(root / "shelves") - {".lock"}
    assert draft.endswith(".draft")

    digest = published(folders, FIRST, artifact)
    verify_manifest(folders.folder("shelves", FIRST), digest)
    assert names(root / "shelves") == {".lock", "shelves_v1.0.0"}


def test_a_version_that_the_database_does_not_know_is_set_aside_and_not_deleted(
    folders: VersionFolders, artifact: Path, caplog: pytest.LogCaptureFixture
) -> None:
    digest = published(folders, FIRST, artifact)
    with caplog.at_level(logging.WARNING):
        published(folders, FIRST, artifact)
    parent = folders.folder("shelves", FIRST).parent
    (aside,) = names(parent) - {".lock", "shelves_v1.0.0"}
    assert aside.startswith("shelves_v1.0.0.unknown-")
    verify_manifest(parent / aside, digest)
    assert aside in caplog.text


def test_link_and_view_are_shown_together(
    folders: VersionFolders, root: Path, artifact: Path
) -> None:
    published(folders, FIRST, artifact)
    published(folders, SECOND, artifact)
    for live in (FIRST, SECOND):
        folders.show("shelves", live, {"production_version": str(live)})
        link = root / "shelves" / "production"
        assert link.readlink() == Path(f"shelves_{live}")
        assert link.resolve() == folders.folder("shelves", live)
        view = orjson.loads((root / "shelves" / VIEW).read_bytes())
        assert view == {"production_version": str(live)}
    folders.show("shelves", None, {})
    assert not os.path.lexists(root / "shelves" / "production")


def test_a_link_that_can_t_be_moved_is_told(
    folders: VersionFolders, root: Path, artifact: Path
) -> None:
    published(folders, FIRST, artifact)
    (root / "shelves" / "production").mkdir()
    with pytest.raises(UnavailableError, match="shelves can't be written"):
        folders.show("shelves", FIRST, {})


def test_megabytes_are_of_a_million_bytes(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_bytes(bytes(1_000_000))
    (tmp_path / "deep" / "b").write_bytes(bytes(234_000))
    assert folder_megabytes(tmp_path) == 1.234
