"""MLflow down, slow, missing or killed costs a training seconds and a warning, never more."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.training.recorded import recorded, run_ids
from tests.training.tracking_server import TrackingServer

from classmark.models import Milestone
from classmark.training import (
    MlflowTracker,
    RunEnd,
    RunLink,
    RunStart,
    RunStatus,
    Tracker,
    tracked,
)

START = RunStart("shelves", "linear on papers", {"family": "linear"}, {"dataset": "papers"})
FINISHED = RunEnd(RunStatus.FINISHED, {"test.accuracy": 0.7}, "shelves_v1.0.0")
# Answers nothing, whatever it is told.
DEAF = (sys.executable, "-c", "import time; time.sleep(20)")
# Reads nothing and is gone.
GONE = (sys.executable, "-c", "")
# Without the folder in which MLflow is installed.
WITHOUT_MLFLOW = (sys.executable, "-S", "-P")
TRAINING = """
import sys, time
from pathlib import Path
from classmark.models import Milestone
from classmark.training import MlflowTracker, RunStart
run = MlflowTracker(Path(sys.argv[1])).start(RunStart("shelves", "long", {}, {}))
run.record(Milestone(1, {"loss": 0.5}))
if sys.argv[2] == "reads":
    run.link()
print("begun", flush=True)
time.sleep(60)
"""


def finished(tracker: Tracker) -> tuple[RunLink, float]:
    """Where a run is to be found that went well, and the seconds that its record cost."""
    begin = time.monotonic()
    with tracked(tracker, START) as run:
        run.record(Milestone(1, {"loss": 0.5}))
        run.end(FINISHED)
    link = run.link()
    assert link is not None
    return link, time.monotonic() - begin


def until(true: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return False


def milestones(database: Path) -> list[dict[str, float]]:
    """Of all runs in a database that may not be there yet."""
    try:
        ids = run_ids(database)
    except sqlite3.OperationalError:
        return []
    return [found for run_id in ids for found in recorded(database, run_id).milestones]


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    link, seconds = finished(
        MlflowTracker(tmp_path / "home", "http://127.0.0.1:9", timeout_seconds=40)
    )
    assert link == RunLink("http://127.0.0.1:9", None, "it can't be reached")
    assert seconds < 40
    assert list(tmp_path.iterdir()) == []


def test_name_and_password_are_told_to_nobody(tmp_path: Path) -> None:
    uri = "http://ada:hush%40hush@127.0.0.1:9/mlflow"
    tracker = MlflowTracker(tmp_path, uri, timeout_seconds=40)
    link, _ = finished(tracker)
    assert link.uri == "http://127.0.0.1:9/mlflow"
    assert "ada" not in str(link)
    assert "hush" not in str(link)


def test_what_a_store_says_is_told_without_name_and_password(tmp_path: Path) -> None:
    echo = (
        "import json, os; print(json.dumps({'problem': ' '.join(v for k, v in os.environ.items()"
        " if k.startswith('MLFLOW_TRACKING_'))}))"
    )
    uri = "https://ada:hush%40hush@tracking.example.org"
    tracker = MlflowTracker(tmp_path, uri, process=(sys.executable, "-c", echo), timeout_seconds=20)
    link, _ = finished(tracker)
    assert sorted(link.problem.split()) == ["***", "***"]


@pytest.mark.parametrize(
    ("process", "told"),
    [(DEAF, "it did not answer within 0.5 s"), (GONE, "the process that talks with it ended")],
)
def test_a_process_that_says_nothing_is_waited_for_once(
    process: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    tracker = MlflowTracker(
        tmp_path,
        "http://127.0.0.1:9",
        timeout_seconds=0.5 if process is DEAF else 20,
        process=process,
    )
    link, seconds = finished(tracker)
    assert link.run_id is None
    assert link.problem in {told, "it takes no more"}
    assert seconds < 10


def test_a_process_that_can_not_be_started_is_told(tmp_path: Path) -> None:
    link, _ = finished(MlflowTracker(tmp_path / "home", process=(str(tmp_path / "nothing"),)))
    assert link.problem.startswith("it could not be started")


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    link, _ = finished(MlflowTracker(tmp_path / "file" / "tracking"))
    assert link.problem.startswith("it could not be started")


def test_where_mlflow_is_not_installed_the_command_to_install_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import classmark.training.mlflow_process as script  # noqa: PLC0415 (its path alone is wanted)

    monkeypatch.setenv("PYTHONPATH", str(Path(str(script.__file__)).parents[2]))
    process = (*WITHOUT_MLFLOW, str(script.__file__))
    link, _ = finished(MlflowTracker(tmp_path, process=process))
    assert link.run_id is None
    assert link.problem == "mlflow is not installed: pip install 'classmark[tracking]'"


def test_a_process_that_takes_no_more_does_not_hold_up_training(tmp_path: Path) -> None:
    tracker = MlflowTracker(tmp_path, "http://127.0.0.1:9", timeout_seconds=0.3, process=DEAF)
    run = tracker.start(START)
    begin = time.monotonic()
    for step in range(20_000):
        run.record(Milestone(step, {"loss": 0.5}))
    run.end(FINISHED)
    assert time.monotonic() - begin < 10
    link = run.link()
    assert link is not None
    assert link.problem == "it takes no more"


def test_the_embedded_store_may_lie_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "a b#c%41ä" / "tracking"
    link, _ = finished(MlflowTracker(folder))
    assert link.run_id is not None, link
    assert recorded(folder / "mlflow.db", link.run_id).status == "finished"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("how", ["reads", "does not read"])
def test_of_a_training_that_is_killed_the_run_says_so(how: str, tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    with subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(tmp_path), how], stdout=subprocess.PIPE
    ) as training:
        assert training.stdout is not None
        training.stdout.readline()
        assert until(lambda: bool(milestones(database)))
        training.kill()
    (run_id,) = run_ids(database)
    assert until(lambda: recorded(database, run_id).status == "killed")
    assert recorded(database, run_id).milestones == [{"epoch": 1, "loss": 0.5}]


@pytest.mark.slow
def test_two_trainings_may_begin_the_store_at_once(tmp_path: Path) -> None:
    tracker = MlflowTracker(tmp_path, timeout_seconds=90)
    runs = [tracker.start(START) for _ in range(2)]
    for run in runs:
        run.end(FINISHED)
    links = [run.link() for run in runs]
    assert [link.problem for link in links if link] == ["", ""]
    assert len(run_ids(tmp_path / "mlflow.db")) == 2


@pytest.mark.slow
def test_a_server_that_hangs_in_the_middle_costs_seconds(
    server: TrackingServer, tmp_path: Path
) -> None:
    before = len(run_ids(server.database))
    run = MlflowTracker(tmp_path, server.url, timeout_seconds=3).start(START)
    assert until(lambda: len(run_ids(server.database)) > before)
    begun = run.link()
    assert begun is not None
    assert begun.run_id is not None, begun
    server.tell(signal.SIGSTOP)
    try:
        begin = time.monotonic()
        for epoch in range(1, 50):
            run.record(Milestone(epoch, {"loss": 0.5}))
        assert time.monotonic() - begin < 2
        run.end(FINISHED)
        assert time.monotonic() - begin < 10
    finally:
        server.tell(signal.SIGCONT)
    link = run.link()
    assert link is not None
    assert link.problem == "it did not answer within 3 s"


@pytest.mark.slow
def test_a_server_that_goes_on_has_the_whole_record(server: TrackingServer, tmp_path: Path) -> None:
    run = MlflowTracker(tmp_path, server.url, timeout_seconds=60).start(START)
    link = run.link()
    assert link is not None
    assert link.run_id is not None, link
    server.tell(signal.SIGSTOP)
    run.record(Milestone(1, {"loss": 0.5}))
    server.tell(signal.SIGCONT)
    run.end(FINISHED)
    found = recorded(server.database, link.run_id, server.artifacts)
    assert (found.status, found.name) == ("finished", "shelves_v1.0.0")
    assert found.milestones == [{"epoch": 1, "loss": 0.5}]


def test_nothing_of_mlflow_is_imported_where_training_is() -> None:
    told = "import sys, classmark.training; print('mlflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == "False\n"
