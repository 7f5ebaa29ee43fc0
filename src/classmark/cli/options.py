"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from classmark.assembly import Home
from classmark.documents import Document, Fields, read_documents
from classmark.errors import SettingError, SourceError
from classmark.registry import ModelReference

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="The folder of everything. [CLASSMARK_HOME, else workspace]"),
]
JsonOption = Annotated[
    Path | None, typer.Option("--json", help="Write the result as one JSON object to this file.")
]
TextFieldsOption = Annotated[
    str | None,
    typer.Option(
        "--text-fields", help="Fields that make the text. [title,abstract where there, else text]"
    ),
]
LabelFieldOption = Annotated[
    str | None,
    typer.Option(
        "--label-field", help="Field of the label. [primary_category where there, else label]"
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the history.")]
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


def parsed_list(value: str) -> list[str]:
    """The items of `a,b,c`."""
    return [item.strip() for item in value.split(",") if item.strip()]


def labelled_documents(home: Home, source: str, fields: Fields) -> list[Document]:
    """The documents of a file, or the test part of a dataset that is named.

    Raises:
        SourceError: There is neither a file nor a dataset of that name, or the file is broken.
    """
    if Path(source).exists():
        return list(read_documents(Path(source), fields))
    if source in home.datasets.names():
        return list(home.datasets.load(source).parts["test"])
    known = ", ".join(home.datasets.names()) or "none yet"
    raise SourceError(
        f"There is no file and no dataset {source!r} (datasets: {known}).",
        remedy="Give the path of a JSON, JSONL or CSV file, or a dataset's name for its test part.",
    )
