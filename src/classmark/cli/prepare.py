"""`classmark prepare`."""

import time
from dataclasses import replace
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
    parsed_ratios,
)
from classmark.cli.terminal import Bars, keep_result, say, say_table, say_warning
from classmark.datasets import (
    Dataset,
    DocumentSource,
    PreparationRecipe,
    Split,
    origin_of,
    prepare,
)
from classmark.documents import (
    DEFAULT_STEPS,
    REDACTION,
    QualityRules,
    english_detector,
    read_documents,
)
from classmark.errors import SettingError

SourceArgument = Annotated[
    str, typer.Argument(help="A file or folder of documents, or hf:NAME of a hub's dataset.")
]
PerClassOption = Annotated[
    int | None, typer.Option(help="At most so many documents of each label.", show_default="all")
]
TestPerClassOption = Annotated[
    int | None,
    typer.Option(
        help="So many documents of each label test: a balanced test part.",
        show_default="by the ratios",
    ),
]
MultiLabelOption = Annotated[
    bool, typer.Option("--multi-label", help="A document may have several labels.")
]
SplitOption = Annotated[Split, typer.Option(help="By what documents are shared out.")]
GroupFieldOption = Annotated[
    str | None,
    typer.Option(help="With --split group: documents equal in this field stay together."),
]
NearDuplicatesOption = Annotated[
    float | None,
    typer.Option(
        help="Drop documents at least this similar to an earlier one, 0.4 to 1.",
        show_default="keep them",
    ),
]
KeepTogetherOption = Annotated[
    float, typer.Option(help="Documents at least this similar come into one part, 0.4 to 1.")
]
RedactOption = Annotated[
    bool, typer.Option("--redact", help="Replace e-mail, phone numbers and URLs with a query.")
]
LabelsOption = Annotated[
    str | None, typer.Option(help="Keep these labels alone, as a,b,c.", show_default="all")
]
AnyLanguageOption = Annotated[
    bool, typer.Option("--any-language", help="Keep documents that are not English.")
]


def run(
    source: SourceArgument,
    name: Annotated[str, typer.Option(help="The dataset's name.")],
    text_fields: TextFieldsOption = None,
    label_field: LabelFieldOption = None,
    multi_label: MultiLabelOption = False,
    per_class: PerClassOption = None,
    split: SplitOption = Split.STRATIFIED,
    group_field: GroupFieldOption = None,
    ratios: Annotated[str, typer.Option(help="Shares of train, val, test.")] = "0.8,0.1,0.1",
    test_per_class: TestPerClassOption = None,
    near_duplicates: NearDuplicatesOption = None,
    keep_together: KeepTogetherOption = 0.4,
    redact: RedactOption = False,
    min_words: Annotated[int, typer.Option(help="Shorter documents are dropped.")] = 50,
    labels: LabelsOption = None,
    any_language: AnyLanguageOption = False,
    seed: SeedOption = 42,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Documents become a dataset: read, clean, filter, drop duplicates, split, keep."""
    place = open_home(home)
    group = _group_field(group_field, split)
    fields = replace(parsed_fields(text_fields, label_field), multi_label=multi_label, group=group)
    recipe = PreparationRecipe(
        rules=_rules(min_words, labels, any_language=any_language),
        steps=(REDACTION, *DEFAULT_STEPS) if redact else DEFAULT_STEPS,
        per_class=per_class,
        ratios=parsed_ratios(ratios, example="0.8,0.1,0.1"),
        test_per_class=test_per_class,
        seed=seed,
        split=split,
        near_duplicates=near_duplicates,
        keep_together=keep_together,
        several_labels=multi_label,
    )
    start = time.perf_counter()
    documents = DocumentSource(read_documents(source, fields), origin_of(source))
    dataset = prepare(name, documents, recipe, now=utc_now(), progress=Bars())
    before = place.datasets.folder(name) if name in place.datasets.names() else None
    folder = place.datasets.save(dataset)
    result = describe(dataset, folder) | {"seconds": round(time.perf_counter() - start, 3)}
    show(dataset, per_class)
    _tell_of_test_part(dataset, test_per_class)
    say(f"Snapshot: {folder}")
    _tell_what_changed(dataset, recipe, before, folder)
    which = " --kind texts" if name in place.tables.names() else ""
    say(f"Next: classmark train {name}{which} --model {name} --family linear")
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
    if dataset.conflicts:
        say_warning(
            f"{len(dataset.conflicts)} documents repeat another one under another label, as "
            f"{dataset.conflicts[0].dropped_id}: classmark audit {dataset.name}"
        )
    short = [f"{label} ({count})" for label, count in totals.items() if count < (per_class or 0)]
    if short:
        say_warning(f"Fewer than {per_class} documents: {', '.join(short)}.")


def _rules(min_words: int, labels: str | None, *, any_language: bool) -> QualityRules:
    if labels is not None and not parsed_list(labels):
        raise SettingError("--labels names no label.", remedy="Write them as a,b,c.")
    return QualityRules(
        min_words=min_words,
        labels=frozenset(parsed_list(labels or "")),
        are_english=None if any_language else english_detector(),
    )


def _tell_of_test_part(dataset: Dataset, wanted: int | None) -> None:
    counts = dataset.counts()["test"]
    others = [f"{label} ({count})" for label, count in counts.items() if count != wanted]
    if wanted is not None and others:
        say_warning(
            f"Not exactly {wanted} documents test, since copies and groups stay together: "
            f"{', '.join(others)}."
        )


def _tell_what_changed(
    dataset: Dataset, recipe: PreparationRecipe, before: Path | None, folder: Path
) -> None:
    if before is not None and before.resolve() != folder.resolve():
        say_warning(
            f"{dataset.name} was {before.name} until now; that snapshot stays, and so do the "
            "versions that learned from it."
        )
    if unseen := sorted(recipe.rules.labels - set(dataset.labels)):
        say_warning(f"No document that was kept has the label {', '.join(unseen)}.")


def _group_field(named: str | None, split: Split) -> str | None:
    if (named is not None) is (split is Split.GROUP):
        return named
    raise SettingError(
        "--split group and --group-field belong together.",
        remedy="Give both, as: --split group --group-field journal; or neither.",
    )
