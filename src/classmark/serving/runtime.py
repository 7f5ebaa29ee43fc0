"""The model that answers: found, checked, loaded and warmed up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

from classmark.errors import ClassmarkError, IntegrityError, UnavailableError
from classmark.models import (
    MOST_GAP,
    Classifier,
    TablePredictor,
    load_classifier,
)
from classmark.registry import ModelReference, RegisteredVersion, Registry
from classmark.serving.alone import Alone
from classmark.serving.fallback import Fallback

# A known example: asked once to warm up, and again to see whether answers still come.
EXAMPLE = "A first sentence, so that the first real one does not wait for memory."


# More of them gain nothing for texts of usual length.
_MOST_CORES = 4


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A version with its loaded classifier.

    Attributes:
        version: What answers.
        classifier: Loaded and warmed up.
        fallback: What it stands in for, if it is not the version that should answer.
        loaded_at: When.
        alone: What answers a text that is asked alone, where that can be faster.
    """

    version: RegisteredVersion
    classifier: Classifier
    fallback: Fallback | None = None
    loaded_at: datetime = field(default_factory=_now)
    alone: Alone | None = None

    def on_cores(self, count: int) -> Self:
        """The same, able to answer a text that is asked alone on several cores at once."""
        wide = self.classifier.widened(min(count, _MOST_CORES))
        if wide is None:
            return self
        wide.classify(EXAMPLE)
        return replace(self, alone=Alone(self.classifier, wide))


@dataclass(frozen=True, slots=True)
class LoadedTableVersion:
    """A version of a table with its loaded predictor."""

    version: RegisteredVersion
    predictor: TablePredictor


def load_served_model(registry: Registry, reference: ModelReference) -> ServedModel:
    """The version that a reference names, every byte checked, ready to answer.

    Raises:
        UnknownModelError: The model has no versions.
        UnknownVersionError: It has no such version, or nothing is in production.
        TamperedVersionError: Its files are not what was registered.
        IntegrityError: It does not answer.
        UnavailableError: There is not enough memory for it.
    """
    return load_verified(registry.verify(reference))


def load_verified(version: RegisteredVersion) -> ServedModel:
    """A version whose every byte was checked, ready to answer.

    Raises:
        ClassmarkError: It is of a kind that does not answer texts.
        IntegrityError: It does not answer, or otherwise than where it was trained.
        UnavailableError: There is not enough memory for it.
    """
    try:
        classifier = load_classifier(version.folder)
        probabilities = classifier.classify(EXAMPLE).probabilities
        gap = classifier.example_gap()
    except ClassmarkError:
        raise
    except MemoryError as error:
        raise UnavailableError(
            f"There is not enough memory to load {version.name}.",
            remedy="Stop something else, or take a machine with more.",
        ) from error
    except Exception as error:  # every runtime has errors of its own
        raise _does_not_answer(version, str(error) or type(error).__name__) from error
    if not are_probabilities(probabilities):
        raise _does_not_answer(version, "its probabilities are none")
    if not gap <= MOST_GAP:
        raise _does_not_answer(
            version, f"a known example's probability is {gap:.3f} off what it was when trained"
        )
    return ServedModel(version, classifier)


def are_probabilities(values: Sequence[float]) -> bool:
    """Whether there are some, each of them a number from 0 to 1."""
    # A sum may lie above 1 by what is lost in single precision.
    return bool(values) and all(math.isfinite(one) and 0 <= one <= 1 + 1e-6 for one in values)


def _does_not_answer(version: RegisteredVersion, why: str) -> IntegrityError:
    return IntegrityError(
        f"{version.name} is intact and does not answer ({why}).",
        remedy=f"Put another one live: classmark rollback {version.model}",
    )
