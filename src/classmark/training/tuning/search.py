"""The search itself: claim a trial, run it, keep its artifact if it is one of the best, go on."""

import shutil
import time
from math import isnan
from pathlib import Path

from classmark.errors import ClassmarkError, SettingError
from classmark.models import Milestone
from classmark.training.tuning.definition import Limits, StudyDefinition
from classmark.training.tuning.order import Order
from classmark.training.tuning.result import TuningResult, write_result
from classmark.training.tuning.room import SearchRoom
from classmark.training.tuning.study import Study
from classmark.training.tuning.trial import Ending, Trial, TrialState, best_first
from classmark.training.tuning.workplace import Worker, Workplace, home_id

# How often somebody who waits for the trials of others looks again.
_LOOK_SECONDS = 0.5
# What only the data or the backbone can refuse may be wrong with some points alone.
_REFUSED_ALIKE = 3


class HopelessTrialError(Exception):
    """A trial is not worth going on with; raised by what hears its milestones."""


def search(definition: StudyDefinition, limits: Limits, room: SearchRoom) -> TuningResult:
    """Do what is left of a study, and write down what was found: see `tune`."""
    study = Study(room.database, definition, home_id(room.folder))
    study.begin(room.now())
    folder = room.folder / definition.name
    Search(study, limits, room).go_on()
    result = TuningResult(definition, study.trials(), study.importances(), folder)
    write_result(result)
    return result


class Search:
    """One process's part in a study.

    Args:
        study: What is searched.
        limits: How long.
        room: Where, and with what.
    """

    def __init__(self, study: Study, limits: Limits, room: SearchRoom) -> None:
        self._study = study
        self._limits = limits
        self._room = room
        self._place = Workplace(room.folder / study.definition.name)
        self._ends_at = time.monotonic() + limits.timeout_seconds

    def go_on(self) -> None:
        """Try until there are as many trials as were asked for, or time is up."""
        with self._place.at_work() as worker:
            self._clear()
            while self._seconds_left > 0:
                trial = self._study.claim(worker.name, self._limits.trials, self._place.is_alive)
                if trial is not None:
                    self._try(trial, worker)
                elif any(it.state is TrialState.RUNNING for it in self._study.trials()):
                    # Should its process be killed, the trial is ours.
                    time.sleep(_LOOK_SECONDS)
                else:
                    return

    @property
    def _seconds_left(self) -> float:
        return self._ends_at - time.monotonic()

    def _try(self, trial: Trial, worker: Worker) -> None:
        """Run a trial and write down how it ended, whatever ends it."""
        scratch = worker.scratch / f"trial-{trial.number}"
        artifact = scratch / "artifact"
        artifact.mkdir(parents=True)
        start = time.perf_counter()
        ending = Ending(TrialState.INTERRUPTED, note="it was stopped")
        try:
            ending = self._ending(trial, scratch, artifact)
            if ending.state is TrialState.FINISHED:
                self._place.publish(trial.number, artifact)
        except SettingError as error:
            ending = Ending(TrialState.FAILED, note=error.message)
            if self._is_refused_always(ending, trial):
                raise
        except ClassmarkError as error:
            ending = Ending(TrialState.FAILED, note=error.message)
            raise
        finally:
            ended = self._study.finish(trial.number, ending, time.perf_counter() - start)
            shutil.rmtree(scratch, ignore_errors=True)
        self._clear()
        self._room.heard(ended)

    def _is_refused_always(self, ending: Ending, trial: Trial) -> bool:
        """Whether the first trials were all refused for the same reason: so would the others."""
        before = [it for it in self._study.trials() if it.counts and it.number != trial.number]
        enough = min(_REFUSED_ALIKE, self._limits.trials) - 1
        return len(before) >= enough and all(
            (it.state, it.note) == (ending.state, ending.note) for it in before
        )

    def _ending(self, trial: Trial, scratch: Path, artifact: Path) -> Ending:
        definition = self._study.definition
        order = Order(
            data=str(self._room.data),
            dataset=definition.dataset,
            snapshot=definition.snapshot,
            family=definition.recipe.family,
            parameters=definition.parameters_of(trial),
            seed=definition.recipe.seed,
            threads=self._room.threads,
            artifact=str(artifact),
        )
        announce = _Judge(self._study, trial.number)
        try:
            return self._room.runner.run(order, scratch, announce, self._seconds_left)
        except HopelessTrialError as error:
            return Ending(TrialState.PRUNED, note=str(error))

    def _clear(self) -> None:
        """Keep the artifacts of the best trials, and of those that others are about to write."""
        trials = self._study.trials()
        best = best_first(trials)[: self._limits.keep]
        running = [trial for trial in trials if trial.state is TrialState.RUNNING]
        self._place.clear({trial.number for trial in [*best, *running]})


class _Judge:
    """Hears a trial's milestones and ends it where the others were better at the same epoch."""

    def __init__(self, study: Study, number: int) -> None:
        self._study = study
        self._number = number
        self._heard_epoch = 0

    def __call__(self, milestone: Milestone) -> None:
        """Judge the first milestone with a figure on val after each whole epoch."""
        value, epoch = _worth(milestone), int(milestone.epoch)
        if value is None or epoch <= self._heard_epoch:
            return
        self._heard_epoch = epoch
        if isnan(value):
            raise HopelessTrialError(f"after epoch {epoch} its loss is no number")
        if self._study.report(self._number, epoch, value):
            raise HopelessTrialError(f"after epoch {epoch} worse than the median of the others")


def _worth(milestone: Milestone) -> float | None:
    """What a milestone is worth, higher being better; None where it tells nothing of val."""
    if "val_accuracy" in milestone.metrics:
        return milestone.metrics["val_accuracy"]
    loss = milestone.metrics.get("val_loss")
    return None if loss is None else -loss
