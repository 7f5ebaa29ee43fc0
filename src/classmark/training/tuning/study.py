"""A study: which trials there are and which comes next, shared by all processes that try them.

Every operation is one transaction that holds the lock of the study's row and replays Optuna's
journal in it. So the state that a decision rests on can't change before the decision is written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from classmark.database import Database
from classmark.errors import ConflictError
from classmark.models import Choices, Range
from classmark.training.tuning.definition import Sampler, StudyDefinition, differences
from classmark.training.tuning.journal import SessionJournal
from classmark.training.tuning.space import Point, grid_points
from classmark.training.tuning.tables import StudyRow
from classmark.training.tuning.trial import Ending, Trial, TrialState

_STATES = {
    OptunaState.WAITING: TrialState.WAITING,
    OptunaState.RUNNING: TrialState.RUNNING,
    OptunaState.COMPLETE: TrialState.FINISHED,
    OptunaState.PRUNED: TrialState.PRUNED,
    OptunaState.FAIL: TrialState.FAILED,
}
_ENDED = {state: theirs for theirs, state in _STATES.items()}


@dataclass(frozen=True, slots=True)
class _Opened:
    """A study as one transaction sees it.

    Attributes:
        study: Optuna's.
        storage: Under it.
        id: Of the study in its storage.
    """

    study: optuna.Study
    storage: JournalStorage
    id: int

    def frozen(self) -> list[FrozenTrial]:
        """Optuna's trials, by number."""
        found: list[FrozenTrial] = self.storage.get_all_trials(self.id, deepcopy=False)
        return found

    def trials(self) -> list[Trial]:
        """Ours."""
        return [_trial(frozen) for frozen in self.frozen()]

    def key(self, number: int) -> int:
        """Under which the storage keeps a trial."""
        found: int = self.storage.get_trial_id_from_study_id_trial_number(self.id, number)
        return found

    def note(self, number: int, **attributes: object) -> None:
        """Keep facts of a trial beside it."""
        for name, value in attributes.items():
            self.storage.set_trial_user_attr(self.key(number), name, value)


