"""What a killed training leaves, and who may go on with it."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from classmark.errors import ConflictError, DivergedError
from classmark.progress import Silent
from classmark.training import checkpoints_of, training_key

HOLD = """
import sys
from pathlib import Path
from classmark.progress import Silent
from classmark.training import checkpoints_of
with checkpoints_of("key", Path(sys.argv[1]), Silent()):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_whatever_changes_the_weights_changes_the_key() -> None:
    keys = {
        training_key("linear", {"a": 1}, 42, "00"),
        training_key("encoder", {"a": 1}, 42, "00"),
        training_key("linear", {"a": 2}, 42, "00"),
        training_key("linear", {"a": 1}, 43, "00"),
        training_key("linear", {"a": 1}, 42, "01"),
    }
    assert len(keys) == 5
    assert training_key("linear", {"a": 1}, 42, "00") in keys


def test_a_training_that_ends_well_leaves_nothing(tmp_path: Path) -> None:
    with checkpoints_of("key", tmp_path, Silent()) as folder:
        assert folder is not None
        (folder / "checkpoint-1").mkdir()
    assert list(tmp_path.iterdir()) == []


def test_what_was_kept_outlives_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with checkpoints_of("key", tmp_path, Silent()) as folder:
            assert folder is not None
            (folder / "checkpoint-1").mkdir()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        fail()
    assert (tmp_path / "key" / "checkpoint-1").is_dir()
    assert raised.value.__notes__ == ["What was done is kept: the same command goes on from there."]


def test_what_diverged_is_not_gone_on_with(tmp_path: Path) -> None:
    def fail() -> None:
        with checkpoints_of("key", tmp_path, Silent()) as folder:
            assert folder is not None
            (folder / "checkpoint-1").mkdir()
            raise DivergedError("The loss is nan.", remedy="Learn more slowly.")

    with pytest.raises(DivergedError) as raised:
        fail()
    assert not getattr(raised.value, "__notes__", [])
    assert list(tmp_path.iterdir()) == []


def test_who_goes_on_from_what_was_kept_says_so(tmp_path: Path) -> None:
    heard: list[str] = []

    class Listener(Silent):
        def tell(self, text: str) -> None:
            heard.append(text)

    for _ in range(2):
        with suppress(ZeroDivisionError), checkpoints_of("key", tmp_path, Listener()) as folder:
            assert folder is not None
            (folder / "checkpoint-1").mkdir(exist_ok=True)
            raise ZeroDivisionError
    assert heard == ["An earlier training kept what it had done; this one goes on from there."]


@pytest.mark.parametrize("left", ["", "tensorboard", "0_linear", "1_transformer/.finished.1.draft"])
def test_where_nothing_was_kept_nothing_is_left(left: str, tmp_path: Path) -> None:
    def stop() -> None:
        with checkpoints_of("key", tmp_path, Silent()) as folder:
            assert folder is not None
            (folder / left).mkdir(parents=True, exist_ok=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        stop()
    assert not hasattr(raised.value, "__notes__")
    assert list(tmp_path.iterdir()) == []


def test_the_same_training_runs_once_at_a_time(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(ConflictError, match="runs already"),
            checkpoints_of("key", tmp_path, Silent()),
        ):
            raise AssertionError
        other.kill()
    # The kernel frees what a killed process held.
    with checkpoints_of("key", tmp_path, Silent()) as folder:
        assert folder == tmp_path / "key"


def test_without_a_folder_there_are_no_checkpoints() -> None:
    with checkpoints_of("key", None, Silent()) as folder:
        assert folder is None
