"""A search tries as many as were asked for, keeps the best, and survives whatever a trial does."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classmark.errors import SettingError
from classmark.models import Announce, Choices, Milestone
from classmark.training import (
    Limits,
    Sampler,
    SearchRoom,
    StudyDefinition,
    Trial,
    TrialState,
    TuningResult,
    tune,
)
from classmark.training.tuning.trial import Ending
from classmark.training.tuning.workplace import Workplace

Define = Callable[..., StudyDefinition]
# See conftest.py.
ScriptedRunner = Any
PNG = b"\x89PNG"


def states(result: TuningResult) -> list[str]:
    return [trial.state.value for trial in result.trials]


def artifacts(room: SearchRoom, name: str = "study") -> set[str]:
    return {path.name for path in (room.folder / name).glob("*trial-*")}


def test_a_search_tries_as_many_as_were_asked_for_and_finds_the_best(
    define: Define, room: SearchRoom, runner: ScriptedRunner
) -> None:
    heard: list[Trial] = []
    result = tune(define(), Limits(trials=8), replace(room, heard=heard.append))
    assert states(result) == ["finished"] * 8
    assert [trial.number for trial in heard] == list(range(8))
    assert result.best is not None
    assert result.best.value == max(trial.value or 0 for trial in result.trials)
    assert len(runner.orders) == 8


def test_trials_are_asked_for_with_all_parameters_of_the_snapshot(
    define: Define, room: SearchRoom, runner: ScriptedRunner
) -> None:
    result = tune(define(seed=7), Limits(trials=1), room)
    (order,), (trial,) = runner.orders, result.trials
    assert (order.dataset, order.snapshot, order.family) == ("papers", "0123456789ab", "linear")
    assert order.parameters == {
        "max_terms": "100",
        **{name: str(value) for name, value in trial.parameters.items()},
    }
    assert (order.seed, order.data) == (7, str(room.data))


def test_only_the_best_artifacts_are_kept(define: Define, room: SearchRoom) -> None:
    result = tune(define(), Limits(trials=6, keep=2), room)
    best = sorted(result.trials, key=lambda trial: (-(trial.value or 0), trial.number))[:2]
    assert artifacts(room) == {f"trial-{trial.number}" for trial in best}
    assert result.kept == [room.folder / "study" / f"trial-{trial.number}" for trial in best]
    assert (result.kept[0] / "weights").read_text("utf-8")
    tune(define(), Limits(trials=6, keep=1), room)
    assert artifacts(room) == {f"trial-{best[0].number}"}
    assert list((room.folder / "study" / "workers").iterdir()) == []


def test_the_same_search_again_tries_nothing_new(
    define: Define, room: SearchRoom, runner: ScriptedRunner
) -> None:
    one = tune(define(), Limits(trials=3), room)
    assert tune(define(), Limits(trials=3), room) == one
    assert len(runner.orders) == 3
    assert len(tune(define(), Limits(trials=5), room).trials) == 5
    assert len(runner.orders) == 5


def test_the_result_and_four_plots_are_written(define: Define, room: SearchRoom) -> None:
    result = tune(define(), Limits(trials=5), room)
    told = json.loads((result.folder / "result.json").read_bytes())
    assert told["study"] == "study"
    assert told["best"]["value"] == result.best.value if result.best else False
    assert told["best"]["settings"]["max_terms"] == "100"
    assert [trial["number"] for trial in told["trials"]] == list(range(5))
    assert set(told["trials"][0]) == {
        *("number", "state", "value", "parameters", "seconds", "note")
    }
    for name in ("history", "importances", "parallel_coordinates", "slices"):
        assert (result.folder / f"{name}.png").read_bytes().startswith(PNG)


def test_the_command_of_the_best_can_be_typed(define: Define, room: SearchRoom) -> None:
    result = tune(define(Sampler.GRID, space={"words": Choices((1, 2, 3))}), Limits(), room)
    assert result.command("m") == (
        "classmark train papers --model m --family linear --seed 42 --set max_terms=100"
        " --set words=3"
    )


def test_a_grid_ends_when_all_of_it_was_tried(define: Define, room: SearchRoom) -> None:
    space = {"words": Choices((1, 2, 3))}
    result = tune(define(Sampler.GRID, space=space), Limits(trials=20), room)
    assert sorted(str(trial.parameters["words"]) for trial in result.trials) == ["1", "2", "3"]


def test_a_trial_that_fails_ends_no_search(
    define: Define, room: SearchRoom, runner: ScriptedRunner
) -> None:
    def play(parameters: Mapping[str, str], _: Announce) -> Ending:
        if parameters["words"] == "1":
            return Ending(TrialState.FAILED, note="one word is too few")
        if parameters["words"] == "2":
            return Ending(TrialState.PRUNED, note="out of memory")
        return Ending(TrialState.FINISHED, 0.5)

    runner.play = play
    space = {"words": Choices((1, 2, 3))}
    result = tune(define(Sampler.GRID, space=space), Limits(), room)
    told = {trial.parameters["words"]: (trial.state.value, trial.note) for trial in result.trials}
    assert told == {
        1: ("failed", "one word is too few"),
        2: ("pruned", "out of memory"),
        3: ("finished", ""),
    }


def no_backbone(*_: object) -> Ending:
    raise SettingError("There is no such backbone.", remedy="Name another.")


@pytest.mark.parametrize(("trials", "tried"), [(1, 1), (2, 2), (9, 3)])
def test_what_no_trial_can_do_ends_the_search(
    trials: int, tried: int, define: Define, room: SearchRoom, runner: ScriptedRunner
) -> None:
    runner.play = no_backbone
    with pytest.raises(SettingError, match="no such backbone"):
        tune(define(), Limits(trials=trials), room)
    runner.play = lambda *_: Ending(TrialState.FINISHED, 0.5)
    result = tune(define(), Limits(trials=tried + 1), room)
    assert states(result) == ["failed"] * tried + ["finished"]
    assert result.trials[0].note == "There is no such backbone."


def test_points_that_can_t_be_trained_fail_alone(
    define: Define, room: SearchRoom, runner: ScriptedRunner
) -> None:
    def play(given: Mapping[str, str], _: Announce) -> Ending:
        return Ending(TrialState.FINISHED, 0.5) if given["words"] == "2" else no_backbone()

    runner.play = play
    space = {"words": Choices((1, 2, 3))}
    result = tune(define(Sampler.GRID, space=space), Limits(), room)
    found = {trial.parameters["words"]: trial.state.value for trial in result.trials}
    assert found == {1: "failed", 2: "finished", 3: "failed"}


def test_a_search_without_a_finished_trial_has_no_best(
    define: Define, room: SearchRoom, runner: ScriptedRunner
) -> None:
    runner.play = lambda *_: Ending(TrialState.FAILED, note="broken")
    result = tune(define(), Limits(trials=2), room)
    assert result.best is None
    assert result.command("m") is None
    assert json.loads((result.folder / "result.json").read_bytes())["best"] is None
    assert list(result.folder.glob("*.png")) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_parameters_that_were_interrupted_are_tried_again(
    define: Define, room: SearchRoom, runner: ScriptedRunner, stop: type[BaseException]
) -> None:
    def play(_: Mapping[str, str], __: Announce) -> Ending:
        if len(runner.orders) == 2:
            raise stop
        return Ending(TrialState.FINISHED, 0.5)

    runner.play = play
    with pytest.raises(stop):
        tune(define(), Limits(trials=3), room)
    assert list((room.folder / "study" / "workers").iterdir()) == []
    result = tune(define(), Limits(trials=3), room)
    assert states(result) == ["finished", "interrupted", "finished", "finished"]
    assert result.trials[1].parameters == result.trials[2].parameters
    assert "tried again" in result.trials[1].note


def test_when_time_is_up_the_trial_that_runs_is_put_back(
    define: Define, room: SearchRoom, runner: ScriptedRunner
) -> None:
    runner.seconds = 0.2
    result = tune(define(), Limits(timeout_seconds=0.7), room)
    assert 1 <= len([it for it in result.trials if it.state is TrialState.FINISHED]) <= 3
    assert states(result)[-1] in {"interrupted", "finished"}
    runner.seconds = 9.0
    tune(define(), Limits(timeout_seconds=0.5), room)
    runner.seconds = 0.0
    again = tune(define(), Limits(trials=5), room)
    interrupted = [trial for trial in again.trials if trial.state is TrialState.INTERRUPTED]
    assert any("time was up" in trial.note for trial in interrupted)
    assert len([trial for trial in again.trials if trial.counts]) == 5


def epochs(*values: float, metric: str = "val_accuracy") -> list[Milestone]:
    return [Milestone(epoch, {metric: value}) for epoch, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("metric", "values"), [("val_accuracy", (0.9, 0.1)), ("val_loss", (0.1, 2.0))]
)
def test_a_hopeless_trial_is_given_up(
    define: Define,
    room: SearchRoom,
    runner: ScriptedRunner,
    metric: str,
    values: tuple[float, float],
) -> None:
    good, bad = values
    announced: list[int] = []

    def play(_: Mapping[str, str], announce: Announce) -> Ending:
        is_bad = len(runner.orders) == 7
        for milestone in epochs(*([bad if is_bad else good] * 3), metric=metric):
            announced.append(len(runner.orders))
            announce(milestone)
        return Ending(TrialState.FINISHED, 0.5)

    runner.play = play
    result = tune(define(), Limits(trials=8), room)
    assert states(result) == [*["finished"] * 6, "pruned", "finished"]
    assert result.trials[6].note == "after epoch 1 worse than the median of the others"
    assert announced.count(7) == 1
    assert artifacts(room) == {"trial-0"}


def test_a_loss_that_is_no_number_ends_its_trial_at_once(
    define: Define, room: SearchRoom, runner: ScriptedRunner
) -> None:
    def play(_: Mapping[str, str], announce: Announce) -> Ending:
        announce(Milestone(0.5, {"val_loss": float("nan")}))
        announce(Milestone(1.0, {"loss": 0.5}))
        announce(Milestone(1.0, {"val_loss": float("nan")}))
        raise AssertionError

    runner.play = play
    (trial,) = tune(define(), Limits(trials=1), room).trials
    assert (trial.state, trial.note) == (
        TrialState.PRUNED,
        "after epoch 1 its loss is no number",
    )


def test_searches_that_run_at_once_share_the_trials(
    define: Define, room: SearchRoom, runner: ScriptedRunner
) -> None:
    runner.seconds = 0.05
    found: list[TuningResult] = []
    threads = [
        threading.Thread(target=lambda: found.append(tune(define(), Limits(trials=9), room)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runner.orders) == 9
    assert [states(result) for result in found] == [["finished"] * 9] * 3
    assert len({str(order.parameters) for order in runner.orders}) == 9


def test_what_a_dead_worker_left_is_cleared_away(define: Define, room: SearchRoom) -> None:
    place = Workplace(room.folder / "study")
    with place.at_work() as alive:
        dead = place.folder / "workers" / "dead"
        dead.mkdir()
        (dead / "lock").touch()
        (place.folder / ".trial-9.0123.draft").mkdir()
        (place.folder / "trial-9").mkdir()
        assert place.is_alive(alive.name)
        assert not place.is_alive("dead")
        assert not place.is_alive("never was")
        tune(define(), Limits(trials=2), room)
        assert [path.name for path in (place.folder / "workers").iterdir()] == [alive.name]
    assert len(artifacts(room)) == 1
    assert not place.is_alive(alive.name)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"trials": 0}, "--trials 0 is too little"),
        ({"keep": 0}, "--keep 0 is too little"),
        ({"timeout_seconds": 0.0}, "--timeout-seconds 0 is too little"),
        ({"timeout_seconds": float("nan")}, "--timeout-seconds nan is too little"),
    ],
)
def test_limits_that_find_nothing_are_refused_by_the_option_s_name(
    limits: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingError, match=told):
        Limits(**limits)


def test_a_home_that_is_moved_is_the_same_home(
    define: Define, room: SearchRoom, tmp_path: Path
) -> None:
    tune(define(), Limits(trials=1), room)
    moved = tmp_path / "moved"
    room.folder.rename(moved)
    assert len(tune(define(), Limits(trials=2), replace(room, folder=moved)).trials) == 2
