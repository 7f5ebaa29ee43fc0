"""How a candidate does beside what is live, for `classmark promote`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from classmark.assembly import Home
from classmark.cli.comparisons import describe_any
from classmark.cli.options import fields_for, labelled_documents
from classmark.cli.table_versions import load_table_version, rows_with_targets
from classmark.cli.terminal import Bars, say
from classmark.documents import Fields
from classmark.errors import IntegrityError
from classmark.registry import ModelReference, RegisteredVersion
from classmark.retraining import Gatekeeper, Judgement
from classmark.serving import load_served_model


def judge(
    place: Home,
    candidate: RegisteredVersion,
    live: RegisteredVersion,
    on: str | None,
    fields: Fields,
    *,
    assume_new: bool,
) -> Judgement:
    """Judge a candidate beside what is live, and say what came of it.

    Args:
        place: The home.
        candidate: What may go live.
        live: What is.
        on: A labelled file, or the name of a dataset or table; None takes the part that the
            candidate was tested on.
        fields: Of documents, where `on` is a file of these.
        assume_new: Whether rows are taken as new to a version of which that can't be told.
    """
    gatekeeper = Gatekeeper(
        settings=place.settings.promotion,
        registry=place.registry,
        datasets=place.datasets,
        tables=place.tables,
        threads=place.threads,
        progress=Bars(),
        assume_new=assume_new,
    )
    new, now = (ModelReference(one.model, one.version) for one in (candidate, live))
    if candidate.is_of_table:
        with _replaceable_by(new):
            predicting = load_table_version(place, now)
        rows = rows_with_targets(place, candidate, on) if on else gatekeeper.own_rows(candidate)
        judgement = gatekeeper.of_rows(load_table_version(place, new), predicting, rows)
    else:
        with _replaceable_by(new):
            answering = load_served_model(place.registry, now)
        loaded = load_served_model(place.registry, new)
        documents = (
            labelled_documents(place, on, fields_for(loaded, fields))
            if on
            else gatekeeper.own_documents(candidate)
        )
        judgement = gatekeeper.of_texts(loaded, answering, documents)
    _show(judgement, candidate)
    return judgement


@contextmanager
def _replaceable_by(new: ModelReference) -> Iterator[None]:
    """Load what is live in the block; where it can't be, the error says what helps."""
    try:
        yield
    except IntegrityError as error:
        error.remedy = (
            f"Nothing can be compared with it. To replace it by {new}, say why:"
            f" classmark promote {new} --force --reason TEXT"
        )
        raise


def describe(judgement: Judgement, candidate: RegisteredVersion) -> dict[str, Any]:
    """A judgement as the JSON result has it."""
    names = (judgement.production.name, candidate.name)
    of = "rows" if candidate.is_of_table else "documents"
    return {
        "production": judgement.production.name,
        "decision": judgement.verdict.decision.value,
        "reasons": list(judgement.verdict.reasons),
        "n": judgement.rows,
        "left_out": judgement.left_out,
        "untold": list(judgement.untold),
        "comparisons": {
            name: describe_any(found, names, of) for name, found in judgement.comparisons.items()
        },
    }


def _show(judgement: Judgement, candidate: RegisteredVersion) -> None:
    say(f"{candidate.name} beside {judgement.production.name}. {judgement.verdict}")
    if judgement.rows and judgement.left_out:
        say(
            f"{judgement.left_out:,} more were left out: one of the two has met them in training,"
            f" or {judgement.production.name} does not know their class."
        )
