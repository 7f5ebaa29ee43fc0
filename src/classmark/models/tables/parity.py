"""The parity gate for tables: a loaded artifact must answer as the model that was trained.

The artifact is loaded in a fresh process, by the code that will predict with it. The verdict is
pure.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classmark.errors import ParityError
from classmark.models.tables.targets import Outputs

if TYPE_CHECKING:
    import pandas as pd

# How far an output may be from the trained model's: 32 bits against 64, beside 1 + its size.
_LARGEST_GAP = 1e-4
_REMEDY = "Nothing was registered. Report this with the versions that `classmark doctor` prints."


@dataclass(frozen=True, slots=True)
class TableParity:
    """How a loaded artifact compares with the model that was trained, on the validation rows.

    Attributes:
        rows: How many.
        largest_gap: Of any probability, or of any number in deviations of its target.
    """

    rows: int
    largest_gap: float


def table_parity(parent: Sequence[Outputs], answers: Sequence[Outputs]) -> TableParity:
    """The verdict over all targets.

    Args:
        parent: For each target the outputs of the model as it was trained, shape (rows, width).
        answers: The same of the loaded artifact.

    Raises:
        ParityError: They have other shapes, differ, or are no numbers.
    """
    if [outputs.shape for outputs in parent] != [outputs.shape for outputs in answers]:
        raise ParityError("The loaded model answers in another shape.", remedy=_REMEDY)
    if not all(np.isfinite(outputs).all() for outputs in (*parent, *answers)):
        raise ParityError("The model gives outputs that are no numbers.", remedy=_REMEDY)
    gaps = [np.abs(ours - theirs) for ours, theirs in zip(answers, parent, strict=True)]
    largest = float(max(gap.max() for gap in gaps))
    pairs = zip(gaps, parent, strict=True)
    if not all((gap <= _LARGEST_GAP * (1 + np.abs(theirs))).all() for gap, theirs in pairs):
        raise ParityError(
            f"The loaded model does not answer as the trained one does on {len(parent[0])} "
            f"validation rows: they are up to {largest:.3g} apart.",
            remedy=_REMEDY,
        )
    return TableParity(len(parent[0]), largest)


def outputs_in_fresh_process(artifact: Path, rows: "pd.DataFrame") -> tuple[Outputs, ...]:
    """What an artifact answers when a new process loads it, for each target.

    Raises:
        ParityError: It can't be loaded or does not answer.
    """
    import pyarrow as pa  # noqa: PLC0415 (extra)
    from pyarrow import parquet  # noqa: PLC0415 (extra)

    with tempfile.TemporaryDirectory(prefix="classmark-parity-") as folder:
        question, answer = Path(folder, "rows.parquet"), Path(folder, "answers.npz")
        parquet.write_table(pa.Table.from_pandas(rows, preserve_index=False), question)
        command = [
            sys.executable,
            "-P",  # no module of the folder that we happen to stand in
            "-m",
            "classmark.models.tables",
            str(artifact),
            str(question),
            str(answer),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            told = done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
            raise ParityError(f"The trained model can't be loaded: {told}.", remedy=_REMEDY)
        with np.load(answer, allow_pickle=False) as answers:
            return tuple(answers[f"target_{place}"] for place in range(len(answers)))
