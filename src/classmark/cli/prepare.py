"""`classmark prepare`."""

import hashlib
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from classmark.assembly import open_home, utc_now
from classmark.cli.options import (
    HomeOption,
    JsonOption,
    LabelFieldOption,
    SeedOption,
    TextFieldsOption,
    parsed_fields,
    parsed_list,
)
from classmark.cli.terminal import Bars, keep_result, say, say_table, say_warning
from classmark.datasets import (
    Dataset,
    DocumentSource,
    PreparationRecipe,
    checked_ratios,
    prepare,
)
from classmark.documents import QualityRules, english_detector, read_documents
from classmark.errors import SettingError


def run(
    source: Annotated[Path, typer.Argument(help="A JSON, JSONL or CSV file, plain or .gz.")],
    name: Annotated[str, typer.Option(help="The dataset's name.")],
    text_fields: TextFieldsOption = None,
    label_field: LabelFieldOption = None,
    per_class: Annotated[
        int | None,
        typer.Option(help="At most so many documents of each label.", show_default="all"),
    ] = None,
    ratios: Annotated[str, typer.Option(help="Shares of train, val, test.")] = "0.8,0.1,0.1",
    min_words: Annotated[int, typer.Option(help="Shorter documents are dropped.")] = 50,
    labels: Annotated[
        str | None, typer.Option(help="Keep these labels alone, as a,b,c.", show_default="all")
    ] = None,
    any_language: Annotated[
        bool, typer.Option("--any-language", help="Keep documents that are not English.")
    ] = False,
    seed: SeedOption = 42,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Documents become a dataset: read, clean, filter, drop duplicates, split, keep."""
    place = open_home(home)
    fields = parsed_fields(text_fields, label_field)
    recipe = PreparationRecipe(
        rules=QualityRules(
            min_words=min_words,
            labels=frozenset(parsed_list(labels or "")),
            is_english=None if any_language else english_detector(),
        ),
        per_class=per_class,
        ratios=checked_ratios(_numbers(ratios)),
        seed=seed,
    )
    start = time.perf_counter()
    documents = read_documents(source, fields)
    dataset = prepare(
        name,
        DocumentSource(documents, _origin(source)),
        recipe,
        now=utc_now(),
        progress=Bars(),
    )
    folder = place.datasets.save(dataset)
    result = describe(dataset, folder) | {"seconds": round(time.perf_counter() - start, 3)}
    show(dataset, per_class)
    say(f"Snapshot: {folder}")
    say(f"Next: classmark train {name} --model {name} --family linear")
    keep_result(json, result)


def describe(dataset: Dataset, folder: Path) -> dict[str, Any]:
    """A dataset as the JSON result has it."""
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "folder": str(folder),
        "read": dataset.read,
        "dropped": dict(dataset.dropped),
        "samples": sum(dataset.sizes().values()),
        "sizes": dataset.sizes(),
        "counts": dataset.counts(),
        "categories": list(dataset.labels),
    }


def show(dataset: Dataset, per_class: int | None = None) -> None:
    """A dataset as a table, and what to look at."""
    counts = dataset.counts()
    say_table(
        ("label", *counts),
        [
            *(
                (label, *(part.get(label, 0) for part in counts.values()))
                for label in dataset.labels
            ),
            ("all", *dataset.sizes().values()),
        ],
        title=f"Dataset {dataset.name}",
    )
    if dataset.dropped:
        listed = ", ".join(f"{count:,} {reason}" for reason, count in dataset.dropped.items())
        say(f"Of {dataset.read:,} documents these were left out: {listed}")
    totals = {
        label: sum(part.get(label, 0) for part in counts.values()) for label in dataset.labels
    }
    short = [f"{label} ({count})" for label, count in totals.items() if count < (per_class or 0)]
    if short:
        say_warning(f"Fewer than {per_class} documents: {', '.join(short)}.")


def _origin(source: Path) -> dict[str, str]:
    """Path and SHA-256 of a file; reading it says what is wrong where there is none."""
    if not source.is_file():
        return {"path": str(source)}
    with source.open("rb") as file:
        return {"path": str(source), "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _numbers(text: str) -> list[float]:
    try:
        return [float(item) for item in parsed_list(text)]
    except ValueError as error:
        raise SettingError(
            f"--ratios {text!r} are no numbers.", remedy="Write them as 0.8,0.1,0.1."
        ) from error
