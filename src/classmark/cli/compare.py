"""`classmark compare`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from classmark.assembly import existing_home, utc_now
from classmark.cli.caveats import warn_of_learned
from classmark.cli.comparisons import describe_classes
from classmark.cli.evaluate import SourceArgument
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
from classmark.cli.table_evaluation import compare_table_versions
from classmark.cli.table_versions import check_no_fields, predicts_tables
from classmark.cli.terminal import Bars, as_share, keep_result, say
from classmark.durable import publishing, write_json
from classmark.errors import SettingError
from classmark.evaluation import (
    Flip,
    assess_any,
    compare_any,
    flips,
    flips_csv,
)
from classmark.serving import ServedModel, load_served_model

_FLIPS, _RESULT = "flips.csv", "comparison.json"


def run(
    a: ReferenceArgument,
    b: ReferenceArgument,
    source: SourceArgument,
    out: NewFolderOption = None,
    text_fields: TextFieldsOption = None,
    label_field: LabelFieldOption = None,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Two versions on the same labelled documents: is one better, by how much, and where?"""
    place = existing_home(home)
    if any(predicts_tables(place, reference) for reference in (a, b)):
        check_no_fields(text_fields, label_field)
        keep_result(json, compare_table_versions(place, (a, b), source, out))
        return
    # Both are loaded as soon as they are checked, so that what is measured is what was checked.
    models = [load_served_model(place.registry, reference) for reference in (a, b)]
    _check_problems(models)
    fields = fields_for(models[0], parsed_fields(text_fields, label_field))
    documents = labelled_documents(place, source, fields)
    one, other = (
        assess_any(model.classifier, documents, threads=place.threads, progress=Bars())
        for model in models
    )
    versions = [model.version for model in models]
    comparison = compare_any(one, other)
    changed = flips(documents, one.answers, other.answers)
    names = (versions[0].name, versions[1].name)
    folder = out or place.reports / f"{names[0]}_beside_{names[1]}_{utc_now():%Y%m%dT%H%M%S_%fZ}"
    result = describe_classes(comparison, names, "documents") | {
        "flips": {"count": len(changed), "path": str(folder / _FLIPS)},
        "report": str(folder),
    }
    _write(folder, changed, result)
    show(result)
    warn_of_learned(place, versions, documents)
    say(f"Report: {folder}")
    keep_result(json, result)


def show(result: dict[str, Any]) -> None:
    """A comparison in a few lines."""
    say(result["verdict"])
    if "micro_f1" in result:
        figure = result["micro_f1"]
        low, high = figure["interval"]
        say(
            f"Micro F1: {figure['a']:.3f} and {figure['b']:.3f}, "
            f"{figure['difference']:+.3f} ({low:+.3f} to {high:+.3f})."
        )
    a, b = result["a"]["version"], result["b"]["version"]
    for label in result["regressions"]:
        change = result["per_class"][label]
        say(
            f"{b} finds fewer of {label}: {as_share(change['recall_b'])} of {change['n']:,}, "
            f"where {a} finds {as_share(change['recall_a'])} (p = {change['p_adjusted']:.2g} among "
            f"{len(result['per_class'])} classes)."
        )
    if not result["regressions"]:
        say(f"No class is shown to be found less often by {b}.")
    same = "labels" if "micro_f1" in result else "label"
    say(
        f"They give the same {same} to {as_share(result['agreement'])}; the other "
        f"{result['flips']['count']:,} are in {_FLIPS}."
    )


def _check_problems(models: Sequence[ServedModel]) -> None:
    one, other = models
    if one.classifier.problem is not other.classifier.problem:
        raise SettingError(
            f"{one.version.name} is {one.classifier.problem}, {other.version.name} is"
            f" {other.classifier.problem}: what is right for the one is not for the other.",
            remedy="Compare versions that were trained for the same problem.",
        )


def _write(folder: Path, changed: Sequence[Flip], result: dict[str, Any]) -> None:
    with publishing(folder) as draft:
        (draft / _FLIPS).write_text(flips_csv(changed), "utf-8", newline="")
        write_json(draft / _RESULT, result)
