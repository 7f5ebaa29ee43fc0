"""Files that are whole or absent, whatever happens on the way."""

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import orjson
import pytest

from classmark.durable import (
    exclusive,
    point_link,
    publishing,
    replacing,
    write_bytes,
    write_json,
)


class InterruptionError(Exception):
    """The block ends badly."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_when_the_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "note"
    with replacing(path) as file:
        file.write(b"first")
    with replacing(path) as file:
        file.write(b"second")
        file.flush()
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert names(path.parent) == ["note"]


def test_the_old_file_stays_when_the_block_raises(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(b"old")

    def fail(file: IO[bytes]) -> None:
        file.write(b"half of the ne")
        raise InterruptionError

    with pytest.raises(InterruptionError), replacing(path) as file:
        fail(file)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["note"]


def test_a_file_that_was_never_there_stays_away_when_the_block_raises(tmp_path: Path) -> None:
    with pytest.raises(InterruptionError), replacing(tmp_path / "note"):
        raise InterruptionError
    assert names(tmp_path) == []


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "note").mkdir()
    with pytest.raises(OSError, match="note"), replacing(tmp_path / "note") as file:
        file.write(b"new")
    assert names(tmp_path) == ["note"]


def test_readers_of_the_old_file_read_on(tmp_path: Path) -> None:
    write_bytes(tmp_path / "note", b"old")
    with (tmp_path / "note").open("rb") as reader:
        write_bytes(tmp_path / "note", b"new")
        assert reader.read() == b"old"


def test_what_can_t_be_written_is_told_by_the_name_that_was_asked_for(tmp_path: Path) -> None:
    # The draft's name is longer, and the first to fail.
    path = tmp_path / ("a" * 240)
    with pytest.raises(OSError, match="File name too long") as refused:
        write_bytes(path, b"content")
    assert (refused.value.filename, refused.value.filename2) == (str(path), None)
    assert names(tmp_path) == []


def test_a_file_that_may_lag_is_written_like_any_other(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        write_bytes(tmp_path / "note", content, may_lag=True)
        assert (tmp_path / "note").read_bytes() == content
    assert names(tmp_path) == ["note"]


def test_json_is_written_for_people_and_programs(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"é": [1, None], 2: 0.5})
    written = (tmp_path / "a.json").read_bytes()
    assert orjson.loads(written) == {"é": [1, None], "2": 0.5}
    assert written.startswith(b"{\n  ")
    assert written.endswith(b"}\n")


def test_what_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    assert orjson.loads((tmp_path / "a.json").read_bytes()) == [1]
    assert names(tmp_path) == ["a.json"]


def test_a_folder_is_published_when_the_block_ends_well(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "version"
    with publishing(folder) as draft:
        (draft / "inner").mkdir()
        (draft / "inner" / "a").write_bytes(b"a")
        (draft / "b").write_bytes(b"b")
        assert not folder.exists()
        assert draft.parent == folder.parent
    assert names(folder) == ["b", "inner"]
    assert names(folder.parent) == ["version"]


def test_a_published_folder_is_its_owner_s_alone(tmp_path: Path) -> None:
    with publishing(tmp_path / "version") as draft:
        assert stat.S_IMODE(draft.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "version").stat().st_mode) == 0o700


def test_nothing_is_published_when_the_block_raises(tmp_path: Path) -> None:
    def fail(draft: Path) -> None:
        (draft / "a").write_bytes(b"a")
        raise InterruptionError

    with pytest.raises(InterruptionError), publishing(tmp_path / "version") as draft:
        fail(draft)
    assert names(tmp_path) == []


def test_a_folder_that_is_there_is_never_changed(tmp_path: Path) -> None:
    folder = tmp_path / "version"
    folder.mkdir()
    (folder / "a").write_bytes(b"old")

    def publish() -> None:
        with publishing(folder) as draft:
            (draft / "a").write_bytes(b"new")

    with pytest.raises(FileExistsError, match="version"):
        publish()
    assert (folder / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["version"]


def test_of_two_that_publish_one_folder_the_first_wins(tmp_path: Path) -> None:
    def publish_both() -> None:
        with publishing(tmp_path / "version") as slow:
            (slow / "a").write_bytes(b"slow")
            with publishing(tmp_path / "version") as fast:
                (fast / "a").write_bytes(b"fast")

    with pytest.raises(FileExistsError):
        publish_both()
    assert (tmp_path / "version" / "a").read_bytes() == b"fast"
    assert names(tmp_path) == ["version"]


def test_a_link_moves_in_one_step(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        point_link(tmp_path / "production", version)
        assert (tmp_path / "production").readlink() == Path(version)
    assert names(tmp_path) == ["one", "production", "two"]


def test_a_folder_is_not_replaced_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "production").mkdir()
    with pytest.raises(OSError, match="production"):
        point_link(tmp_path / "production", "one")
    assert names(tmp_path) == ["production"]


COUNT_TO_50 = """
import sys
from pathlib import Path
from classmark.durable import exclusive
count = Path(sys.argv[1])
for _ in range(50):
    with exclusive(count.with_name("lock")):
        count.write_text(str(int(count.read_text()) + 1))
"""
HOLD = """
import sys
from pathlib import Path
from classmark.durable import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_only_one_process_at_a_time_is_let_in(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0", encoding="utf-8")
    counting = [subprocess.Popen([sys.executable, "-c", COUNT_TO_50, count]) for _ in range(4)]
    assert [process.wait() for process in counting] == [0, 0, 0, 0]
    assert count.read_text(encoding="utf-8") == "200"


@pytest.mark.parametrize("end", [subprocess.Popen.kill, subprocess.Popen.terminate])
def test_a_killed_process_lets_the_next_one_in(
    end: Callable[[subprocess.Popen[bytes]], None], tmp_path: Path
) -> None:
    lock = tmp_path / "deep" / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == b"held\n"
        end(holding)
        with exclusive(lock):
            assert holding.wait() != 0


def test_a_lock_is_free_after_a_block_that_raises(tmp_path: Path) -> None:
    with pytest.raises(InterruptionError), exclusive(tmp_path / "lock"):
        raise InterruptionError
    with exclusive(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
