"""Options that several commands share."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer

from classmark.assembly import Home
from classmark.datasets import Ratios, checked_ratios
from classmark.documents import Document, Fields, is_hub_name, read_documents
from classmark.errors import SettingError, SourceError
from classmark.models import Problem
from classmark.registry import ModelReference
from classmark.serving import ServedModel

# numpy and scikit-learn take no larger one.
_LARGEST_SEED = 2**32 - 1


def takes_files(folder: Path) -> bool:
    """Whether files can be made in a folder, which may itself have to be made; none is left."""
    places = (folder.absolute(), *folder.absolute().parents)
    standing = next((one for one in places if os.path.lexists(one)), Path("/"))
    try:
        # Permissions alone don't tell: not for root, and not of a file system that takes nothing.
        with TemporaryFile(dir=standing):
            return True
    except OSError:
        return False


def writable(path: Path | None) -> Path | None:
    """The path itself, if a file can be written there; asked before the work, not after it.

    Raises:
        SettingError: It is a folder, or no file can be made there.
    """
    if path is None:
        return None
    if path.is_dir() or not takes_files(path.absolute().parent):
        raise SettingError(
            f"No file can be written at {path}.",
            remedy="Name a file in a folder that can be written to.",
        )
    return path


def new_folder(path: Path | None) -> Path | None:
    """The path itself, if a folder can be made there; asked before the work, not after it.

    Raises:
        SettingError: Something stands there, or no folder can be made there.
    """
    if path is None:
        return None
    empty = path.is_dir() and not path.is_symlink() and not any(path.iterdir())
    if os.path.lexists(path) and not empty:
        what = "a folder that is not empty" if path.is_dir() else "a file"
        raise SettingError(
            f"{path} is there already: {what}.",
            remedy="Name a folder that is not there yet.",
        )
    if not takes_files(path.absolute().parent):
        raise SettingError(
            f"No folder can be made at {path}.",
            remedy="Name one in a folder that can be written to.",
        )
    return path


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="The folder of everything.", show_default="CLASSMARK_HOME, else workspace"
    ),
]
JsonOption = Annotated[
    Path | None,
    typer.Option(
        "--json", help="Write the result as one JSON object to this file.", callback=writable
    ),
]
NewFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="The folder of the report; a new one.",
        show_default="one in reports of the home",
        callback=new_folder,
    ),
]
TextFieldsOption = Annotated[
    str | None,
    typer.Option(
        "--text-fields",
        help="Fields that make the text.",
        show_default="title,abstract where there, else text, sentence or content",
    ),
]
LabelFieldOption = Annotated[
    str | None,
    typer.Option(
        "--label-field",
        help="Field of the label.",
        show_default="primary_category where there, else label",
    ),
]
SeedOption = Annotated[
    int,
    typer.Option("--seed", min=0, max=_LARGEST_SEED, help="Everything random follows from it."),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the history.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")
]
ReferenceArgument = Annotated[
    ModelReference,
    typer.Argument(
        parser=ModelReference.parse,
        metavar="MODEL@REF",
        help="REF is v1.2.3, production or latest.",
    ),
]


def parsed_fields(
    text_fields: str | None, label_field: str | None, *, label_required: bool = True
) -> Fields:
    """The fields that the options name."""
    names = tuple(parsed_list(text_fields)) if text_fields is not None else None
    if names == ():
        raise SettingError("--text-fields names no field.", remedy="Give one, as: title,abstract")
    return Fields(names, label_field, label_required)


def fields_for(model: ServedModel, fields: Fields) -> Fields:
    """The same fields; for a model of several labels the label field is read as several."""
    several = model.classifier.problem is Problem.MULTI_LABEL
    return replace(fields, multi_label=several)


def parsed_ratios(value: str, *, example: str) -> Ratios:
    """The shares of train, val and test that `a,b,c` names.

    Raises:
        SettingError: They are no three positive numbers that sum to 1.
    """
    try:
        numbers = [float(item) for item in parsed_list(value)]
    except ValueError as error:
        raise SettingError(
            f"--ratios {value!r} are no numbers.", remedy=f"Write them as {example}."
        ) from error
    return checked_ratios(numbers)


def parsed_pairs(given: Iterable[str], option: str, *, example: str) -> dict[str, str]:
    """The pairs of a repeated `OPTION KEY=VALUE`.

    Raises:
        SettingError: One of them is no pair, or a key is there twice.
    """
    pairs: dict[str, str] = {}
    for item in given:
        key, separator, value = (part.strip() for part in item.partition("="))
        if not separator or not key or key in pairs:
            wrong = "names a key again" if key in pairs else "is no KEY=VALUE"
            raise SettingError(
                f"{option} {item!r} {wrong}.",
                remedy=f"Write each key once, with a value, as {option} {example}.",
            )
        pairs[key] = value
    return pairs


def parsed_list(value: str) -> list[str]:
    """The items of `a,b,c`."""
    return [item.strip() for item in value.split(",") if item.strip()]


def labelled_documents(home: Home, source: str, fields: Fields) -> list[Document]:
    """The documents of a file, of a folder, of the hub, or the test part of a prepared dataset.

    A dataset's name goes before a folder's.

    Raises:
        SourceError: There is neither a file nor a dataset of that name, or the file is broken.
    """
    path, names = Path(source), home.datasets.names()
    if source in names and not path.is_file():
        return list(home.datasets.load(source).parts["test"])
    if is_hub_name(source) or path.exists():
        return list(read_documents(source, fields))
    if source in home.tables.names():
        raise SourceError(
            f"{source!r} is a table, and texts are asked for.",
            remedy="Name a dataset of texts, or a version that predicts the rows of tables.",
        )
    raise SourceError(
        f"There is no file and no dataset {source!r} (datasets: {', '.join(names) or 'none yet'}).",
        remedy="Give the path of a file or folder of documents, a dataset's name for its test part,"
        " or hf:NAME for a dataset of the Hugging Face hub.",
    )
