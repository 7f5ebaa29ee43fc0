"""Which labels of a dataset to look at again."""

from collections.abc import Sequence
from dataclasses import dataclass

from classmark.datasets import Dataset
from classmark.errors import SettingError
from classmark.evaluation import SimilarPair, Suspect, conflicting, suspected_errors
from classmark.progress import Progress
from classmark.training.out_of_fold import OutOfFold, out_of_fold
from classmark.training.recipe import TrainingRecipe


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """How labels are to be judged.

    Attributes:
        recipe: What is trained to judge them.
        folds: In how many parts documents are held out.
        length: How many suspects to list at most; None takes the estimate.
    """

    recipe: TrainingRecipe
    folds: int = 5
    length: int | None = None

    def __post_init__(self) -> None:
        if self.length is not None and self.length < 1:
            raise SettingError(
                f"--length {self.length} lists nothing.",
                remedy="Give 1 at least, or leave it out for as many as are estimated.",
            )


@dataclass(frozen=True, slots=True)
class LabelAudit:
    """What was found.

    Attributes:
        answers: What models say of documents that they never saw.
        suspects: Labels that are probably wrong, the least believable first.
        conflicts: Pairs of nearly the same text under different labels.
    """

    answers: OutOfFold
    suspects: Sequence[Suspect]
    conflicts: Sequence[SimilarPair]


def audit_labels(
    dataset: Dataset, request: AuditRequest, *, threads: int, progress: Progress
) -> LabelAudit:
    """The suspected label errors, conflicting labels and near-duplicates of a dataset.

    Raises:
        SettingError: The family or the number of folds can't be, or documents have several labels.
        RecordError: There is too little to learn from.
        MissingExtraError: What judging needs is not installed.
    """
    answers = out_of_fold(
        dataset, request.recipe, folds=request.folds, threads=threads, progress=progress
    )
    suspects = suspected_errors(
        answers.labels, answers.probabilities, answers.classes, request.length
    )
    return LabelAudit(answers, suspects, list(conflicting(answers.pairs, answers.labels)))
