"""What commands share that meet tables: which name is one, which version predicts them."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from classmark.assembly import Home
from classmark.cli.terminal import say_warning
from classmark.datasets import read_table
from classmark.errors import SettingError, SourceError, UnknownDatasetError
from classmark.models import load_table_predictor
from classmark.registry import ModelReference, RegisteredVersion
from classmark.serving import LoadedTableVersion
from classmark.wording import meant

if TYPE_CHECKING:
    import pandas as pd


class DatasetKind(StrEnum):
    """What a dataset holds."""

    TEXTS = "texts"
    TABLE = "table"


def is_table(place: Home, name: str, kind: DatasetKind | None = None) -> bool:
    """Whether a name is that of a table, and not of a dataset of texts.

    Args:
        place: The home.
        name: Of what was prepared.
        kind: Decides where both have the name.

    Raises:
        SettingError: Both have the name and no kind is given.
        UnknownDatasetError: There are tables, and neither has the name.
    """
    if kind is not None:
        return kind is DatasetKind.TABLE
    texts, tables = place.datasets.names(), place.tables.names()
    if name in texts and name in tables:
        raise SettingError(
            f"{name!r} is a dataset of texts and a table.",
            remedy="Say which one is meant: --kind texts, or --kind table.",
        )
    if tables and name not in {*texts, *tables}:
        raise UnknownDatasetError(
            f"There is no dataset and no table {name!r} (datasets: "
            f"{', '.join(texts) or 'none yet'}; tables: {', '.join(tables)})."
            f"{meant(name, {*texts, *tables})}",
            remedy="Name one of these, or prepare it: classmark prepare, classmark prepare-table",
        )
    return name in tables


def predicts_tables(place: Home, reference: ModelReference) -> bool:
    """Whether a reference names a version that predicts the rows of tables.

    Raises:
        UnknownModelError: The model has no versions.
        UnknownVersionError: It has no such version, or nothing is in production.
    """
    return place.registry.resolve(reference).is_of_table


def check_predicts_texts(version: RegisteredVersion) -> None:
    """Let a version pass that answers texts one by one.

    Raises:
        SettingError: It predicts tables.
    """
    if version.is_of_table:
        raise SettingError(
            f"{version.name} predicts the rows of tables, and tables are predicted from files.",
            remedy="Use: classmark predict MODEL@REF --file rows.csv",
        )


def check_no_fields(text_fields: str | None, label_field: str | None) -> None:
    """Let pass whoever names no fields of documents.

    Raises:
        SettingError: Some are named.
    """
    if text_fields is not None or label_field is not None:
        raise SettingError(
            "--text-fields and --label-field are for texts; a table's columns have their names.",
            remedy="Leave them out.",
        )


def check_no_engine(engine: str) -> None:
    """Let pass whoever asks for no other engine than this machine.

    Raises:
        SettingError: Another one is named.
    """
    if engine != "local":
        raise SettingError("--engine is for texts, not for rows of tables.", remedy="Leave it out.")


def load_table_version(place: Home, reference: ModelReference) -> LoadedTableVersion:
    """The version that a reference names, every byte checked, ready to predict.

    Raises:
        SettingError: It classifies texts.
        TamperedVersionError: Its files are not what was registered.
    """
    version = place.registry.verify(reference)
    if not version.is_of_table:
        raise SettingError(
            f"{version.name} classifies texts, and the other one predicts tables.",
            remedy="Name two versions that learned the same table.",
        )
    return LoadedTableVersion(version, load_table_predictor(version.folder))


def rows_with_targets(place: Home, version: RegisteredVersion, source: str) -> "pd.DataFrame":
    """The rows of a file, or the test part of a table; a file goes first.

    Raises:
        SourceError: There is neither, or the file is broken.
    """
    path, names = Path(source), place.tables.names()
    if path.is_file():
        return read_rows(version, path)
    if source in names:
        return place.tables.load(source).table.parts["test"]
    if source in place.datasets.names():
        raise SourceError(
            f"{source!r} is a dataset of texts, and {version.name} predicts the rows of tables.",
            remedy="Name the table that it learned from, or a version of texts.",
        )
    raise SourceError(
        f"There is no file and no table {source!r} (tables: {', '.join(names) or 'none yet'}).",
        remedy="Give a CSV, TSV or Parquet file with the targets, or a table's name for its test"
        " part.",
    )


def read_rows(version: RegisteredVersion, path: Path) -> "pd.DataFrame":
    """The rows of a file, missing words as in the table that the version learned from."""
    return read_table(path, version.metadata["dataset"]["recipe"]["missing"])


def warn_of_unknown_columns(loaded: LoadedTableVersion, rows: "pd.DataFrame") -> None:
    """Name columns that the version knows nothing of: a name may be misspelt."""
    unknown = loaded.predictor.unknown_columns(rows)
    if unknown:
        say_warning(f"{loaded.version.name} knows no column {', '.join(map(repr, unknown))}.")
