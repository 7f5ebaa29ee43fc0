"""The fresh process of the parity gate: `python -m classmark.models.tables ARTIFACT ROWS ANSWERS`.

ROWS is a Parquet file; ANSWERS becomes an .npz file with `target_0`, `target_1` and so on, each of
shape (rows, outputs of the target).
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from classmark.datasets import read_table
from classmark.models.tables.catalogue import load_table_predictor


def main(artifact: Path, rows: Path, answers: Path) -> None:
    """Load the artifact as whoever predicts with it would, and answer every row."""
    outputs = load_table_predictor(artifact).outputs(read_table(rows, missing=()))
    named: dict[str, Any] = {f"target_{place}": found for place, found in enumerate(outputs)}
    np.savez(answers, **named)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
