"""How a candidate does beside what is live, for `classmark promote`."""

from typing import Any

from classmark.assembly import Home
from classmark.cli.comparisons import describe_any
from classmark.cli.options import fields_for, labelled_documents
from classmark.cli.table_versions import load_table_version, rows_with_targets
from classmark.cli.terminal import Bars, say
from classmark.documents import Fields
from classmark.registry import ModelReference, RegisteredVersion
from classmark.retraining import Gatekeeper, Judgement
from classmark.serving import load_served_model


def judge(
    place: Home,
    candidate: RegisteredVersion,
    live: RegisteredVersion,
    on: str | None,
    fields: Fields,
) -> Judgement:
    """Judge a candidate beside what is live, and say what came of it.

    Args:
        place: The home.
        candidate: What may go live.
        live: What is.
        on: A labelled file, or the name of a dataset or table; None takes the part that the
            candidate was tested on.
        fields: Of documents, where `on` is a file of these.
    """
    gatekeeper = Gatekeeper(
        place.settings.promotion, place.datasets, place.tables, place.threads, Bars()
    )
    new, now = (ModelReference(one.model, one.version) for one in (candidate, live))
    if candidate.is_of_table:
        rows = rows_with_targets(place, candidate, on) if on else gatekeeper.own_rows(candidate)
        pair = (load_table_version(place, new), load_table_version(place, now))
        judgement = gatekeeper.of_rows(*pair, rows)
    else:
        loaded = load_served_model(place.registry, new)
        documents = (
            labelled_documents(place, on, fields_for(loaded, fields))
            if on
            else gatekeeper.own_documents(candidate)
        )
        judgement = gatekeeper.of_texts(loaded, load_served_model(place.registry, now), documents)
    _show(judgement, candidate)
    return judgement


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
        "comparisons": {
            name: describe_any(found, names, of) for name, found in judgement.comparisons.items()
        },
    }


def _show(judgement: Judgement, candidate: RegisteredVersion) -> None:
    say(f"{candidate.name} beside {judgement.production.name}. {judgement.verdict}")
    if judgement.rows and judgement.left_out:
        say(
            f"{judgement.left_out:,} more were left out: one of the two learned from them, or"
            f" {judgement.production.name} does not know their class."
        )
