"""A study hands out trials, one each, and forgets none."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from classmark.database import Database
from classmark.errors import ConflictError, SettingError
from classmark.models import Choices
from classmark.training import Sampler, StudyDefinition, Trial, TrialState
from classmark.training.tuning.study import Study
from classmark.training.tuning.tables import StudyLogRow
from classmark.training.tuning.trial import Ending, best_first

Define = Callable[..., StudyDefinition]
NOW = datetime(2024, 5, 6, tzinfo=UTC)
CLAIM = """
import sys
from datetime import UTC, datetime
from classmark.database import Database
from classmark.models import Choices
from classmark.training import Sampler, StudyDefinition, TrainingRecipe, TrialState
from classmark.training.tuning.study import Study
from classmark.training.tuning.trial import Ending
recipe = TrainingRecipe("linear", {}, 1)
space = {"a": Choices(tuple(range(40)))}
definition = StudyDefinition("shared", "papers", "0", recipe, space, Sampler.GRID)
study = Study(Database(sys.argv[1]), definition, "home")
sys.stdin.read()
study.begin(datetime.now(UTC))
while (trial := study.claim(sys.argv[2], 25, lambda worker: True)) is not None:
    study.finish(trial.number, Ending(TrialState.FINISHED, trial.parameters["a"] / 40), 0.0)
    print(trial.number, trial.parameters["a"])
