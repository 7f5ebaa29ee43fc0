"""A trial's own process: it answers, and it ends when it should, with all that it started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classmark.datasets import Dataset, DatasetStore
from classmark.errors import MissingExtraError, SettingError, UnknownDatasetError
from classmark.models import Milestone, load_classifier
from classmark.training import TrialState
from classmark.training.tuning.order import Order, lacks_memory
from classmark.training.tuning.process import ProcessRunner
from classmark.training.tuning.trial import Ending

Hear = Callable[[Milestone], None]
# Says what it is told, as a trial would, with a process of its own beside.
SAYS = """
import subprocess, sys, time
sys.stdin.readline()
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
beside = subprocess.Popen(sleep, stdout=subprocess.DEVNULL)
open(sys.argv[1], "w").write(f"{beside.pid}")
"""


@pytest.fixture
def order(tmp_path: Path) -> Order:
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    return Order(
        data=str(tmp_path / "data"),
        dataset="samples",
        snapshot="",
        family="linear",
        parameters={"longest_ngram": "1"},
        seed=42,
        threads=1,
        artifact=str(artifact),
    )


@pytest.fixture
def stored(dataset: Dataset, order: Order) -> Order:
    """The order, and the dataset that it is for."""
    DatasetStore(Path(order.data)).save(dataset)
    return replace(order, snapshot=dataset.snapshot_id)


def run(order: Order, folder: Path, **given: Any) -> Ending:
    hear: Hear = given.pop("hear", lambda _: None)
    seconds: float = given.pop("seconds", 120.0)
    return ProcessRunner(**given).run(order, folder, hear, seconds)


def saying(code: str, pid: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", SAYS + code, str(pid))


def is_gone(pid: Path) -> bool:
    """Whether the process beside is no more, or is but a name that nobody asked for."""
    number = int(pid.read_text("utf-8"))
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        if " Z " in Path(f"/proc/{number}/stat").read_text("utf-8"):
            return True
        time.sleep(0.05)
    return False


def test_a_trial_trains_and_is_worth_its_accuracy_on_the_rows_that_select(
    stored: Order, tmp_path: Path, dataset: Dataset
) -> None:
    ending = run(stored, tmp_path)
    assert ending.state is TrialState.FINISHED
    assert ending.value is not None
    # 20 val rows are too few for a promise, so that all of them select.
    assert 0 <= ending.value <= 1
    assert round(ending.value * 20, 9).is_integer()
    assert load_classifier(Path(stored.artifact)).labels == dataset.labels
    assert {path.name for path in tmp_path.iterdir()} == {"artifact", "data", "said.txt"}


def test_a_trial_that_can_not_be_fails_with_a_message(stored: Order, tmp_path: Path) -> None:
    impossible = replace(stored, parameters={"min_documents": "100000"})
    ending = run(impossible, tmp_path)
    assert ending.state is TrialState.FAILED
    assert "No term stands in 100000 of 160 training documents" in ending.note


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"parameters": {"flavour": "mint"}}, SettingError),
        ({"family": "oracle"}, SettingError),
        ({"snapshot": "0"}, UnknownDatasetError),
    ],
)
def test_what_every_trial_would_meet_ends_the_search(
    stored: Order, tmp_path: Path, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        run(replace(stored, **given), tmp_path)


def test_a_trial_without_memory_is_pruned(stored: Order, tmp_path: Path) -> None:
    greedy = replace(stored, parameters={"longest_ngram": "60"})
    ending = run(greedy, tmp_path, memory_bytes=already_taken() + 100 * 2**20)
    assert ending.state is TrialState.PRUNED
    assert "memory" in ending.note


def already_taken() -> int:
    """The address space of a process that has imported what a trial needs."""
    code = (
        "import classmark.training.tuning.__main__, classmark.models.linear;"
        "print(open('/proc/self/status').read())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("VmSize")]
    return int(line.split()[1]) * 1024


def test_milestones_are_heard_as_they_come(order: Order, tmp_path: Path) -> None:
    code = """
for epoch in (1, 2):
    print('{"milestone": {"epoch": %d, "metrics": {"val_loss": null, "loss": 0.5}}}' % epoch)
