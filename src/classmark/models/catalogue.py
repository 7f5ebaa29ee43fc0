"""The families by name. A heavy part is imported when its family is asked for, not before."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from classmark.documents import steps_named
from classmark.errors import ClassmarkError, MissingExtraError, SettingError
from classmark.models.artifact import FEATURES, damaged, read_artifact_config
from classmark.models.calibration import read_calibration
from classmark.models.classifier import Classifier
from classmark.models.examples import read_examples
from classmark.models.model import Family
from classmark.wording import meant


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
    "transformer": CatalogueEntry(
        "classmark.models.transformer:TransformerFamily",
        "classmark.models.transformer_runtime:TransformerClassifier",
    ),
    "ensemble": CatalogueEntry(
        "classmark.models.ensemble:EnsembleFamily",
        "classmark.models.ensemble_runtime:EnsembleClassifier",
    ),
    "cascade": CatalogueEntry(
        "classmark.models.cascade:CascadeFamily",
        "classmark.models.cascade_runtime:CascadeClassifier",
    ),
}

# Families that learn tables; one name may stand for a family here and for one of texts above.
TABLE_CATALOGUE = {
    "linear": CatalogueEntry(
        "classmark.models.tables.linear:LinearTableFamily",
        "classmark.models.tables.estimators:EstimatorPredictor",
        extra="tables",
    ),
    "forest": CatalogueEntry(
        "classmark.models.tables.forest:ForestFamily",
        "classmark.models.tables.estimators:EstimatorPredictor",
        extra="tables",
    ),
    "boosted": CatalogueEntry(
        "classmark.models.tables.boosted:BoostedFamily",
        "classmark.models.tables.boosted_runtime:BoostedPredictor",
        extra="tables",
    ),
    "network": CatalogueEntry(
        "classmark.models.tables.network:NetworkFamily",
        "classmark.models.tables.network_runtime:NetworkPredictor",
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
        found: type[Family] = imported(entry.family)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"Training {name!r}", extra=entry.extra) from error
    return found


def load_classifier(folder: Path) -> Classifier:
    """The classifier whose artifact lies in a folder.

    Raises:
        TamperedVersionError: The folder is no whole artifact.
        SettingError: It predicts tables, or its texts were cleaned in a way that this release does
            not know.
    """
    if (folder / FEATURES).exists():
        raise SettingError(
            f"{folder.name} predicts the rows of tables, and tables are predicted from files.",
            remedy="Use: classmark predict MODEL@REF --file rows.csv",
        )
    config = read_artifact_config(folder)
    found: type[Classifier] = imported(_entry(config.family).classifier)
    steps = steps_named(config.cleaning)
    calibration = read_calibration(folder, len(config.labels))
    try:
        classifier = found.load(folder, config)
    except (ClassmarkError, MemoryError):
        raise
    except Exception as error:  # every library has errors of its own for a damaged file
        raise damaged(folder, str(error)) from error
    classifier.steps = steps
    classifier.examples = read_examples(folder, len(config.labels))
    classifier.calibration = calibration
    classifier.thresholds = config.thresholds
    return classifier


def _entry(name: str) -> CatalogueEntry:
    if name in CATALOGUE:
        return CATALOGUE[name]
    where = " for texts, only for tables" if name in TABLE_CATALOGUE else ""
    raise SettingError(
        f"There is no model family {name!r}{where}.{meant(name, CATALOGUE)}",
        remedy=f"Choose one of: {', '.join(CATALOGUE)}.",
    )


def imported(path: str) -> type:
    """The class that a "module:Class" names.

    Raises:
        ModuleNotFoundError: It needs what is not installed.
    """
    module, name = path.split(":")
    found: type = getattr(import_module(module), name)
    return found
