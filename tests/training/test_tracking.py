"""One contract for all that keep the record of runs: in memory, embedded, and on a server."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.training.recorded import Recorded, recorded

from classmark.models import Milestone
from classmark.training import (
    InMemoryTracker,
    MlflowTracker,
    RunEnd,
    RunLink,
    RunStart,
    RunStatus,
    Tracker,
    Untracked,
    tracked,
)

START = RunStart(
    experiment="shelves",
    name="linear on papers",
    parameters={"family": "linear", "seed": 7, "max_terms": None, "weight": 0.5},
    tags={"dataset": "papers", "git_commit": "ab" * 20, "library.numpy": "2.4"},
)
FIRST = Milestone(1, {"loss": 0.5, "val_accuracy": 0.75})
SECOND = Milestone(1.5, {"loss": math.nan})


@dataclass(frozen=True, slots=True)
class Edge:
    """A tracker, and a look at what it keeps.

    Attributes:
        tracker: Under test.
        look: A run's id -> what is kept of it.
        uri: Where it says that it keeps runs.
    """

    tracker: Tracker
    look: Callable[[str], Recorded]
    uri: str


def in_memory() -> Edge:
    tracker = InMemoryTracker()

    def look(run_id: str) -> Recorded:
        (run,) = (one for one in tracker.runs if one.run_id == run_id)
        return Recorded(
            run.start.experiment,
            run.name,
            run.status.value,
            {name: str(value) for name, value in run.start.parameters.items()},
            dict(run.start.tags),
            [{"epoch": it.epoch, **it.metrics} for it in run.milestones],
            run.metrics,
            set(run.files),
        )

    return Edge(tracker, look, "memory:")


def embedded(home: Path) -> Edge:
    folder = home / "tracking"
    database = folder / "mlflow.db"
    return Edge(
        MlflowTracker(folder),
        lambda run_id: recorded(database, run_id),
        f"sqlite:///{database}",
    )


@pytest.fixture(
    scope="module",
    params=["memory", "embedded", pytest.param("server", marks=pytest.mark.slow)],
)
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Edge:
    folder = tmp_path_factory.mktemp("edge")
    if request.param == "memory":
        return in_memory()
    if request.param == "embedded":
        return embedded(folder)
    server = request.getfixturevalue("server")
    return Edge(
        MlflowTracker(folder, server.url, timeout_seconds=60),
        lambda run_id: recorded(server.database, run_id, server.artifacts),
        server.url,
    )


@pytest.fixture(scope="module")
def whole(edge: Edge, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunLink, Recorded]:
    """A run from its start to its end."""
    card = tmp_path_factory.mktemp("artifact") / "card.md"
    card.write_text("# A card\n")
    run = edge.tracker.start(START)
    run.record(FIRST)
    run.record(SECOND)
    end = RunEnd(RunStatus.FINISHED, {"test.accuracy": 0.7}, "shelves_v1.0.0", [card])
    run.end(end)
    run.end(RunEnd(RunStatus.FAILED))
    link = run.link()
    assert link is not None
    assert link.run_id is not None, link
    return link, edge.look(link.run_id)


def test_a_run_can_be_found_again(edge: Edge, whole: tuple[RunLink, Recorded]) -> None:
    link, _ = whole
    assert (link.uri, link.problem) == (edge.uri, "")


def test_what_was_set_is_kept(whole: tuple[RunLink, Recorded]) -> None:
    _, found = whole
    assert found.experiment == "shelves"
    assert found.parameters == {
        "family": "linear",
        "seed": "7",
        "max_terms": "None",
        "weight": "0.5",
    }
    assert found.tags.items() >= START.tags.items()


def test_what_was_reached_is_kept_step_by_step(whole: tuple[RunLink, Recorded]) -> None:
    first, second = whole[1].milestones
    assert first == {"epoch": 1, "loss": 0.5, "val_accuracy": 0.75}
    assert second["epoch"] == 1.5
    assert math.isnan(second["loss"])


def test_how_it_ended_is_kept_and_the_first_end_counts(whole: tuple[RunLink, Recorded]) -> None:
    _, found = whole
    assert (found.status, found.name) == ("finished", "shelves_v1.0.0")
    assert found.metrics == {"test.accuracy": 0.7}
    assert found.files == {"card.md"}


@pytest.mark.parametrize(
    ("raised", "status"),
    [(ValueError("no"), "failed"), (KeyboardInterrupt(), "killed"), (SystemExit(1), "killed")],
)
def test_a_training_that_breaks_leaves_a_run_that_says_so(
    raised: BaseException, status: str, edge: Edge
) -> None:
    runs = []

    def training() -> None:
        with tracked(edge.tracker, START) as run:
            runs.append(run)
            run.record(FIRST)
            raise raised

    with pytest.raises(type(raised)):
        training()
    link = runs[0].link()
    assert link is not None
    assert link.run_id is not None
    found = edge.look(link.run_id)
    assert (found.status, found.name, len(found.milestones)) == (status, "linear on papers", 1)


def test_a_file_that_is_not_there_is_told_and_the_end_is_kept(edge: Edge, tmp_path: Path) -> None:
    with tracked(edge.tracker, START) as run:
        run.end(RunEnd(RunStatus.FINISHED, files=[tmp_path / "gone.md"]))
    link = run.link()
    assert link is not None
    assert link.run_id is not None
    assert link.problem
    assert edge.look(link.run_id).status == "finished"


def test_where_nothing_is_kept_nothing_is_told() -> None:
    with tracked(Untracked(), START) as run:
        run.record(FIRST)
    assert run.link() is None


def test_a_twin_in_trouble_keeps_nothing_and_says_so() -> None:
    tracker = InMemoryTracker(problem="the disk is full")
    with tracked(tracker, START) as run:
        run.record(FIRST)
    assert run.link() == RunLink("memory:", None, "the disk is full")
    assert tracker.runs == []
