"""The contract that every family keeps: train, save, load, classify.

A family is two classes. The `Family` learns and writes an artifact folder; the `Classifier` loads
that folder and answers. What is measured is always the loaded classifier, so that no number is
known of a model that is not the one that serves.
"""

import shutil
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from classmark.documents import CleaningStep, clean, steps_named
from classmark.errors import RecordError
from classmark.models.artifact import ArtifactConfig, write_artifact_config
from classmark.models.parameters import parsed_parameters
from classmark.models.parity import (
    ParityReport,
    parity_verdict,
    probabilities_in_fresh_process,
)
from classmark.progress import Progress

# How many texts a thread has in hand at a time: enough to keep it busy, few enough for memory.
_TEXTS_A_THREAD = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of one text.

    Attributes:
        label: The most probable class.
        confidence: Its probability.
        probabilities: Of all classes, in the order of the classifier's `labels`.
    """

    label: str
    confidence: float
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """An answer and the seconds that it took to compute."""

    answer: Answer
    seconds: float


class Classifier(ABC):
    """A loaded model. Safe to use from several threads at once.

    Attributes:
        labels: The classes, in the order of every vector of probabilities.
        max_tokens: How much of a text is read; None where there is no limit.
        steps: The cleaning that training texts went through, and so every text that is asked.
    """

    labels: tuple[str, ...]
    max_tokens: int | None = None
    steps: tuple[CleaningStep, ...] = ()

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """The classifier whose artifact lies in a folder."""

    @abstractmethod
    def probabilities(self, text: str) -> NDArray[np.float64]:
        """The probabilities of all classes for one clean text, shape (classes,), sum 1.

        One text at a time on purpose: no answer depends on what else is asked at that moment.
        """

    def classify(self, text: str) -> Answer:
        """The answer for one text, as it came."""
        probabilities = self.probabilities(clean(text, self.steps))
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        return Answer(self.labels[best], confidence, tuple(probabilities.tolist()))

    def classify_timed(self, text: str) -> TimedAnswer:
        """The answer for one text, and how long it took."""
        start = time.perf_counter()
        answer = self.classify(text)
        return TimedAnswer(answer, time.perf_counter() - start)

    def classify_all(self, texts: Iterable[str], *, threads: int = 1) -> Iterator[TimedAnswer]:
        """The answers in the order of the texts, a few texts ahead of the reader."""
        pending = iter(texts)
        with ThreadPoolExecutor(threads, thread_name_prefix="classify") as pool:
            while block := list(islice(pending, threads * _TEXTS_A_THREAD)):
                yield from pool.map(self.classify_timed, block)


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
    """

    name: ClassVar[str]
    parameters_class: ClassVar[type]

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
    def _learn(self, data: TrainingData, drafts: Path, progress: Progress) -> Learned:
        """Learn, and write the files that serve into folders under `drafts`."""

    def train(self, data: TrainingData, folder: Path, progress: Progress) -> TrainingOutcome:
        """Learn from the data and write a whole artifact into an empty folder.

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
            learned = self._learn(data, Path(drafts), progress)
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
