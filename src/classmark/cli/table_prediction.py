"""`classmark predict` where a version predicts tables."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from classmark.assembly import Home, utc_now
from classmark.cli.table_versions import (
    load_table_version,
    read_rows,
    warn_of_unknown_columns,
)
from classmark.cli.terminal import Bars, say, say_table
from classmark.durable import replacing
from classmark.errors import RecordError, SettingError
from classmark.models import TablePredictions
from classmark.registry import ModelReference
from classmark.spreadsheet import safe_cell

if TYPE_CHECKING:
    import pandas as pd

_FORMATS = (".csv", ".parquet")


def predict_rows(
    place: Home, reference: ModelReference, file: Path, out: Path | None
) -> dict[str, Any]:
    """Predict every row of a file and write them beside its columns; the JSON result of it.

    Raises:
        SettingError: Results can't be written under that name.
        RecordError: A column is missing, holds what it should not, or has the name of a result.
    """
    if out is not None and out.suffix not in _FORMATS:
        raise SettingError(
            f"Predicted rows can't be written as {out.name!r}.",
            remedy=f"Name a file that ends with {' or '.join(_FORMATS)}.",
        )
    loaded = load_table_version(place, reference)
    rows = read_rows(loaded.version, file)
    warn_of_unknown_columns(loaded, rows)
    predictions = loaded.predictor.predict(rows, Bars())
    stamp = utc_now().strftime("%Y%m%dT%H%M%SZ")
    target = out or place.results / f"{loaded.version.name}_{stamp}.csv"
    columns = predictions.columns()
    _check_names(rows, columns)
    _write(target, rows.assign(**columns))
    for name, headings, listed in _tables(predictions):
        say_table(headings, listed, title=name)
    say(f"Results: {target}")
    return {
        "out": str(target),
        "rows": len(rows),
        "columns": list(columns),
        "model": loaded.version.model,
        "model_version": str(loaded.version.version),
    }


def _check_names(rows: "pd.DataFrame", columns: Mapping[str, Any]) -> None:
    taken = [name for name in columns if name in rows.columns]
    if taken:
        raise RecordError(
            f"The file has columns with the names of results: {', '.join(taken)}.",
            remedy="Rename or remove them: what was predicted before is not an input.",
        )


def _write(path: Path, rows: "pd.DataFrame") -> None:
    with replacing(path) as file:
        if path.suffix == ".parquet":
            rows.to_parquet(file, index=False)
            return
        writer = csv.writer(_Lines(file))
        writer.writerow(map(safe_cell, rows.columns))
        # As objects, so that whole numbers stay whole beside others.
        cells = rows.astype(object).where(rows.notna(), None)
        for row in cells.itertuples(index=False, name=None):
            writer.writerow(map(safe_cell, row))


class _Lines:
    """What csv writes, as UTF-8 into a binary file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.encode())


def _tables(
    predictions: TablePredictions,
) -> Iterator[tuple[str, tuple[str, ...], Iterable[tuple[object, ...]]]]:
    """What was predicted of each target: how often each class, or how the numbers lie."""
    for target in predictions:
        values = target.values
        if target.probabilities is None:
            figures = ("lowest", "mean", "highest")
            numbers = (values.min(), values.mean(), values.max())
            yield target.name, figures, [tuple(f"{number:.6g}" for number in numbers)]
            continue
        confidence = target.probabilities.max(1)
        yield (
            target.name,
            ("class", "rows", "mean confidence"),
            [
                (
                    label,
                    f"{int((values == label).sum()):,}",
                    f"{confidence[values == label].mean():.3f}",
                )
                for label in target.classes
                if (values == label).any()
            ],
        )
