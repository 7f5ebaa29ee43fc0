"""`classmark prepare-table`."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from classmark.assembly import open_home, utc_now
from classmark.cli.options import HomeOption, JsonOption, SeedOption, parsed_list, parsed_ratios
from classmark.cli.terminal import keep_result, say, say_table, say_warning
from classmark.datasets import (
    MISSING_WORDS,
    Conventions,
    DateOrder,
    Decimal,
    Importance,
    Kind,
    Outliers,
    PreparedTable,
    Selection,
    TableDataset,
    TableRecipe,
    TableSource,
    Task,
    origin_of,
    prepare_table,
    read_table,
)
from classmark.errors import SettingError

# A table that loses more of its rows as copies may be one whose rows repeat by nature.
_MANY_COPIES = 0.1


TypesOption = Annotated[
    str, typer.Option(help="What columns hold, as a=numeric,b=text.", show_default="inferred")
]
DecimalOption = Annotated[
    Decimal | None,
    typer.Option(help="How numbers are written that can be read both ways.", show_default=False),
]
DateOrderOption = Annotated[
    DateOrder | None,
    typer.Option(help="What comes first in dates like 03/04/2024.", show_default=False),
]
KeepDuplicatesOption = Annotated[
    bool, typer.Option("--keep-duplicates", help="Keep equal rows, all in the same part.")
]
CorrelationOption = Annotated[
    float | None,
    typer.Option(help="Of features that correlate more, keep one.", show_default="off"),
]
SelectOption = Annotated[
    float | None,
    typer.Option(help="Keep so many important features, or a share.", show_default="all"),
]
PcaOption = Annotated[
    float | None,
    typer.Option(help="Principal components that hold this share of it all.", show_default="off"),
]


def run(
    source: Annotated[Path, typer.Argument(help="A CSV or TSV file, plain or .gz, or Parquet.")],
    name: Annotated[str, typer.Option(help="The table's name.")],
    target: Annotated[str, typer.Option(help="The column to predict, or several as a,b.")],
    task: Annotated[Task, typer.Option(help="What is to be predicted.")] = Task.AUTO,
    ratios: Annotated[str, typer.Option(help="Shares of train, val, test.")] = "0.7,0.15,0.15",
    types: TypesOption = "",
    decimal: DecimalOption = None,
    date_order: DateOrderOption = None,
    missing: Annotated[str, typer.Option(help="Words that mean missing.")] = ",".join(
        MISSING_WORDS
    ),
    keep_duplicates: KeepDuplicatesOption = False,
    outliers: Annotated[Outliers, typer.Option(help="What becomes of outliers.")] = Outliers.KEEP,
    correlation: CorrelationOption = None,
    select: SelectOption = None,
    select_by: Annotated[
        Importance, typer.Option(help="By what a feature is important.")
    ] = Importance.TREES,
    pca: PcaOption = None,
    seed: SeedOption = 42,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """A table becomes a dataset: read, type, drop copies, split, fit features, keep."""
    recipe = TableRecipe(
        targets=tuple(parsed_list(target)),
        task=task,
        ratios=parsed_ratios(ratios, example="0.7,0.15,0.15"),
        conventions=Conventions(decimal, date_order, _kinds(types)),
        missing=tuple(parsed_list(missing)),
        outliers=outliers,
        selection=Selection(correlation, select, select_by, pca),
        keep_duplicates=keep_duplicates,
        seed=seed,
    )
    place = open_home(home)
    start = time.perf_counter()
    rows = TableSource(read_table(source, recipe.missing), origin_of(source))
    prepared = prepare_table(name, rows, recipe, now=utc_now())
    folder = place.tables.save(prepared)
    result = describe(prepared, folder) | {"seconds": round(time.perf_counter() - start, 3)}
    show(prepared)
    say(f"Snapshot: {folder}")
    which = " --kind table" if name in place.datasets.names() else ""
    say(f"Next: classmark train {name}{which} --model {name} --family boosted")
    keep_result(json, result)


def describe(prepared: PreparedTable, folder: Path) -> dict[str, Any]:
    """A table as the JSON result has it."""
    described = prepared.table.described()
    wanted = ("name", "fingerprint", "task", "sizes", "counts", "columns", "targets", "findings")
    return {
        **{field: described[field] for field in wanted},
        "folder": str(folder),
        "features": list(prepared.pipeline.names),
    }


def show(prepared: PreparedTable) -> None:
    """A table's columns, what was dropped, and what to look at."""
    table = prepared.table
    say_table(
        ("column", "type", "missing", "distinct", "note"),
        [
            *((c.name, c.kind, c.missing, c.distinct, c.note) for c in table.columns),
            *(
                (c.name, f"target ({table.task})", c.missing, c.distinct, c.note)
                for c in table.targets
            ),
        ],
        title=f"Table {table.name}",
    )
    sizes = ", ".join(f"{count:,} in {part}" for part, count in table.sizes().items())
    say(f"Rows: {sizes}. Features: {len(prepared.pipeline.names):,}.")
    findings = table.findings
    if findings.dropped:
        listed = ", ".join(f"{count:,} {reason}" for reason, count in findings.dropped.items())
        say(f"Of {findings.read:,} rows these were left out: {listed}")
    _show_outliers(table)
    _warn(table)


def _show_outliers(table: TableDataset) -> None:
    found = table.findings.outliers
    outside = {name: fence.outside for name, fence in found.fences.items() if fence.outside}
    if outside or found.isolated:
        listed = ", ".join(f"{name} {count:,}" for name, count in outside.items()) or "none"
        say(
            f"Outliers in train: by column {listed}; {found.isolated:,} rows by isolation forest, "
            f"{found.both:,} by both."
        )


def _warn(table: TableDataset) -> None:
    findings = table.findings
    if findings.conflicts:
        say_warning(
            f"{findings.conflicts:,} rows have the features of another row and another target."
        )
    copies = findings.dropped.get("duplicate", 0)
    if copies > findings.read * _MANY_COPIES:
        say_warning(
            f"{copies:,} of {findings.read:,} rows were copies; where rows repeat by nature, keep "
            "them with --keep-duplicates."
        )


def _kinds(types: str) -> tuple[tuple[str, Kind], ...]:
    pairs = [item.rpartition("=")[::2] for item in parsed_list(types)]
    known = [kind.value for kind in Kind if kind is not Kind.EMPTY]
    wrong = [f"{name}={kind}" for name, kind in pairs if not name or kind not in known]
    if wrong:
        raise SettingError(
            f"--types {', '.join(wrong)} says of no column what it holds.",
            remedy=f"Write COLUMN=TYPE with one of {', '.join(known)}.",
        )
    return tuple((name.strip(), Kind(kind)) for name, kind in pairs)
