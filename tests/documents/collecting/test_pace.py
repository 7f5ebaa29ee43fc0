"""No process of a home asks a source faster than its rule, even after one was killed."""

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.documents.collecting.conftest import HandClock

from classmark.documents.collecting.pace import Clock, pace_of
from classmark.errors import ConflictError

HOLD = """
import sys, time
from pathlib import Path
from classmark.documents.collecting.pace import Clock, pace_of
with pace_of(Path(sys.argv[1]), "arxiv", 0.5, Clock()) as pace:
    pace.wait()
    print(repr(time.time()), flush=True)
    sys.stdin.read()
"""


def test_requests_are_as_far_apart_as_the_rule_says(tmp_path: Path, hand_clock: HandClock) -> None:
    with pace_of(tmp_path, "arxiv", 3.0, hand_clock.clock) as pace:
        times = []
        for _ in range(5):
            pace.wait()
            times.append(hand_clock.at)
    assert hand_clock.slept[0] >= 3.0
    assert all(later - earlier >= 3.0 for earlier, later in pairwise(times))
    assert len(hand_clock.slept) == 4


def test_the_pace_is_kept_from_one_run_to_the_next(tmp_path: Path, hand_clock: HandClock) -> None:
    for _ in range(3):
        with pace_of(tmp_path, "arxiv", 3.0, hand_clock.clock) as pace:
            pace.wait()
    assert len(hand_clock.slept) == 2
    assert min(hand_clock.slept) >= 3.0


def test_nobody_waits_who_comes_late_enough(tmp_path: Path, hand_clock: HandClock) -> None:
    with pace_of(tmp_path, "arxiv", 3.0, hand_clock.clock) as pace:
        pace.wait()
        hand_clock.at += 3.5
        pace.wait()
    assert hand_clock.slept == []


def test_a_long_answer_is_no_head_start(tmp_path: Path, hand_clock: HandClock) -> None:
    with pace_of(tmp_path, "arxiv", 3.0, hand_clock.clock) as pace:
        pace.wait()
        hand_clock.at += 10
        pace.note()
        pace.wait()
    assert hand_clock.slept[0] >= 3.0


def test_a_clock_that_was_set_never_makes_us_wait_longer_than_the_rule(tmp_path: Path) -> None:
    @given(st.floats(-1e9, 1e9))
    def holds(moved: float) -> None:
        clock = HandClock()
        with pace_of(tmp_path, "arxiv", 3.0, clock.clock) as pace:
            pace.wait()
            clock.slept.clear()
            clock.at += moved
            pace.wait()
        assert all(0 < slept < 4.0 for slept in clock.slept)
        assert moved > 0 or clock.slept[-1] >= 3.0

    holds()


def test_what_is_no_time_in_the_file_is_overwritten(tmp_path: Path, hand_clock: HandClock) -> None:
    (tmp_path / ".arxiv.pace").write_bytes(b"\x00" * 40)
    for _ in range(2):
        with pace_of(tmp_path, "arxiv", 3.0, hand_clock.clock) as pace:
            pace.wait()
    assert len(hand_clock.slept) == 1


def test_two_sources_do_not_wait_for_each_other(tmp_path: Path, hand_clock: HandClock) -> None:
    with (
        pace_of(tmp_path, "arxiv", 3.0, hand_clock.clock) as arxiv,
        pace_of(tmp_path, "pubmed", 3.0, hand_clock.clock) as pubmed,
    ):
        arxiv.wait()
        pubmed.wait()
    assert hand_clock.slept == []


def test_one_process_asks_a_source_and_after_its_kill_the_next_keeps_the_pace(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        asked = float(holder.stdout.readline())
        with pytest.raises(ConflictError, match="arxiv"), pace_of(tmp_path, "arxiv", 0.5, Clock()):
            pass
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with pace_of(tmp_path, "arxiv", 0.5, Clock()) as pace:
        pace.wait()
        assert time.time() - asked >= 0.5
