"""`classmark audit`."""

import csv
import io
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, SeedOption, writable
from classmark.cli.terminal import Bars, as_share, keep_result, say, say_table, say_warning
from classmark.datasets import Dataset
from classmark.durable import write_bytes
from classmark.evaluation import SimilarPair
from classmark.naming import checked_name
from classmark.spreadsheet import safe_cell
from classmark.training import AuditRequest, LabelAudit, OutOfFold, TrainingRecipe, audit_labels

_SHOWN = 20
# Below this, most of what is listed are the models' own errors.
_JUDGES = 0.7
_TITLE_CHARACTERS = 80
_PROBABILITY_DIGITS = 6
_SUSPECT_COLUMNS = (
    *("id", "part", "label", "suggested"),
    *("label_probability", "suggested_probability", "margin", "title"),
)
_PAIR_COLUMNS = (
    *("id", "part", "label", "other_id", "other_part", "other_label"),
    *("similarity", "title", "other_title"),
)

Row = Mapping[str, Any]


def run(
    dataset: Annotated[str, typer.Argument(help="A dataset that was prepared.")],
    family: Annotated[str, typer.Option(help="What judges the labels.")] = "linear",
    folds: Annotated[
        int, typer.Option(help="In how many parts documents are held out, one after the other.")
    ] = 5,
    length: Annotated[
        int | None,
        typer.Option(help="List at most so many suspects.", show_default="as many as estimated"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the lists.", show_default="reports/DATASET_audit in the home"
        ),
    ] = None,
    seed: SeedOption = 42,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Suspected label errors, conflicting labels and near-duplicates of a dataset."""
    place = existing_home(home)
    request = AuditRequest(TrainingRecipe(family, seed=seed), folds, length)
    folder = out or place.reports / f"{checked_name(dataset, of='dataset')}_audit"
    writable(folder / "suspects.csv")
    found = place.datasets.load(dataset)
    start = time.perf_counter()
    audit = audit_labels(found, request, threads=place.threads, progress=Bars())
    result = describe(found, request, audit) | {
        "folder": str(folder),
        "seconds": round(time.perf_counter() - start, 3),
    }
    _write(folder / "suspects.csv", _SUSPECT_COLUMNS, result["suspects"])
    _write(folder / "conflicts.csv", _PAIR_COLUMNS, result["conflicts"])
    _write(folder / "near_duplicates.csv", _PAIR_COLUMNS, result["near_duplicates"])
    show(result)
    keep_result(json, result)


def describe(dataset: Dataset, request: AuditRequest, audit: LabelAudit) -> dict[str, Any]:
    """An audit as the JSON result has it."""
    answers = audit.answers
    return {
        "dataset": dataset.name,
        "snapshot": dataset.snapshot_id,
        "family": request.recipe.family,
        "folds": request.folds,
        "documents": len(answers.documents),
        "agreement": answers.agreement,
        "suspects": list(_suspect_rows(audit)),
        "conflicts": [*_dropped_conflicts(dataset, answers), *_pair_rows(answers, audit.conflicts)],
        "near_duplicates": list(_pair_rows(answers, answers.pairs)),
    }


def show(result: Row) -> None:
    """The first suspects as a table, and what to do with them."""
    suspects = result["suspects"]
    if suspects:
        say_table(
            ("id", "label", "suggested", "confidence", "title"),
            [
                (
                    row["id"],
                    row["label"],
                    row["suggested"],
                    as_share(row["suggested_probability"]),
                    row["title"],
                )
                for row in suspects[:_SHOWN]
            ],
            title=f"Suspected label errors of {result['dataset']}, the least believable first",
        )
    documents = result["documents"]
    say(
        f"{len(suspects):,} of {documents:,} labels are suspect"
        f" (models that had not seen the document agree with {as_share(result['agreement'])} of"
        f" all labels); {len(result['conflicts']):,} conflicts, "
        f"{len(result['near_duplicates']):,} near-duplicates"
    )
    if result["agreement"] < _JUDGES:
        say_warning(
            "Most suspects are the models' own errors: more documents, or another --family, judge"
            " better."
        )
    say(f"Lists: {result['folder']}")
    if suspects or result["conflicts"]:
        say("Next: look at them, mend wrong labels at the source, then classmark prepare it again")


def _suspect_rows(audit: LabelAudit) -> Iterator[Row]:
    answers = audit.answers
    for suspect in audit.suspects:
        yield {
            "id": answers.documents[suspect.row].id,
            "part": answers.parts[suspect.row],
            "label": suspect.label,
            "suggested": suspect.suggested,
            "label_probability": round(suspect.label_probability, _PROBABILITY_DIGITS),
            "suggested_probability": round(suspect.suggested_probability, _PROBABILITY_DIGITS),
            "margin": round(suspect.margin, _PROBABILITY_DIGITS),
            "title": _title(answers, suspect.row),
        }


def _pair_rows(answers: OutOfFold, pairs: Iterable[SimilarPair]) -> Iterator[Row]:
    """The pairs, the most similar first."""
    for pair in sorted(pairs, key=lambda pair: -pair.similarity):
        yield {
            "id": answers.documents[pair.first].id,
            "part": answers.parts[pair.first],
            "label": answers.documents[pair.first].label,
            "other_id": answers.documents[pair.second].id,
            "other_part": answers.parts[pair.second],
            "other_label": answers.documents[pair.second].label,
            "similarity": round(pair.similarity, _PROBABILITY_DIGITS),
            "title": _title(answers, pair.first),
            "other_title": _title(answers, pair.second),
        }


def _dropped_conflicts(dataset: Dataset, answers: OutOfFold) -> Iterator[Row]:
    """Documents that were left out as duplicates of one with another label."""
    rows = {document.id: row for row, document in enumerate(answers.documents)}
    for conflict in dataset.conflicts:
        # What was kept then may be left out since: there are more of its label than were asked for.
        row = rows.get(conflict.kept_id)
        part, title = ("dropped", "") if row is None else (answers.parts[row], _title(answers, row))
        yield {
            "id": conflict.kept_id,
            "part": part,
            "label": conflict.kept_label,
            "other_id": conflict.dropped_id,
            "other_part": "dropped",
            "other_label": conflict.dropped_label,
            "similarity": 1.0,
            "title": title,
            "other_title": title,
        }


def _title(answers: OutOfFold, row: int) -> str:
    document = answers.documents[row]
    return document.title or document.text[:_TITLE_CHARACTERS]


def _write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    writer.writerows({key: safe_cell(value) for key, value in row.items()} for row in rows)
    write_bytes(path, file.getvalue().encode())
