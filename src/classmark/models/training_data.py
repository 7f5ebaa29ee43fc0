"""What families of texts learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classmark.models.parity import Decisions
from classmark.models.problem import Problem


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts and the label of each, or several labels of each.

    Attributes:
        texts: What is read.
        labels: One of each text; where it has several, the first.
        label_sets: All labels of each text, where it may have several; else empty.
    """

    texts: Sequence[str]
    labels: Sequence[str]
    label_sets: Sequence[tuple[str, ...]] = ()

    def sets(self) -> Sequence[tuple[str, ...]]:
        """All labels of each text, be they several or one."""
        return self.label_sets or [(label,) for label in self.labels]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """What a model that is there already answers to the texts that a smaller one learns from.

    Attributes:
        name: As `papers@v1.0.0`.
        train: Its probabilities of the training texts, shape (texts, classes).
        validation: What it gives the validation texts, with the same classes.
    """

    name: str
    train: NDArray[np.float64]
    validation: Decisions


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a family learns from.

    Attributes:
        train: Learned from.
        validation: Never learned from; decides between settings and feeds the parity gate.
        seed: Everything random follows from it.
        cleaning: The steps that the texts went through, as `name@version`.
        teacher: Whose answers are learned beside the labels; None where there is none.
    """

    train: LabelledTexts
    validation: LabelledTexts
    seed: int = 42
    cleaning: tuple[str, ...] = ()
    teacher: Teacher | None = None

    @property
    def problem(self) -> Problem:
        """Whether a text has one label or several."""
        return Problem.MULTI_LABEL if self.train.label_sets else Problem.SINGLE_LABEL

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, sorted."""
        return tuple(sorted({label for labels in self.train.sets() for label in labels}))

    def targets(self, part: LabelledTexts) -> NDArray[np.float32]:
        """1 for each label that a text of a part has, else 0, shape (texts, classes)."""
        column = {label: at for at, label in enumerate(self.labels)}
        found = np.zeros((len(part), len(column)), np.float32)
        for row, labels in enumerate(part.sets()):
            found[row, [column[label] for label in labels]] = 1
        return found
