"""The model that answers: found, checked, loaded and warmed up."""

from dataclasses import dataclass

from classmark.models import Classifier, TablePredictor, load_classifier
from classmark.registry import ModelReference, RegisteredVersion, Registry

_WARM_UP = "A first sentence, so that the first real one does not wait for memory."


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A version with its loaded classifier."""

    version: RegisteredVersion
    classifier: Classifier


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
    """
    version = registry.verify(reference)
    classifier = load_classifier(version.folder)
    classifier.classify(_WARM_UP)
    return ServedModel(version, classifier)
