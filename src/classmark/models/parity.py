"""The parity gate: an exported model must answer as the one that was trained.

The exported model is loaded in a fresh process, by the code that will serve it, so that nothing of
training can help it. The verdict is pure.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from classmark.errors import ParityError

# The share of validation rows on which an export must give its parent's label.
EXACT_AGREEMENT = 0.999
QUANTISED_AGREEMENT = 0.97
# How much accuracy quantisation may cost.
QUANTISED_ACCURACY_LOSS = 0.005
# How far a row of probabilities may be from summing to 1.
_SUM_GAP = 1e-3

_REMEDY = "Nothing was registered. Report this with the versions that `classmark doctor` prints."

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How an export compares with its parent on the validation rows.

    Attributes:
        label_share: The share of rows with the parent's label, all probabilities being numbers.
        largest_gap: The largest difference of any probability; 1 where it is no number.
        accuracy: The export's own accuracy.
    """

    label_share: float
    largest_gap: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class ParityReport:
    """What the gate found.

    Attributes:
        chosen: The export that serves: "fp32" or "int8".
        rows: How many validation rows were compared.
        parent_accuracy: Of the model as it was trained.
        exports: Every export's agreement, by name.
    """

    chosen: str
    rows: int
    parent_accuracy: float
    exports: Mapping[str, Agreement]


def parity_verdict(
    parent: Probabilities, exports: Mapping[str, Probabilities], truth: NDArray[np.int64]
) -> ParityReport:
    """Which export serves.

    Args:
        parent: Probabilities of the model as it was trained, shape (rows, classes).
        exports: The same of each export; "fp32" must be there, "int8" may.
        truth: The index of each row's label, shape (rows,).

    Raises:
        ParityError: The fp32 export gives other labels than its parent on more than one row in a
            thousand, or no probabilities; or an export has another shape.
    """
    _check_shapes(parent, exports)
    expected = parent.argmax(1)
    parent_accuracy = float((expected == truth).mean())
    found = {name: _agreement(parent, export, truth) for name, export in exports.items()}
    exact = found["fp32"]
    if exact.label_share < EXACT_AGREEMENT:
        raise ParityError(
            f"The exported model gives its parent's label on {exact.label_share:.2%} of "
            f"{len(truth)} validation rows; {EXACT_AGREEMENT:.1%} are needed.",
            remedy=_REMEDY,
        )
    if not _are_probabilities(exports["fp32"]):
        raise ParityError(
            "The exported model gives no probabilities: they are not all between 0 and 1, or do "
            "not sum to 1.",
            remedy=_REMEDY,
        )
    quantised = found.get("int8")
    accepted = (
        quantised is not None
        and _are_probabilities(exports["int8"])
        and quantised.label_share >= QUANTISED_AGREEMENT
        and parent_accuracy - quantised.accuracy <= QUANTISED_ACCURACY_LOSS + 1e-12
    )
    return ParityReport("int8" if accepted else "fp32", len(truth), parent_accuracy, found)


def _agreement(parent: Probabilities, export: Probabilities, truth: NDArray[np.int64]) -> Agreement:
    labels = export.argmax(1)
    gaps = np.abs(export - parent)
    # Without this, a model that gives no numbers at all would agree with a parent that gives none.
    same = (labels == parent.argmax(1)) & np.isfinite(gaps).all(1)
    return Agreement(
        label_share=float(same.mean()),
        largest_gap=float(np.where(np.isfinite(gaps), gaps, 1.0).max()),
        accuracy=float((labels == truth).mean()),
    )


def _are_probabilities(export: Probabilities) -> bool:
    inside = np.isfinite(export).all() and export.min() >= 0 and export.max() <= 1 + _SUM_GAP
    return bool(inside) and bool((np.abs(export.sum(1) - 1) <= _SUM_GAP).all())


def _check_shapes(parent: Probabilities, exports: Mapping[str, Probabilities]) -> None:
    for name, export in exports.items():
        if export.shape != parent.shape:
            raise ParityError(
                f"The {name} export answers {export.shape[0]} rows with {export.shape[1]} classes; "
                f"its parent answers {parent.shape[0]} with {parent.shape[1]}.",
                remedy=_REMEDY,
            )


def probabilities_in_fresh_process(
    artifact: Path, texts: Sequence[str], labels: Sequence[str]
) -> Probabilities:
    """What an artifact answers when a new process loads it, shape (texts, classes).

    Raises:
        ParityError: It can't be loaded, does not answer, or names its classes otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="classmark-parity-") as folder:
        question, answer = Path(folder, "texts.json"), Path(folder, "answers.npz")
        question.write_bytes(orjson.dumps(list(texts)))
        command = [
            sys.executable,
            "-P",  # no module of the folder that we happen to stand in
            "-m",
            "classmark.models",
            str(artifact),
            str(question),
            str(answer),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            told = done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
            raise ParityError(f"The exported model can't be loaded: {told}.", remedy=_REMEDY)
        with np.load(answer, allow_pickle=False) as answers:
            found: Probabilities = answers["probabilities"]
            named = answers["labels"].tolist()
    if named != list(labels):
        raise ParityError(
            f"The exported model names its classes {', '.join(named)}; it was trained on "
            f"{', '.join(labels)}, in this order.",
            remedy=_REMEDY,
        )
    return found
