"""The contract that every family keeps: train, save, load, classify.

A family is two classes. The `Family` learns and writes an artifact folder; the `Classifier` loads
that folder and answers. What is measured is always the loaded classifier, so that no number is
known of a model that is not the one that serves.
"""

import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from classmark.documents import steps_named
from classmark.errors import RecordError
from classmark.models.artifact import ArtifactConfig, write_artifact_config
from classmark.models.parameters import parsed_parameters
from classmark.models.parity import (
    ParityReport,
    parity_verdict,
    probabilities_in_fresh_process,
)
from classmark.models.search_space import SearchSpace
from classmark.progress import Progress


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts and the label of each."""

    texts: Sequence[str]
    labels: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a family learns from.

    Attributes:
        train: Learned from.
        validation: Never learned from; decides between settings and feeds the parity gate.
        seed: Everything random follows from it.
        cleaning: The steps that the texts went through, as `name@version`.
    """

    train: LabelledTexts
    validation: LabelledTexts
    seed: int = 42
    cleaning: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, sorted."""
        return tuple(sorted(set(self.train.labels)))


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
            where nothing is to outlive it. It belongs to these data, parameters and seed alone.
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
    """

    parent: NDArray[np.float64]
    exports: Mapping[str, Path]
    details: Mapping[str, Any]


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
    """

    name: ClassVar[str]
    parameters_class: ClassVar[type]
    search_space: ClassVar[SearchSpace] = {}

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
            SettingError: The texts were cleaned in a way that this release does not know.
            ParityError: The exported model does not answer as the trained one does.
        """
        _check(data)
        config = ArtifactConfig(self.name, data.labels, self.parameters, data.cleaning)
        truth = np.searchsorted(data.labels, data.validation.labels)
        with TemporaryDirectory(prefix="classmark-train-") as drafts:
            site = TrainingSite(Path(drafts), checkpoints, progress, announce)
            learned = self._learn(data, site)
            answers = {}
            for name, export in progress.track(
                learned.exports.items(), "Checking exports", len(learned.exports)
            ):
                write_artifact_config(export, config)
                answers[name] = probabilities_in_fresh_process(
                    export, data.validation.texts, data.labels
                )
            parity = parity_verdict(learned.parent, answers, truth)
            shutil.copytree(learned.exports[parity.chosen], folder, dirs_exist_ok=True)
        return TrainingOutcome(self.architecture, parity, learned.details)


def _check(data: TrainingData) -> None:
    steps_named(data.cleaning)
    known = set(data.labels)
    if len(known) < 2:
        raise RecordError(
            f"The training part has one class only: {', '.join(known) or 'none'}.",
            remedy="A classifier needs documents of two classes at least.",
        )
    unknown = Counter(label for label in data.validation.labels if label not in known)
    if unknown or not len(data.validation):
        raise RecordError(
            f"Validation rows can't check this model: {dict(unknown) or 'there are none'}.",
            remedy="Prepare the dataset again; every class belongs into every part.",
        )