class Study:
    """One study in the database.

    Args:
        database: Where it is kept.
        definition: What it searches.
        home: An id of the folder that its artifacts lie in.
    """

    def __init__(self, database: Database, definition: StudyDefinition, home: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._database = database
        self.definition = definition
        self._home = home

    def begin(self, now: datetime) -> None:
        """Let the study be there.

        Raises:
            ConflictError: There is one of that name that searches something else.
            SettingError: The grid has too many points.
        """
        if self.definition.sampler is Sampler.GRID:
            self._grid()
        try:
            self._begin(now)
        except IntegrityError:
            # Another process was first: now it is there.
            self._begin(now)

    def _begin(self, now: datetime) -> None:
        name = self.definition.name
        record = {**self.definition.as_record(), "home": self._home}
        with self._database.write() as session:
            row = session.get(StudyRow, name)
            if row is not None:
                _check_same(name, row.definition, record)
                return
            session.add(StudyRow(name=name, definition=record, at=now))
            session.flush()
            optuna.create_study(
                storage=JournalStorage(SessionJournal(session, name)),
                study_name=name,
                direction="maximize",
            )

    def claim(self, worker: str, trials: int, is_alive: Callable[[str], bool]) -> Trial | None:
        """The next trial, for this worker; None if all are taken that were asked for.

        Trials of workers that are no more are put back first.

        Args:
            worker: Who will try it.
            trials: Of the study in all.
            is_alive: Whether a worker still is.
        """
        with self._changing() as opened:
            for frozen in opened.frozen():
                if frozen.state is OptunaState.RUNNING and not is_alive(_worker_of(frozen)):
                    _put_back(opened, frozen, "its process was killed")
            found = opened.trials()
            if sum(trial.counts for trial in found) >= trials:
                return None
            number = self._asked(opened, found)
            if number is None:
                return None
            opened.note(number, worker=worker)
            return opened.trials()[number]

    def report(self, number: int, step: int, value: float) -> bool:
        """Write down what is known after a step, and tell whether to give the trial up."""
        with self._changing() as opened:
            key = opened.key(number)
            opened.storage.set_trial_intermediate_value(key, step, value)
            return bool(opened.study.pruner.prune(opened.study, opened.storage.get_trial(key)))

    def finish(self, number: int, ending: Ending, seconds: float) -> Trial:
        """Write down how a trial ended; parameters of an interrupted one are to be tried again.

        Returns:
            The trial as it stands then.
        """
        with self._changing() as opened:
            frozen = opened.frozen()[number]
            if frozen.state is OptunaState.RUNNING:
                opened.note(number, seconds=round(seconds, 3))
                _end(opened, frozen, ending)
            return opened.trials()[number]

    def trials(self) -> list[Trial]:
        """All trials but those that only wait, by number."""
        with self._database.read() as session:
            found = self._opened(session).trials()
        return [trial for trial in found if trial.state is not TrialState.WAITING]

    def importances(self) -> dict[str, float]:
        """How much each parameter decides, the most first; they sum to 1.

        By PED-ANOVA (Watanabe, Bansal and Hutter 2023). Empty where the finished trials tell
        nothing: there are fewer than two, or all are worth the same.
        """
        with self._database.read() as session:
            opened = self._opened(session)
            finished = opened.study.get_trials(states=(OptunaState.COMPLETE,))
            if len({trial.value for trial in finished}) < 2:
                return {}
            found: dict[str, float] = optuna.importance.get_param_importances(opened.study)
            return found

    @contextmanager
    def _changing(self) -> Iterator[_Opened]:
        with self._database.write() as session:
            # On PostgreSQL this is the lock; SQLite has one writer at a time anyway.
            session.get_one(StudyRow, self.definition.name, with_for_update=True)
            yield self._opened(session)

    def _opened(self, session: Session) -> _Opened:
        name = self.definition.name
        storage = JournalStorage(SessionJournal(session, name))
        key = storage.get_study_id_from_name(name)
        tried = len(storage.get_all_trials(key, deepcopy=False))
        study = optuna.load_study(
            study_name=name,
            storage=storage,
            sampler=self._sampler(tried),
            pruner=optuna.pruners.MedianPruner(),
        )
        return _Opened(study, storage, key)

    def _sampler(self, tried: int) -> optuna.samplers.BaseSampler:
        """A sampler for the next trial: what it draws depends on the seed and the number alone."""
        entropy = [self.definition.recipe.seed, tried]
        seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        if self.definition.sampler is Sampler.TPE:
            return optuna.samplers.TPESampler(seed=seed)
        return optuna.samplers.RandomSampler(seed=seed)

    def _asked(self, opened: _Opened, found: list[Trial]) -> int | None:
        """The number of a new running trial; None where a grid has no point left."""
        is_waiting = any(trial.state is TrialState.WAITING for trial in found)
        if self.definition.sampler is Sampler.GRID and not is_waiting:
            taken = [dict(trial.parameters) for trial in found if trial.counts]
            point = next((point for point in self._grid() if point not in taken), None)
            if point is None:
                return None
            opened.study.enqueue_trial(point)
        space = {name: _distribution(tried) for name, tried in self.definition.space.items()}
        number: int = opened.study.ask(space).number
        return number

    def _grid(self) -> list[Point]:
        return grid_points(self.definition.space, self.definition.recipe.seed)


def _distribution(tried: Range | Choices) -> optuna.distributions.BaseDistribution:
    if isinstance(tried, Range) and tried.is_whole:
        return optuna.distributions.IntDistribution(int(tried.low), int(tried.high), tried.is_log)
    if isinstance(tried, Range):
        return optuna.distributions.FloatDistribution(tried.low, tried.high, tried.is_log)
    return optuna.distributions.CategoricalDistribution(tried.grid())


def _trial(frozen: FrozenTrial) -> Trial:
    facts = frozen.user_attrs
    state = TrialState.INTERRUPTED if facts.get("interrupted") else _STATES[frozen.state]
    return Trial(
        number=frozen.number,
        state=state,
        value=frozen.value if state is TrialState.FINISHED else None,
        parameters=dict(frozen.params),
        seconds=facts.get("seconds", 0.0),
        note=facts.get("note", ""),
    )


def _worker_of(frozen: FrozenTrial) -> str:
    return str(frozen.user_attrs.get("worker", ""))


def _put_back(opened: _Opened, frozen: FrozenTrial, why: str) -> None:
    """Fail a trial, and let its parameters be tried by whoever asks next."""
    opened.note(frozen.number, note=f"{why}; its parameters are tried again", interrupted=True)
    opened.study.tell(frozen.number, state=OptunaState.FAIL)
    opened.study.enqueue_trial(dict(frozen.params))


def _end(opened: _Opened, frozen: FrozenTrial, ending: Ending) -> None:
    if ending.state is TrialState.INTERRUPTED:
        _put_back(opened, frozen, ending.note)
        return
    opened.note(frozen.number, note=ending.note)
    opened.study.tell(frozen.number, ending.value, state=_ENDED[ending.state])


def _check_same(name: str, before: dict[str, object], after: dict[str, object]) -> None:
    if before.get("home") != after["home"]:
        raise ConflictError(
            f"The artifacts of study {name!r} lie in another home.",
            remedy="Go on with it there, or begin another with --study.",
        )
    found = differences(before, after)
    if found:
        raise ConflictError(
            f"Study {name!r} searches something else: {'; '.join(found)}.",
            remedy="Give the same options to go on with it, or begin another with --study.",
        )
