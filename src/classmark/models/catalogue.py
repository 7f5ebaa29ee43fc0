"""The families by name. A heavy part is imported when its family is asked for, not before."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from classmark.documents import steps_named
from classmark.errors import ClassmarkError, MissingExtraError, SettingError
from classmark.models.artifact import damaged, read_artifact_config
from classmark.models.classifier import Classifier
from classmark.models.model import Family


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """Where a family lives.

    Attributes:
        family: "module:Class" of what learns.
        classifier: "module:Class" of what answers.
        extra: What must be installed to learn.
    """

    family: str
    classifier: str
    extra: str = "train"


CATALOGUE = {
    "linear": CatalogueEntry(
        "classmark.models.linear:LinearFamily",
        "classmark.models.linear_runtime:LinearClassifier",
    ),
    "encoder": CatalogueEntry(
        "classmark.models.encoder:EncoderFamily",
        "classmark.models.encoder_runtime:EncoderClassifier",
    ),
}


def family_class(name: str) -> type[Family]:
    """The class that learns for a family.

    Raises:
        SettingError: There is no such family.
        MissingExtraError: What it needs is not installed.
    """
    entry = _entry(name)
    try:
        found: type[Family] = _imported(entry.family)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"Training {name!r}", extra=entry.extra) from error
    return found


def load_classifier(folder: Path) -> Classifier:
    """The classifier whose artifact lies in a folder.

    Raises:
        TamperedVersionError: The folder is no whole artifact.
        SettingError: Its texts were cleaned in a way that this release does not know.
    """
    config = read_artifact_config(folder)
    found: type[Classifier] = _imported(_entry(config.family).classifier)
    steps = steps_named(config.cleaning)
    try:
        classifier = found.load(folder, config)
    except (ClassmarkError, MemoryError):
        raise
    except Exception as error:  # every library has errors of its own for a damaged file
        raise damaged(folder, str(error)) from error
    classifier.steps = steps
    return classifier


def _entry(name: str) -> CatalogueEntry:
    if name in CATALOGUE:
        return CATALOGUE[name]
    raise SettingError(
        f"There is no model family {name!r}.", remedy=f"Choose one of: {', '.join(CATALOGUE)}."
    )


def _imported(path: str) -> type:
    module, name = path.split(":")
    found: type = getattr(import_module(module), name)
    return found
