"""What a cheap model does with the same data: the least that a dear one must beat."""

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from classmark.errors import ConflictError, InputError
from classmark.evaluation import AnyAssessment, Comparison, Estimate, assess_any, compare_any
from classmark.models import TrainingData, family_class, load_classifier
from classmark.progress import Progress

BASELINE_FAMILY = "linear"


@dataclass(frozen=True, slots=True)
class Baseline:
    """A model and the baseline on the same test rows.

    Attributes:
        accuracy: Of the baseline.
        comparison: Of the baseline, which is its first, and the model, its second.
        seconds: That learning the baseline took, measuring apart.
    """

    accuracy: Estimate
    comparison: Comparison
    seconds: float

    @property
    def verdict(self) -> str:
        """How the model does beside the baseline, as a sentence about it."""
        found, named = self.comparison.difference, f"the {BASELINE_FAMILY} baseline"
        points = [value * 100 for value in (found.value, found.low, found.high)]
        if self.comparison.winner == "a":
            worse, high, low = (-value for value in points)
            return f"Beaten by {named} by {worse:.1f} points ({low:.1f} to {high:.1f})."
        if self.comparison.winner == "b":
            return "Beats {} by {:.1f} points ({:.1f} to {:.1f}).".format(named, *points)
        return "Not shown to beat {}: {:+.1f} points ({:+.1f} to {:+.1f}).".format(named, *points)

    def described(self) -> dict[str, Any]:
        """All of it as a version's metadata has it."""
        difference = self.comparison.difference
        return {
            "family": BASELINE_FAMILY,
            "accuracy": self.accuracy.value,
            "accuracy_interval": [self.accuracy.low, self.accuracy.high],
            "difference": difference.value,
            "interval": [difference.low, difference.high],
            "p_value": self.comparison.p_value,
            "winner": {"a": "baseline", "b": "version", None: None}[self.comparison.winner],
            "verdict": self.verdict,
            "training_seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class NoBaseline:
    """Why there is none.

    Attributes:
        problem: What was in the way.
    """

    problem: str

    def described(self) -> dict[str, Any]:
        """All of it as a version's metadata has it."""
        return {"family": BASELINE_FAMILY, "problem": self.problem}


def baseline_beside(
    data: TrainingData, measured: AnyAssessment, *, threads: int, progress: Progress
) -> Baseline | NoBaseline:
    """The baseline, trained on the same data and compared on the same rows.

    Args:
        data: What the model learned from.
        measured: The model on the test rows.
        threads: Texts that are computed at once.
        progress: Shows long work.
    """
    family = family_class(BASELINE_FAMILY).with_parameters({})
    with TemporaryDirectory(prefix="classmark-baseline-") as folder:
        start = time.perf_counter()
        try:
            family.train(data, Path(folder), progress)
        except (InputError, ConflictError) as error:
            # What can't be learned from words may be learned otherwise.
            return NoBaseline(error.message)
        seconds = time.perf_counter() - start
        classifier = load_classifier(Path(folder))
        found = assess_any(classifier, measured.documents, threads=threads, progress=progress)
    comparison = compare_any(found, measured)
    return Baseline(found.evaluation.accuracy, comparison, seconds)