print('{"value": 0.25}')
"""
    heard: list[Milestone] = []
    program = saying(code, tmp_path / "pid")
    ending = run(order, tmp_path, hear=heard.append, program=program)
    assert ending == Ending(TrialState.FINISHED, 0.25)
    assert [milestone.epoch for milestone in heard] == [1, 2]
    assert heard[0].metrics["loss"] == 0.5
    assert heard[0].metrics["val_loss"] != heard[0].metrics["val_loss"]
    assert is_gone(tmp_path / "pid")


class EnoughError(Exception):
    """Who hears has heard enough."""


def test_who_hears_can_end_a_trial(order: Order, tmp_path: Path) -> None:
    code = """
print('{"milestone": {"epoch": 1, "metrics": {}}}', flush=True)
time.sleep(60)
"""

    def hear(_: Milestone) -> None:
        raise EnoughError

    start = time.monotonic()
    with pytest.raises(EnoughError):
        run(order, tmp_path, hear=hear, program=saying(code, tmp_path / "pid"))
    assert time.monotonic() - start < 30
    assert is_gone(tmp_path / "pid")


def test_a_trial_ends_when_time_is_up(order: Order, tmp_path: Path) -> None:
    code = "print('{\"value\"', end='', flush=True); time.sleep(60)"
    program = saying(code, tmp_path / "pid")
    ending = run(order, tmp_path, seconds=2.0, program=program)
    assert ending == Ending(TrialState.INTERRUPTED, note="time was up")
    assert is_gone(tmp_path / "pid")


@pytest.mark.parametrize(
    ("code", "state", "told"),
    [
        ("import os; os.kill(os.getpid(), 9)", TrialState.PRUNED, "when memory runs out"),
        ("import os; os.abort()", TrialState.FAILED, "its process ended: exit status -6"),
        ("sys.exit('a bug')", TrialState.FAILED, "its process ended: a bug"),
        ("sys.exit('std::bad_alloc')", TrialState.PRUNED, "out of memory: std::bad_alloc"),
        ("", TrialState.FAILED, "exit status 0"),
    ],
)
def test_a_trial_that_dies_is_told_from_one_that_had_no_memory(
    order: Order, tmp_path: Path, code: str, state: TrialState, told: str
) -> None:
    ending = run(order, tmp_path, program=saying(code, tmp_path / "pid"))
    assert ending.state is state
    assert told in ending.note
    assert is_gone(tmp_path / "pid")


def test_a_trial_that_reads_nothing_is_no_harm(order: Order, tmp_path: Path) -> None:
    ending = run(order, tmp_path, program=(sys.executable, "-c", "print('{\"value\": 1.0}')"))
    assert ending == Ending(TrialState.FINISHED, 1.0)


def test_an_extra_that_a_trial_misses_is_told(order: Order, tmp_path: Path) -> None:
    line = '{"error": "MissingExtraError", "message": "m", "remedy": "r", "lacks_memory": false}'
    with pytest.raises(MissingExtraError, match="'train' extra"):
        run(order, tmp_path, program=saying(f"print('{line}')", tmp_path / "pid"))


PARENT = """
import sys
from pathlib import Path
from classmark.training.tuning.order import Order
from classmark.training.tuning.process import ProcessRunner
order = Order.parse(sys.argv[1].encode())
ProcessRunner().run(order, Path(sys.argv[2]), lambda _: None, 600.0)
"""


def test_a_trial_ends_with_the_process_that_asked_for_it(stored: Order, tmp_path: Path) -> None:
    """The longest of trainings, whose parent is killed without warning."""
    endless = replace(stored, parameters={"longest_ngram": "40", "max_iterations": "1000000"})
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, endless.line().decode(), str(tmp_path)]
    )
    child = waited_for(parent.pid)
    time.sleep(1)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    (tmp_path / "pid").write_text(str(child), "utf-8")
    assert is_gone(tmp_path / "pid")


def waited_for(parent: int) -> int:
    """The first process that another one starts."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = children.read_text("utf-8").split()
        if found:
            return int(found[0])
        time.sleep(0.05)
    raise AssertionError


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("[enforce fail at alloc_cpu.cpp:132] DefaultCPUAllocator: not enough memory", True),
        ("CUDA out of memory. Tried to allocate 20.00 MiB", True),
        ("Unable to allocate 3 GiB: _ArrayMemoryError", True),
        ("terminate called after throwing an instance of 'std::bad_alloc'", True),
        ("train.json.gz is damaged (Error -4 while decompressing data).", True),
        ("The exported model can't be loaded: exit status -9.", True),
        ("No term stands in 3 of 100 training documents", False),
        ("", False),
    ],
)
def test_want_of_memory_is_known_by_its_words(text: str, lacks: bool) -> None:
    assert lacks_memory(text) is lacks
