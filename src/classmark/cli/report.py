"""`classmark report`."""

from typing import Annotated

import typer

from classmark.assembly import Home, existing_home
from classmark.cli.evaluate import measured_and_reported
from classmark.cli.options import (
    HomeOption,
    JsonOption,
    LabelFieldOption,
    NewFolderOption,
    ReferenceArgument,
    TextFieldsOption,
    fields_for,
    labelled_documents,
    parsed_fields,
)
from classmark.cli.terminal import keep_result
from classmark.documents import Document
from classmark.errors import SettingError, SourceError
from classmark.registry import RegisteredVersion
from classmark.retraining import Link, trace_version
from classmark.serving import load_served_model


def run(
    reference: ReferenceArgument,
    source: Annotated[
        str | None,
        typer.Argument(
            help="A labelled file, or a dataset's name for its test part.",
            show_default="the test part of the snapshot that the version was trained from",
        ),
    ] = None,
    out: NewFolderOption = None,
    text_fields: TextFieldsOption = None,
    label_field: LabelFieldOption = None,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """The report of a version as HTML and PDF: on the test part that it was trained beside."""
    place = existing_home(home)
    version = place.registry.resolve(reference)
    if version.is_of_table:
        raise SettingError(
            f"{version.name} predicts rows of tables; a report is of texts.",
            remedy=f"Measure it with classmark evaluate {reference} TABLE.",
        )
    model = load_served_model(place.registry, reference)
    if source is None:
        named, documents = _test_part(place, version)
    else:
        fields = fields_for(model, parsed_fields(text_fields, label_field))
        named, documents = source, labelled_documents(place, source, fields)
    keep_result(json, measured_and_reported(place, model, documents, named, out))


def _test_part(place: Home, version: RegisteredVersion) -> tuple[str, list[Document]]:
    """The test part of the snapshot that a version was trained from, with what to call it."""
    snapshot = trace_version(version, place.datasets)
    if snapshot.dataset is None or snapshot.link is not Link.INTACT:
        lost = "is not kept here" if snapshot.link is Link.GONE else "was changed since"
        raise SourceError(
            f"The snapshot of {snapshot.name!r} that {version.name} was trained from {lost}.",
            remedy="Name labelled documents: classmark report MODEL@REF SOURCE",
        )
    named = f"the test part of {snapshot.name}, snapshot {snapshot.snapshot_id}"
    return named, list(snapshot.dataset.parts["test"])