"""


def begun(database: Database, definition: StudyDefinition, home: str = "home") -> Study:
    study = Study(database, definition, home)
    study.begin(NOW)
    return study


def claimed(study: Study, trials: int = 100) -> Trial:
    trial = study.claim("me", trials, lambda _: True)
    assert trial is not None
    return trial


def finished(study: Study, value: float = 0.5) -> Trial:
    return study.finish(claimed(study).number, Ending(TrialState.FINISHED, value), 1.25)


def test_a_claimed_trial_runs_with_parameters_of_the_space(
    database: Database, define: Define
) -> None:
    trial = claimed(begun(database, define()))
    assert (trial.number, trial.state, trial.value) == (0, TrialState.RUNNING, None)
    assert 0.1 <= float(str(trial.parameters["strength"])) <= 10
    assert trial.parameters["words"] in {1, 2, 3}


def test_how_a_trial_ended_is_kept(database: Database, define: Define) -> None:
    study = begun(database, define())
    endings = [
        Ending(TrialState.FINISHED, 0.75),
        Ending(TrialState.PRUNED, note="worse"),
        Ending(TrialState.FAILED, note="broken"),
    ]
    for ending in endings:
        study.finish(claimed(study).number, ending, 1.5)
    again = begun(database, define()).trials()
    assert [(it.state, it.value, it.note) for it in again] == [
        (ending.state, ending.value, ending.note) for ending in endings
    ]
    assert [trial.seconds for trial in again] == [1.5] * 3


def test_all_that_were_asked_for_are_handed_out_and_no_more(
    database: Database, define: Define
) -> None:
    study = begun(database, define())
    assert {claimed(study, 3).number for _ in range(3)} == {0, 1, 2}
    assert study.claim("me", 3, lambda _: True) is None
    assert claimed(study, 4).number == 3


@pytest.mark.parametrize("sampler", Sampler)
def test_the_same_seed_tries_the_same_and_another_one_something_else(
    database: Database, define: Define, sampler: Sampler
) -> None:
    def tried(name: str, seed: int) -> list[object]:
        study = begun(database, define(sampler, seed, name))
        return [finished(study, 0.1 * number).parameters for number in range(6)]

    one, same, other = tried("one", 1), tried("same", 1), tried("other", 2)
    assert one == same
    assert one != other


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(
    database: Database, define: Define
) -> None:
    whole = begun(database, define(name="whole"))
    expected = [finished(whole, 0.1 * (number % 4)).parameters for number in range(14)]
    found = []
    for number in range(14):
        study = begun(database, define(name="stopped"))
        found.append(finished(study, 0.1 * (number % 4)).parameters)
    assert found == expected


@pytest.mark.parametrize("sampler", Sampler)
def test_parameters_of_a_dead_worker_s_trial_are_tried_again(
    database: Database, define: Define, sampler: Sampler
) -> None:
    study = begun(database, define(sampler))
    first, lost = claimed(study), study.claim("dead", 100, lambda _: True)
    assert lost is not None
    again = study.claim("me", 100, lambda worker: worker != "dead")
    assert again is not None
    assert again.parameters == lost.parameters
    states = {trial.number: trial.state for trial in study.trials()}
    assert states == {
        first.number: TrialState.RUNNING,
        lost.number: TrialState.INTERRUPTED,
        again.number: TrialState.RUNNING,
    }
    assert "was killed" in study.trials()[lost.number].note


def test_a_lost_trial_is_none_of_those_that_were_asked_for(
    database: Database, define: Define
) -> None:
    study = begun(database, define())
    for _ in range(3):
        assert study.claim("dead", 2, lambda worker: worker == "me") is not None
    assert claimed(study, 2).number == 3
    assert len([trial for trial in study.trials() if trial.counts]) == 2


def test_what_was_taken_from_a_worker_is_not_written_by_it_any_more(
    database: Database, define: Define
) -> None:
    study = begun(database, define())
    slow = claimed(study)
    study.claim("other", 100, lambda worker: worker == "other")
    ended = study.finish(slow.number, Ending(TrialState.FINISHED, 1.0), 1.0)
    assert ended.state is TrialState.INTERRUPTED
    assert best_first(study.trials()) == []


def test_a_grid_tries_every_point_once(database: Database, define: Define) -> None:
    space = {"a": Choices((1, 2)), "b": Choices(("x", None))}
    study = begun(database, define(Sampler.GRID, space=space))
    lost = study.claim("dead", 100, lambda _: True)
    assert lost is not None
    tried = []
    while (trial := study.claim("me", 100, lambda worker: worker == "me")) is not None:
        tried.append((trial.parameters["a"], trial.parameters["b"]))
        study.finish(trial.number, Ending(TrialState.FAILED, note="all fail"), 0.0)
    assert Counter(tried) == Counter((a, b) for a in (1, 2) for b in ("x", None))


def test_a_grid_that_is_too_large_is_refused_before_anything_is_written(
    database: Database, define: Define
) -> None:
    space = {str(number): Choices(tuple(range(10))) for number in range(6)}
    with pytest.raises(SettingError, match="points"):
        begun(database, define(Sampler.GRID, space=space))
    assert begun(database, define()).trials() == []


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"seed": 7}, r"seed \(42, now 7\)"),
        ({"sampler": Sampler.RANDOM}, "sampler"),
        ({"space": {"words": Choices((1, 2))}}, "space"),
    ],
)
def test_a_study_of_the_same_name_that_searches_something_else_is_left_alone(
    database: Database, define: Define, other: dict[str, object], told: str
) -> None:
    finished(begun(database, define()))
    with pytest.raises(ConflictError, match=told):
        begun(database, define(**other))
    assert len(begun(database, define()).trials()) == 1


def test_a_study_is_not_gone_on_with_from_another_home(database: Database, define: Define) -> None:
    begun(database, define())
    with pytest.raises(ConflictError, match="another home"):
        begun(database, define(), home="other")


def test_a_trial_worse_than_the_median_is_given_up(database: Database, define: Define) -> None:
    study = begun(database, define())
    for value in (0.1, 0.2, 0.3, 0.4, 0.5):
        number = claimed(study).number
        assert not study.report(number, 1, value)
        study.finish(number, Ending(TrialState.FINISHED, value), 0.0)
    bad, good = claimed(study).number, claimed(study).number
    assert study.report(bad, 1, 0.29)
    assert not study.report(good, 1, 0.31)


def test_what_decides_is_found(database: Database, define: Define) -> None:
    study = begun(database, define(Sampler.RANDOM))
    assert study.importances() == {}
    for _ in range(30):
        trial = claimed(study)
        value = float(str(trial.parameters["words"]))
        study.finish(trial.number, Ending(TrialState.FINISHED, value), 0.0)
    found = study.importances()
    assert list(found) == ["words", "strength"]
    assert sum(found.values()) == pytest.approx(1)
    assert found["words"] > 0.7


def test_trials_that_are_all_worth_the_same_tell_nothing(
    database: Database, define: Define
) -> None:
    study = begun(database, define())
    for _ in range(3):
        finished(study, 0.5)
    assert study.importances() == {}


class StopHereError(Exception):
    """Whatever ends a transaction."""


def test_what_ends_a_claim_half_way_leaves_no_trace(database: Database, define: Define) -> None:
    study = begun(database, define())
    for worker in ("dead", "doubtful"):
        study.claim(worker, 100, lambda _: True)

    def is_alive(worker: str) -> bool:
        if worker == "doubtful":
            raise StopHereError
        return False

    with _unchanged(database), pytest.raises(StopHereError):
        study.claim("me", 100, is_alive)
    assert [trial.state for trial in study.trials()] == [TrialState.RUNNING] * 2


@contextmanager
def _unchanged(database: Database) -> Iterator[None]:
    def records() -> int | None:
        with database.read() as session:
            return session.scalar(select(func.count()).select_from(StudyLogRow))

    before = records()
    yield
    assert records() == before


def test_processes_that_begin_at_once_share_the_trials(database: Database, define: Define) -> None:
    begun(database, define())
    url = database._url.render_as_string()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, url, f"worker-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    lines = [line for process in processes for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in processes] == [0, 0, 0]
    numbers = sorted(int(line.split()[0]) for line in lines)
    values = [int(line.split()[1]) for line in lines]
    assert numbers == list(range(25))
    assert len(set(values)) == 25
