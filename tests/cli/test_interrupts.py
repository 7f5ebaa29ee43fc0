"""Ctrl+C, a closed pipe, a taken port: an end with an exit code, and nothing half-written."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

Classmark = Callable[..., subprocess.CompletedProcess[str]]
Look = Callable[[Path], dict[str, object]]


# CPython dies of the signal itself where it came while a string was being executed.
INTERRUPTED = {130, -signal.SIGINT}


RESUMABLE = "Note: Interrupted. What was answered is kept: the same command goes on from there.\n"


def interrupted_when(
    happened: Callable[[], bool], arguments: Sequence[object], environment: dict[str, str]
) -> tuple[int, str]:
    """The exit code and the standard error of a command that gets Ctrl+C at some moment."""
    process = subprocess.Popen(
        [sys.executable, "-m", "classmark", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        # As in a terminal the signal goes to all processes of the command.
        process_group=0,
    )
    end = time.monotonic() + 60
    while not happened():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    return process.returncode, told


@pytest.mark.parametrize(
    "moment", ["classmark-version-*", "classmark-train-*", "classmark-parity-*"]
)
def test_training_that_is_interrupted_leaves_nothing(
    moment: str, home: Path, look: Look, environment: dict[str, str], tmp_path: Path
) -> None:
    before, drafts = look(home), Path(environment["TMPDIR"])
    result = tmp_path / "result.json"
    asked = ("train", "papers", "--model", "new", "--family", "linear", "--home", home)
    code, told = interrupted_when(
        lambda: any(drafts.glob(moment)), (*asked, "--json", result), environment
    )
    assert code in INTERRUPTED
    assert told == ""
    assert look(home) == before
    assert list(drafts.iterdir()) == []
    assert not result.exists()


def test_a_file_that_is_interrupted_can_be_resumed(
    home: Path, papers: Path, environment: dict[str, str], classmark: Classmark, tmp_path: Path
) -> None:
    many, out = tmp_path / "many.jsonl", tmp_path / "out.jsonl"
    many.write_bytes(papers.read_bytes() * 100)
    asked = ("predict", "shelf@latest", "--file", many, "--out", out, "--home", home)
    unfinished = home / "results" / "unfinished"
    code, told = interrupted_when(
        lambda: any(file.stat().st_size for file in unfinished.glob("*")), asked, environment
    )
    assert code in INTERRUPTED
    # CPython says nothing where it dies of the signal itself.
    assert told == (RESUMABLE if code == 130 else "")
    assert not out.exists()
    assert classmark(*asked).returncode == 0
    assert len(out.read_bytes().splitlines()) == 6000


def test_a_reader_that_goes_away_is_no_error(shelf: Path, environment: dict[str, str]) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "classmark", "versions", "shelf", "--home", shelf],
            stdout=gone,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
        )
    assert done.stderr == b""


@pytest.mark.parametrize("command", [("serve",), ("ui",), ("quickstart",)])
def test_a_port_in_use_is_told_before_any_work(
    command: tuple[str, ...], shelf: Path, classmark: Classmark, look: Look
) -> None:
    before = look(shelf)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = classmark(*command, "--port", port, "--home", shelf)
    assert (done.returncode, done.stdout) == (6, "")
    assert f"Port {port} of 127.0.0.1 is in use" in done.stderr
    assert look(shelf) == before


def test_nothing_in_production_is_told(papers: Path, classmark: Classmark, tmp_path: Path) -> None:
    home = tmp_path / "home"
    classmark("prepare", papers, "--name", "papers", "--home", home)
    done = classmark("serve", "--port", 0, "--home", home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no model yet" in done.stderr
    assert (
        classmark(
            "train", "papers", "--model", "a", "--family", "linear", "--home", home
        ).returncode
        == 0
    )
    done = classmark("serve", "--port", 0, "--home", home)
    assert (done.returncode, done.stdout) == (3, "")
    assert "No version of 'a' is in production" in done.stderr
