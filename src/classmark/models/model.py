"""The contract that every family keeps: train, save, load, classify.

A family is two classes. The `Family` learns and writes an artifact folder; the `Classifier` loads
that folder and answers. What is measured is always the loaded classifier, so that no number is
known of a model that is not the one that serves.
"""

import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self, get_type_hints

import numpy as np
from numpy.typing import NDArray

from classmark.documents import steps_named
from classmark.errors import RecordError, SettingError
from classmark.models.artifact import ArtifactConfig, write_artifact_config
from classmark.models.examples import EXAMPLE_TEXTS, write_examples
from classmark.models.parameters import parsed_parameters
from classmark.models.parity import (
    Decisions,
    ParityReport,
    Tolerance,
    parity_verdict,
    probabilities_in_fresh_process,
    stand_in_verdict,
)
from classmark.models.problem import Problem, chosen_thresholds
from classmark.models.search_space import SearchSpace
from classmark.models.training_data import TrainingData
from classmark.progress import Progress


@dataclass(frozen=True, slots=True)
class Milestone:
    """What is known after a part of training.

    Attributes:
        epoch: How often the training part was gone through.
        metrics: As `loss`, `val_loss`, `val_accuracy`.
    """

    epoch: float
    metrics: Mapping[str, float]


Announce = Callable[[Milestone], None]


def unheard(_: Milestone) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class TrainingSite:
    """Where a family works, and who watches.

    Attributes:
        drafts: An empty folder for exports; it is gone when training ends, well or not.
        checkpoints: A folder that outlives the process, for what a killed run goes on from; None
            where nothing is to outlive it. It belongs to these data, parameters, seed and teacher
            alone.
        progress: Shows long work.
        announce: Hears every milestone, and may raise to stop.
    """

    drafts: Path
    checkpoints: Path | None
    progress: Progress
    announce: Announce = unheard


