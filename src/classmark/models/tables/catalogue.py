"""The families for tables by name; a heavy part is imported when its family is asked for."""

from pathlib import Path

from classmark.datasets import FeaturePipeline
from classmark.errors import ClassmarkError, MissingExtraError, SettingError, SourceError
from classmark.models.artifact import FEATURES, damaged
from classmark.models.catalogue import TABLE_CATALOGUE, CatalogueEntry, imported
from classmark.models.tables.artifact import TableConfig, read_table_config
from classmark.models.tables.model import TableFamily
from classmark.models.tables.predictor import TablePredictor


def table_family_class(name: str) -> type[TableFamily]:
    """The class that learns tables for a family.

    Raises:
        SettingError: There is no such family for tables.
        MissingExtraError: What it needs is not installed.
    """
    entry = _entry(name)
    try:
        found: type[TableFamily] = imported(entry.family)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"Training {name!r}", extra=entry.extra) from error
    return found


def load_table_predictor(folder: Path) -> TablePredictor:
    """The predictor whose artifact lies in a folder.

    Raises:
        TamperedVersionError: The folder is no whole artifact, or holds types that none has.
        MissingExtraError: What it needs is not installed.
    """
    config = read_table_config(folder)
    try:
        predictor = _loaded(folder, config)
        predictor.pipeline = FeaturePipeline.load(folder / FEATURES)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"Predicting with {config.family!r}", extra="tables") from error
    except SourceError as error:
        raise damaged(folder, error.message.rstrip(".")) from error
    except (ClassmarkError, MemoryError):
        raise
    except Exception as error:  # every library has errors of its own for a damaged file
        raise damaged(folder, str(error)) from error
    predictor.config = config
    return predictor


def _loaded(folder: Path, config: TableConfig) -> TablePredictor:
    found: type[TablePredictor] = imported(_entry(config.family).classifier)
    return found.load(folder, config)


def _entry(name: str) -> CatalogueEntry:
    if name in TABLE_CATALOGUE:
        return TABLE_CATALOGUE[name]
    raise SettingError(
        f"There is no model family {name!r} for tables.",
        remedy=f"Choose one of: {', '.join(TABLE_CATALOGUE)}.",
    )
