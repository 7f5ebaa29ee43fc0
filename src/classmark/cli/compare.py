"""`classmark compare`."""

from typing import Any

from classmark.assembly import existing_home
from classmark.cli.caveats import warn_of_learned
from classmark.cli.evaluate import SourceArgument
from classmark.cli.options import (
    HomeOption,
    JsonOption,
    LabelFieldOption,
    ReferenceArgument,
    TextFieldsOption,
    labelled_documents,
    parsed_fields,
)
from classmark.cli.terminal import Bars, as_share, keep_result, say
from classmark.evaluation import Comparison, assess, compare
from classmark.registry import RegisteredVersion
from classmark.serving import load_served_model


def run(
    a: ReferenceArgument,
    b: ReferenceArgument,
    source: SourceArgument,
    text_fields: TextFieldsOption = None,
    label_field: LabelFieldOption = None,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Two versions on the same labelled documents: is one better, and by how much?"""
    place = existing_home(home)
    # Both are loaded as soon as they are checked, so that what is measured is what was checked.
    models = [load_served_model(place.registry, reference) for reference in (a, b)]
    documents = labelled_documents(place, source, parsed_fields(text_fields, label_field))
    given = [
        assess(model.classifier, documents, threads=place.threads, progress=Bars()).given
        for model in models
    ]
    comparison = compare([document.label or "" for document in documents], *given)
    result = describe(comparison, *(model.version for model in models))
    say(result["verdict"])
    warn_of_learned(place, [model.version for model in models], documents)
    keep_result(json, result)


def describe(comparison: Comparison, a: RegisteredVersion, b: RegisteredVersion) -> dict[str, Any]:
    """A comparison as the JSON result has it."""
    winner = {"a": a.name, "b": b.name, None: None}[comparison.winner]
    return {
        "n": comparison.rows,
        "a": {"version": a.name, "accuracy": comparison.accuracy_a},
        "b": {"version": b.name, "accuracy": comparison.accuracy_b},
        "difference": comparison.difference.value,
        "interval": [comparison.difference.low, comparison.difference.high],
        "p_value": comparison.p_value,
        "only_a_right": comparison.only_a_right,
        "only_b_right": comparison.only_b_right,
        "winner": winner,
        "verdict": _verdict(comparison, a.name, b.name, winner),
    }


def _verdict(comparison: Comparison, a: str, b: str, winner: str | None) -> str:
    difference = comparison.difference
    figures = (
        f"{a} {as_share(comparison.accuracy_a)}, {b} {as_share(comparison.accuracy_b)} on "
        f"{comparison.rows:,} documents: {difference.value * 100:+.1f} points "
        f"({difference.low * 100:+.1f} to {difference.high * 100:+.1f}), "
        f"p = {comparison.p_value:.3g}"
    )
    return f"{figures}. " + (f"{winner} wins." if winner else "Not shown to differ.")
