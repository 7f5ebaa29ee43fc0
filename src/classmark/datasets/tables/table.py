"""What we learn from where rows have columns: a table in three parts, immutable, fingerprinted."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classmark.datasets.tables.columns import LEFT_OUT, Column
from classmark.datasets.tables.frames import typed
from classmark.datasets.tables.outliers import OutlierReport
from classmark.datasets.tables.recipe import Task
from classmark.datasets.tables.rows import row_digests

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

    from classmark.datasets.tables.features import FeaturePipeline


@dataclass(frozen=True, slots=True)
class TableFindings:
    """What was seen on the way from a source to a table.

    Attributes:
        read: How many rows the source had.
        dropped: How many rows were left out, by reason.
        alike: How many rows are equal to an earlier one in all that features are made of; they are
            in the same part.
        conflicts: How many rows have the features of another one and another target.
        conflict_ids: The first of these.
        outliers: Of the train part.
    """

    read: int
    dropped: Mapping[str, int]
    alike: int
    conflicts: int
    conflict_ids: Sequence[str]
    outliers: OutlierReport


@dataclass(frozen=True, slots=True, eq=False)
class TableDataset:
    """A snapshot: which rows, in which part, made how.

    Attributes:
        name: Under which it is found.
        parts: The rows of "train", "val" and "test", typed, their ids as index.
        columns: All but the targets.
        targets: What is to be predicted.
        task: Classification or regression.
        created_at: When it was made, ISO 8601 in UTC.
        source: Where the rows came from: path and SHA-256, or a name.
        recipe: The settings it was made with.
        findings: What was seen on the way.
    """

    name: str
    parts: Mapping[str, "pd.DataFrame"]
    columns: tuple[Column, ...]
    targets: tuple[Column, ...]
    task: Task
    created_at: str
    source: Mapping[str, str]
    recipe: Mapping[str, Any]
    findings: TableFindings

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that features are made of."""
        return tuple(column for column in self.columns if column.kind not in LEFT_OUT)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over columns and every row's id, cells and part; rows in any order."""
        columns = [(column.name, column.kind) for column in (*self.columns, *self.targets)]
        whole = hashlib.sha256(json.dumps(columns).encode())
        for part, rows in self.parts.items():
            digests = row_digests(rows)
            ids = [str(one) for one in rows.index]
            for place in np.argsort(ids, kind="stable").tolist():
                whole.update(f"{part} {ids[place]} ".encode() + digests[place])
        return whole.hexdigest()

    @property
    def snapshot_id(self) -> str:
        """12 digits for rows and recipe together: the same rows made otherwise are another one."""
        recipe = json.dumps(self.recipe, sort_keys=True, default=str)
        return hashlib.sha256(f"{self.fingerprint} {recipe}".encode()).hexdigest()[:12]

    @property
    def read(self) -> int:
        """How many rows the source had."""
        return self.findings.read

    @property
    def dropped(self) -> Mapping[str, int]:
        """How many rows were left out, by reason."""
        return self.findings.dropped

    def holds(self, rows: "pd.DataFrame", parts: Iterable[str]) -> list[bool]:
        """Of each of these rows whether some parts hold one with the same features.

        Equal are all cells that features are made of, whatever the identifiers and targets say, as
        when rows are split.

        Raises:
            RecordError: A column is missing, or a cell is not what its column holds.
        """
        names = [column.name for column in self.used]
        known = {row for part in parts for row in row_digests(self.parts[part][names]).tolist()}
        return [row in known for row in row_digests(typed(rows, self.used)).tolist()]

    def sizes(self) -> dict[str, int]:
        """How many rows each part has."""
        return {part: len(rows) for part, rows in self.parts.items()}

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """How many rows each part has of each class of each target; nothing of numbers."""
        if self.task is Task.REGRESSION:
            return {part: {} for part in self.parts}
        return {
            part: {
                target.name: dict(sorted(Counter(rows[target.name].tolist()).items()))
                for target in self.targets
            }
            for part, rows in self.parts.items()
        }

    def described(self) -> dict[str, Any]:
        """Everything but the rows, as `table.json` has it."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "task": self.task.value,
            "sizes": self.sizes(),
            "counts": self.counts(),
            "created_at": self.created_at,
            "source": dict(self.source),
            "parents": [self.source.get("sha256", self.source.get("name", ""))],
            "recipe": dict(self.recipe),
            "columns": [column.described() for column in self.columns],
            "targets": [column.described() for column in self.targets],
            "findings": asdict(self.findings),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What a family learns from, or is measured on.

    Attributes:
        values: Shape (rows, features), dense or sparse (CSR).
        targets: Shape (rows,), or (rows, targets) of several: classes as text, or numbers.
        names: Of the features.
        ids: Of the rows.
    """

    values: "NDArray[np.float64] | csr_matrix"
    targets: NDArray[Any]
    names: Sequence[str]
    ids: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedTable:
    """A table and the pipeline that was fitted on its train part.

    Attributes:
        table: The rows.
        pipeline: What makes features of them.
    """

    table: TableDataset
    pipeline: "FeaturePipeline"

    def features(self, part: str) -> Features:
        """The features and targets of a part: what every family of models takes."""
        rows = self.table.parts[part]
        names = [target.name for target in self.table.targets]
        kind = np.float64 if self.table.task is Task.REGRESSION else object
        targets = rows[names].to_numpy(kind)
        return Features(
            values=self.pipeline.features(rows),
            targets=targets[:, 0] if len(names) == 1 else targets,
            names=self.pipeline.names,
            ids=rows.index.tolist(),
        )