@dataclass(frozen=True, slots=True)
class Learned:
    """What a family hands to the gate.

    Attributes:
        parent: Probabilities of the validation rows by the model as it was trained, shape
            (validation rows, classes), classes in the order of `TrainingData.labels`.
        exports: A folder with the files that serve, for "fp32" and, where there is one, "int8".
        details: Facts that the family wants kept in the version's metadata.
        larger: What the models that this one, being smaller, stands in for answer to the
            validation rows, by name.
        tolerance: How far it may be from them.
    """

    parent: NDArray[np.float64]
    exports: Mapping[str, Path]
    details: Mapping[str, Any]
    larger: Mapping[str, Decisions] = field(default_factory=dict)
    tolerance: Tolerance = field(default_factory=Tolerance)


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What came of training, beside the artifact.

    Attributes:
        architecture: What a major version stands for: family and backbone.
        parity: How the exported model agrees with the one that was trained.
        details: Facts that the family wants kept in the version's metadata.
    """

    architecture: str
    parity: ParityReport
    details: Mapping[str, Any]


class Family(ABC):
    """Learns from labelled texts and writes an artifact.

    Attributes:
        name: In the catalogue and in `--family`.
        parameters_class: The frozen dataclass of what `--set` can set.
        search_space: Which parameters a search tries, and what of each.
        problems: Which it can learn.
        can_be_taught: Whether it learns from a teacher's answers too.
    """

    name: ClassVar[str]
    parameters_class: ClassVar[type]
    search_space: ClassVar[SearchSpace] = {}
    problems: ClassVar[frozenset[Problem]] = frozenset({Problem.SINGLE_LABEL})
    can_be_taught: ClassVar[bool] = False

    def __init__(self, parameters: Any) -> None:
        self._parameters = parameters

    @classmethod
    def with_parameters(cls, given: Mapping[str, str]) -> Self:
        """The family with `--set KEY=VALUE` parameters; the rest keeps its default.

        Raises:
            SettingError: A key is unknown or a value can't be.
        """
        return cls(parsed_parameters(cls.parameters_class, given))

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters, defaults too."""
        return asdict(self._parameters)

    @property
    def learning_parameters(self) -> dict[str, Any]:
        """Those that decide what is learned: a training that shares them can be gone on with."""
        return self.parameters

    @classmethod
    def search_space_for(cls, problem: Problem) -> SearchSpace:
        """What a search tries by itself: parameters that the family can have for the problem."""
        del problem
        return cls.search_space

    @property
    def parameter_types(self) -> dict[str, Any]:
        """The type of each parameter, by the key that `--set` takes."""
        return get_type_hints(self.parameters_class, include_extras=True)

    def check_problem(self, problem: Problem) -> None:
        """Let a problem pass that the family learns with its parameters.

        Raises:
            SettingError: It can't.
        """
        if problem not in self.problems:
            raise SettingError(
                f"The family {self.name!r} learns one label for each text, and these may have"
                " several.",
                remedy="Choose --family linear, encoder or transformer; or prepare the dataset"
                " again without --multi-label.",
            )

    def check_teacher(self, is_there: bool) -> None:
        """Let a teacher pass where the family can learn from one.

        Raises:
            SettingError: It can't.
        """
        if is_there and not self.can_be_taught:
            raise SettingError(
                f"The family {self.name!r} learns from labels alone, not from a teacher.",
                remedy="Choose --family transformer, or leave --teacher out.",
            )

    @property
    @abstractmethod
    def architecture(self) -> str:
        """Family and backbone: what a major version stands for."""

    @abstractmethod
    def _learn(self, data: TrainingData, site: TrainingSite) -> Learned:
        """Learn, and write the files that serve into folders under the site's `drafts`."""

    def train(
        self,
        data: TrainingData,
        folder: Path,
        progress: Progress,
        *,
        checkpoints: Path | None = None,
        announce: Announce = unheard,
    ) -> TrainingOutcome:
        """Learn from the data and write a whole artifact into an empty folder.

        Args:
            data: What to learn from.
            folder: Where the artifact goes.
            progress: Shows long work.
            checkpoints: A folder of this training alone; what a killed one left there is gone on
                with.
            announce: Hears every milestone of a family that has some, and may raise to stop.

        Raises:
            RecordError: Fewer than two classes, validation rows of a class that isn't learned, or
                texts that hold nothing to learn from.
            SettingError: The texts were cleaned in a way that this release does not know, or may
                have several labels, or a teacher, which the family can't learn from.
            ParityError: The exported model does not answer as the trained one does, or too far from
                the larger one that it stands in for.
        """
        self.check_problem(data.problem)
        self.check_teacher(data.teacher is not None)
        _check(data)
        truth = data.targets(data.validation)
        with TemporaryDirectory(prefix="classmark-train-") as drafts:
            site = TrainingSite(Path(drafts), checkpoints, progress, announce)
            learned = self._learn(data, site)
            config = self._config(data, learned)
            rows, answers = len(data.validation), {}
            for name, export in progress.track(
                learned.exports.items(), "Checking exports", len(learned.exports)
            ):
                write_artifact_config(export, config)
                texts = [*data.validation.texts, *EXAMPLE_TEXTS]
                found = probabilities_in_fresh_process(export, texts, data.labels)
                answers[name] = found[:rows]
                write_examples(export, found[rows:])
            expected = truth > 0 if config.thresholds else truth.argmax(1)
            parity = stand_in_verdict(
                parity_verdict(learned.parent, answers, expected, config.thresholds),
                learned.larger,
                {name: Decisions(it, config.thresholds) for name, it in answers.items()},
                expected,
                learned.tolerance,
            )
            shutil.copytree(learned.exports[parity.chosen], folder, dirs_exist_ok=True)
        return TrainingOutcome(self._architecture_for(data.problem), parity, learned.details)

    def _config(self, data: TrainingData, learned: Learned) -> ArtifactConfig:
        """What must be known before the weights are read, thresholds among it."""
        return ArtifactConfig(
            family=self.name,
            labels=data.labels,
            parameters=self.parameters,
            cleaning=data.cleaning,
            problem=data.problem,
            thresholds=decisions(data, learned.parent).thresholds,
        )

    def _architecture_for(self, problem: Problem) -> str:
        """With several labels a model is another one, even of the same labels."""
        several = problem is Problem.MULTI_LABEL
        return f"{self.architecture}, {problem}" if several else self.architecture


def decisions(data: TrainingData, probabilities: NDArray[np.float64]) -> Decisions:
    """What a model that answers so to the validation rows gives them.

    Where they may have several labels, by the thresholds that are best on these rows.
    """
    if data.problem is Problem.SINGLE_LABEL:
        return Decisions(probabilities)
    targets = data.targets(data.validation)
    return Decisions(probabilities, chosen_thresholds(probabilities, targets))


def _check(data: TrainingData) -> None:
    steps_named(data.cleaning)
    known = set(data.labels)
    if len(known) < 2:
        raise RecordError(
            f"The training part has one class only: {', '.join(known) or 'none'}.",
            remedy="A classifier needs documents of two classes at least.",
        )
    unknown = Counter(
        label for labels in data.validation.sets() for label in labels if label not in known
    )
    if unknown or not len(data.validation):
        raise RecordError(
            f"Validation rows can't check this model: {dict(unknown) or 'there are none'}.",
            remedy="Prepare the dataset again; every class belongs into every part.",
        )
