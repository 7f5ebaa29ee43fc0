"""What was damaged on disk is refused by name, and left as it is."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Classmark = Callable[..., subprocess.CompletedProcess[str]]
Look = Callable[[Path], dict[str, object]]

FILES = (
    "calibration.json",
    "card.md",
    "config.json",
    "examples.json",
    "label_map.json",
    "manifest.json",
    "metadata.json",
    "model.safetensors",
    "vocabulary.txt",
)
USES = (
    ("verify", "shelf@production"),
    ("predict", "shelf@production", "A table of tuples"),
    ("evaluate", "shelf@production", "papers"),
    ("serve", "--port", "0"),
)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_the_files_of_a_version_are_those_that_are_tried_here(shelf: Path) -> None:
    assert tuple(sorted(p.name for p in (shelf / "models/shelf/production").iterdir())) == FILES


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_byte_is_found_and_its_file_named(
    name: str, home: Path, inside: Classmark
) -> None:
    flip_a_byte(home / "models" / "shelf" / "shelf_v1.0.1" / name)
    done = inside("verify", "shelf@production", "--home", home)
    assert (done.returncode, done.stdout) == (5, "")
    assert name in done.stderr


@pytest.mark.parametrize("use", USES, ids=lambda use: use[0])
def test_a_version_with_a_flipped_byte_is_never_used(
    use: tuple[str, ...], home: Path, classmark: Classmark, look: Look
) -> None:
    flip_a_byte(home / "models" / "shelf" / "shelf_v1.0.1" / "model.safetensors")
    before = look(home)
    done = classmark(*use, "--home", home, CLASSMARK_SERVING__FALLBACK="false")
    assert (done.returncode, done.stdout) == (5, "")
    assert "model.safetensors was changed" in done.stderr
    assert look(home) == before


def test_several_workers_do_not_start_on_a_damaged_version(
    home: Path, classmark: Classmark
) -> None:
    flip_a_byte(home / "models" / "shelf" / "shelf_v1.0.1" / "model.safetensors")
    serve = ("serve", "--workers", 2, "--port", 0, "--no-ui", "--home", home)
    done = classmark(*serve, CLASSMARK_SERVING__FALLBACK="false")
    assert (done.returncode, done.stdout) == (5, "")


def test_a_damaged_version_can_be_rolled_back_from(home: Path, inside: Classmark) -> None:
    flip_a_byte(home / "models" / "shelf" / "shelf_v1.0.1" / "vocabulary.txt")
    assert inside("doctor", "--home", home).returncode == 1
    assert inside("rollback", "shelf", "--home", home).returncode == 0
    assert inside("doctor", "--home", home).returncode == 0


def test_a_newer_version_takes_the_place_of_a_damaged_one_if_somebody_says_why(
    home: Path, inside: Classmark
) -> None:
    train = ("train", "papers", "--model", "shelf", "--family", "linear")
    assert inside(*train, "--home", home).returncode == 0
    flip_a_byte(home / "models" / "shelf" / "shelf_v1.0.1" / "vocabulary.txt")
    promote = ("promote", "shelf@latest", "--home", home)
    for options in ((), ("--dry-run",)):
        done = inside(*promote, *options)
        assert done.returncode == 5
        assert "vocabulary.txt was changed" in done.stderr
        assert "promote shelf@v1.0.2 --force --reason TEXT" in " ".join(done.stderr.split())
    assert inside(*promote, "--force", "--reason", "damaged").returncode == 0
    assert inside("doctor", "--home", home).returncode == 0


def test_links_that_lag_behind_are_named_and_mended(home: Path, inside: Classmark) -> None:
    (home / "models" / "shelf" / "production").unlink()
    told = inside("gc", "--dry-run", "--home", home).stdout
    assert "names nothing, and shelf_v1.0.1 is live." in told
    assert "mended" not in told
    assert "live. It is mended." in inside("gc", "--home", home).stdout
    assert inside("gc", "--home", home).stdout == "Nothing was left behind.\n"


def test_a_version_whose_folder_is_gone_is_refused(home: Path, inside: Classmark) -> None:
    shutil.rmtree(home / "models" / "shelf" / "shelf_v1.0.1")
    done = inside("predict", "shelf@production", "A table", "--home", home)
    assert (done.returncode, done.stdout) == (5, "")
    assert "shelf_v1.0.1 is not what was registered" in done.stderr


@pytest.mark.parametrize(
    "content", [b"This was a database once. " * 400, b"SQLite format 3\0" + b"\xff" * 8000]
)
def test_a_damaged_database_is_told_and_left(
    content: bytes, home: Path, inside: Classmark, look: Look
) -> None:
    (home / "classmark.db").write_bytes(content)
    before = look(home)
    done = inside("versions", "shelf", "--home", home)
    assert done.returncode in {5, 6}
    assert str(home / "classmark.db") in done.stderr
    done = inside("doctor", "--home", home)
    assert done.returncode == 1
    assert "broken  database" in done.stdout
    assert look(home) == before


def test_a_damaged_dataset_is_told(home: Path, inside: Classmark) -> None:
    flip_a_byte(home / "data" / "splits" / "papers" / "test.json.gz")
    done = inside("evaluate", "shelf@latest", "papers", "--home", home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "test.json.gz" in done.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"serving: [1, 2", "classmark.yaml can't be read"),
        (b"- a list\n", "classmark.yaml can't be read"),
        (b"actor: \xff\n", "classmark.yaml can't be read"),
        (b"colour: red\n", "colour: there is no such setting"),
        (b"serving:\n  speed: 9\n", "serving.speed: there is no such setting"),
        (b"serving:\n  threads: many\n", "serving.threads: "),
    ],
)
def test_a_damaged_settings_file_is_told(
    content: bytes, told: str, home: Path, inside: Classmark
) -> None:
    (home / "classmark.yaml").write_bytes(content)
    done = inside("versions", "shelf", "--home", home)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CLASSMARK_SERVING__THREADS", "many", "serving.threads: "),
        ("CLASSMARK_SERVING__THREADS", "-1", "serving: no number of 0 or more: threads"),
        ("CLASSMARK_SERVING", "{", "A CLASSMARK_* variable can't be read"),
        ("CLASSMARK_DATABASE_URL", "nonsense", "The database URL can't be used"),
    ],
)
def test_a_variable_that_can_t_be_is_told(
    name: str, value: str, told: str, shelf: Path, classmark: Classmark
) -> None:
    done = classmark("versions", "shelf", "--home", shelf, **{name: value})
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    done = classmark("doctor", "--home", shelf, **{name: value})
    assert done.returncode == 1
    assert "broken  settings" in done.stdout
