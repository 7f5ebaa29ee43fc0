"""What a study searches: two commands that mean the same study must mean the same of these."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from classmark.datasets import Dataset
from classmark.errors import SettingError
from classmark.models import SearchSpace
from classmark.training.recipe import TrainingRecipe
from classmark.training.reliability import DEALING
from classmark.training.tuning.trial import Trial, as_setting


class Sampler(StrEnum):
    """How the next parameters are chosen.

    `tpe` learns from the trials so far (Bergstra et al. 2011); `grid` tries every combination;
    `random` draws.
    """

    TPE = "tpe"
    GRID = "grid"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class StudyDefinition:
    """What is searched.

    Attributes:
        name: Of the study.
        dataset: The dataset's name.
        snapshot: Which of its snapshots.
        recipe: Family, fixed parameters and the seed, which decides what is tried too.
        space: What is tried of the others.
        sampler: How the next parameters are chosen.
    """

    name: str
    dataset: str
    snapshot: str
    recipe: TrainingRecipe
    space: SearchSpace
    sampler: Sampler = Sampler.TPE

    def as_record(self) -> dict[str, Any]:
        """As the database keeps it, and as two definitions are compared."""
        return {
            "dataset": self.dataset,
            "snapshot": self.snapshot,
            "family": self.recipe.family,
            "fixed": dict(self.recipe.parameters),
            "space": {name: str(tried) for name, tried in self.space.items()},
            "sampler": self.sampler.value,
            "seed": self.recipe.seed,
            "dealing": DEALING,
        }

    def parameters_of(self, trial: Trial) -> dict[str, str]:
        """All that was set in a trial, as `--set` takes it."""
        tried = {name: as_setting(value) for name, value in trial.parameters.items()}
        return {**self.recipe.parameters, **tried}

    def recipe_of(self, trial: Trial) -> TrainingRecipe:
        """What trains the same model as a trial did."""
        return replace(self.recipe, parameters=self.parameters_of(trial))


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a search goes on, and what it keeps.

    Attributes:
        trials: Of the study in all, whoever tries them.
        timeout_seconds: After which this process tries no more.
        keep: So many of the best artifacts.
    """

    trials: int = 20
    timeout_seconds: float = 28_800.0
    keep: int = 1

    def __post_init__(self) -> None:
        for option, value in (
            ("--trials", self.trials),
            ("--timeout-seconds", self.timeout_seconds),
            ("--keep", self.keep),
        ):
            if not value > 0:
                raise SettingError(
                    f"{option} {value:g} is too little to search with.",
                    remedy=f"Give {option} a number above 0.",
                )


def default_study_name(model: str, family: str, dataset: Dataset) -> str:
    """The name of a study that was given none."""
    return f"{model}_{family}_{dataset.snapshot_id}"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What two definitions differ in, as `seed (42, now 7)`."""
    return [
        f"{name} ({before.get(name)}, now {after[name]})"
        for name in after
        if before.get(name) != after[name]
    ]
