"""`publish`, `unpublish` and `pull`, as somebody types them who has a folder for versions."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

# Arguments of a command -> how it ended.
Classmark = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    (tmp_path / "shared").mkdir()
    return tmp_path / "shared"


@pytest.fixture
def maker(home: Path, shared: Path) -> Path:
    """The home with v1.0.0 and v1.0.1 (live), and a storage."""
    (home / "classmark.yaml").write_text(f"storage:\n  uri: {shared}\n", encoding="utf-8")
    return home


@pytest.fixture
def replica(tmp_path: Path, shared: Path) -> Path:
    """An empty folder with the same storage."""
    folder = tmp_path / "replica"
    folder.mkdir()
    (folder / "classmark.yaml").write_text(f"storage:\n  uri: {shared}\n", encoding="utf-8")
    return folder


def test_a_replica_takes_over_what_is_live(
    inside: Classmark, maker: Path, replica: Path, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    done = inside("publish", "shelf@production", "--home", maker, "--json", result)
    assert (done.returncode, done.stderr) == (0, "")
    assert "shelf_v1.0.1 is published to the storage" in done.stdout
    assert orjson.loads(result.read_bytes())["places"] == ["storage"]
    done = inside("pull", "shelf@production", "--home", replica, "--json", result)
    assert (done.returncode, done.stderr) == (0, "")
    assert "shelf_v1.0.1 was brought, and is in production." in done.stdout
    pulled = orjson.loads(result.read_bytes())
    assert (pulled["status"], pulled["is_new"]) == ("production", True)
    done = inside("history", "shelf", "--home", replica, "--check")
    assert done.returncode == 0, done.stderr
    done = inside("rollback", "shelf", "--home", maker)
    assert done.returncode == 0, done.stderr
    done = inside("pull", "shelf@production", "--home", replica)
    assert "shelf_v1.0.0 was brought, and is in production." in done.stdout
    done = inside("predict", "shelf@production", "a join of two tables", "--home", replica)
    assert done.returncode == 0, done.stderr


def test_what_is_here_stands_in_while_the_storage_is_away(
    inside: Classmark, maker: Path, replica: Path, shared: Path
) -> None:
    inside("publish", "shelf@production", "--home", maker)
    inside("pull", "shelf@production", "--home", replica)
    shared.rename(shared.with_name("gone"))
    done = inside("pull", "shelf@production", "--home", replica)
    assert done.returncode == 0, done.stderr
    assert "Meanwhile shelf_v1.0.1 stands in" in done.stderr
    done = inside("pull", "shelf@v1.0.0", "--home", replica)
    assert done.returncode == 6
    assert "There is no folder" in done.stderr


def test_a_dry_run_changes_nothing(
    inside: Classmark, maker: Path, replica: Path, shared: Path
) -> None:
    done = inside("publish", "shelf@latest", "--home", maker, "--dry-run")
    assert "would be published" in done.stdout
    assert [path for path in shared.rglob("*") if path.is_file()] == []
    inside("publish", "shelf@v1.0.0", "--home", maker)
    before = sorted(shared.rglob("*"))
    done = inside("unpublish", "shelf@v1.0.0", "--home", maker, "--dry-run")
    assert "would be taken away" in done.stdout
    done = inside("pull", "shelf@v1.0.0", "--home", replica, "--dry-run")
    assert "shelf@v1.0.0 would be brought" in done.stdout
    assert sorted(shared.rglob("*")) == before
    assert not (replica / "models").exists()


def test_what_is_taken_away_is_gone_there_and_stays_here(
    inside: Classmark, maker: Path, shared: Path
) -> None:
    inside("publish", "shelf@v1.0.0", "--home", maker)
    done = inside("unpublish", "shelf@production", "--home", maker)
    assert done.returncode == 4
    assert "in production" in done.stderr
    done = inside("unpublish", "shelf@v1.0.0", "--home", maker, "--from", "storage")
    assert done.returncode == 0, done.stderr
    assert not (shared / "shelf" / "shelf_v1.0.0").exists()
    assert "shelf_v1.0.0 is no longer in the storage" in done.stdout
    assert inside("verify", "shelf@v1.0.0", "--home", maker).returncode == 0


def test_what_was_never_published_is_told_to_have_been_nowhere(
    inside: Classmark, maker: Path, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    done = inside("unpublish", "shelf@v1.0.0", "--home", maker, "--json", result)
    assert done.returncode == 0, done.stderr
    assert "shelf_v1.0.0 was not in the storage" in done.stdout
    assert orjson.loads(result.read_bytes())["is_unpublished"] is False


def test_gc_tells_of_what_is_half_uploaded(inside: Classmark, maker: Path, shared: Path) -> None:
    inside("publish", "shelf@v1.0.0", "--home", maker)
    (shared / "shelf" / "shelf_v1.0.0" / "manifest.json").unlink()
    with (maker / "classmark.yaml").open("a", encoding="utf-8") as file:
        file.write("  grace_hours: 0\n")
    done = inside("gc", "--home", maker, "--dry-run")
    assert "upload" in done.stdout
    assert "would be removed" in done.stdout
    done = inside("gc", "--home", maker)
    assert "removed" in done.stdout
    assert not (shared / "shelf" / "shelf_v1.0.0").exists()
    assert "Nothing was left behind." in inside("gc", "--home", maker).stdout


def test_what_a_storage_missed_is_told_and_made_up_for(
    inside: Classmark, maker: Path, shared: Path, tmp_path: Path
) -> None:
    for version in ("shelf@v1.0.0", "shelf@production"):
        inside("publish", version, "--home", maker)
    away = shared.rename(shared.with_name("gone"))
    assert inside("delete", "shelf@v1.0.0", "--home", maker).returncode == 0
    done = inside("gc", "--home", maker)
    assert done.returncode == 6
    assert "does not follow shelf: There is no folder" in done.stderr
    away.rename(shared)
    told = "of shelf: v1.0.0 was deleted here, and is there."
    done = inside("doctor", "--home", maker)
    assert "v1.0.0 was deleted here, and is there." in done.stdout
    assert "Let it follow: classmark gc" in done.stdout
    done = inside("gc", "--home", maker, "--dry-run")
    assert f"{told}\n" in done.stdout
    assert (shared / "shelf" / "shelf_v1.0.0").exists()
    result = tmp_path / "result.json"
    done = inside("gc", "--home", maker, "--json", result)
    assert f"{told} It is mended." in done.stdout
    (place,) = orjson.loads(result.read_bytes())["places"]
    assert (place["model"], place["problem"]) == ("shelf", "")
    assert not (shared / "shelf" / "shelf_v1.0.0").exists()
    assert inside("gc", "--home", maker).stdout == "Nothing was left behind.\n"
    assert "follows what is live here" in inside("doctor", "--home", maker).stdout


def test_what_was_deleted_can_be_taken_away_by_its_number(
    inside: Classmark, maker: Path, shared: Path
) -> None:
    inside("publish", "shelf@v1.0.0", "--home", maker)
    away = shared.rename(shared.with_name("gone"))
    inside("delete", "shelf@v1.0.0", "--home", maker)
    away.rename(shared)
    done = inside("unpublish", "shelf@v1.0.0", "--home", maker)
    assert done.returncode == 0, done.stderr
    assert not (shared / "shelf" / "shelf_v1.0.0").exists()


@pytest.mark.parametrize("command", ["publish", "unpublish", "pull"])
def test_without_a_place_it_is_said_what_to_set(
    inside: Classmark, home: Path, command: str
) -> None:
    done = inside(command, "shelf@v1.0.0", "--home", home)
    assert done.returncode == 2
    assert "storage.uri" in done.stderr


def test_a_place_that_is_not_set_is_named(inside: Classmark, maker: Path) -> None:
    done = inside("publish", "shelf@latest", "--home", maker, "--to", "storge")
    assert done.returncode == 2
    assert "Did you mean 'storage'?" in done.stderr


def test_files_that_are_gone_come_back_when_they_are_needed(inside: Classmark, maker: Path) -> None:
    inside("publish", "shelf@production", "--home", maker)
    shutil.rmtree(maker / "models" / "shelf" / "shelf_v1.0.1")
    assert inside("verify", "shelf@production", "--home", maker).returncode == 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("uri: versions", "neither s3://BUCKET/PREFIX nor an absolute path"),
        ("uri: s3://key:sesame@bucket/x", "no s3://BUCKET/PREFIX"),
        ("uri: gs://bucket", "neither s3://"),
        ("endpoint_url: host:9000", "endpoint_url is no http"),
        ("endpoint_url: 'https://key:sesame@host'", "endpoint_url is no http"),
        ("timeout_seconds: 0", "timeout_seconds must be above 0"),
        ("grace_hours: -1", "no number of 0 or more: grace_hours"),
        ("bucket: x", "there is no such setting"),
    ],
)
def test_a_storage_that_cannot_be_is_refused(
    inside: Classmark, home: Path, settings: str, told: str
) -> None:
    (home / "classmark.yaml").write_text(f"storage:\n  {settings}\n", encoding="utf-8")
    done = inside("versions", "shelf", "--home", home)
    assert done.returncode == 2
    assert told in done.stderr
    assert "sesame" not in done.stderr


@pytest.mark.parametrize("folder", ["", "models", "elsewhere/deep", "..", "link"])
def test_a_storage_and_a_home_do_not_lie_in_each_other(
    inside: Classmark, home: Path, tmp_path: Path, folder: str
) -> None:
    """`unpublish` would remove the only copy."""
    (tmp_path / "link").symlink_to(home / "models")
    uri = tmp_path / "link" if folder == "link" else (home / folder).resolve()
    (home / "classmark.yaml").write_text(f"storage:\n  uri: {uri}\n", encoding="utf-8")
    done = inside("versions", "shelf", "--home", home)
    assert done.returncode == 2
    assert "storage: uri is inside of the home, or the home inside of it" in done.stderr
