"""What a search found: as a value, as JSON, as plots."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classmark.durable import replacing, write_json
from classmark.errors import MissingExtraError
from classmark.training.tuning.definition import StudyDefinition
from classmark.training.tuning.trial import Trial, best_first

RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class TuningResult:
    """What a search found.

    Attributes:
        definition: What was searched.
        trials: By number.
        importances: How much each parameter decides, the most first.
        folder: Where artifacts, `result.json` and the plots lie.
    """

    definition: StudyDefinition
    trials: Sequence[Trial]
    importances: Mapping[str, float]
    folder: Path

    @property
    def best(self) -> Trial | None:
        """The trial with the highest value, of equals the first; None if none finished."""
        return next(iter(best_first(self.trials)), None)

    @property
    def seconds(self) -> float:
        """That all trials took, one after the other."""
        return sum(trial.seconds for trial in self.trials)

    @property
    def kept(self) -> list[Path]:
        """The artifacts that are there, those of the best trials first."""
        found = (self.folder / f"trial-{trial.number}" for trial in best_first(self.trials))
        return [path for path in found if path.is_dir()]

    def command(self, model: str) -> str | None:
        """The command that trains the best trial as a version of a model."""
        if self.best is None:
            return None
        recipe = self.definition.recipe_of(self.best)
        words = ["classmark", "train", self.definition.dataset, "--model", model]
        words += ["--family", recipe.family, "--seed", str(recipe.seed)]
        for name, value in recipe.parameters.items():
            words += ["--set", f"{name}={value}"]
        return shlex.join(words)

    def describe(self) -> dict[str, Any]:
        """As `result.json` has it."""
        best = self.best
        return {
            "study": self.definition.name,
            **self.definition.as_record(),
            "best": None
            if best is None
            else {
                "number": best.number,
                "value": best.value,
                "parameters": dict(best.parameters),
                "settings": self.definition.parameters_of(best),
            },
            "trials": [_described(trial) for trial in self.trials],
            "importances": dict(self.importances),
            "seconds": round(self.seconds, 3),
            "kept": [str(path) for path in self.kept],
            "folder": str(self.folder),
        }


def write_result(result: TuningResult) -> None:
    """Write `result.json` and, once a trial has finished, four plots as PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    write_json(result.folder / RESULT, result.describe())
    if result.best is None:
        return
    try:
        from classmark.training.tuning.plots import plots_of  # noqa: PLC0415 (extra)
    except ModuleNotFoundError as error:
        raise MissingExtraError("Plotting", extra="train") from error
    for name, figure in plots_of(result).items():
        with replacing(result.folder / name) as file:
            figure.savefig(file, format="png")


def _described(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.value,
        "value": trial.value,
        "parameters": dict(trial.parameters),
        "seconds": trial.seconds,
        "note": trial.note,
    }
