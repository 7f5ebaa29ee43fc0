"""The parity gate: an exported model must answer as the one that was trained.

The exported model is loaded in a fresh process, by the code that will serve it, so that nothing of
training can help it. The verdict is pure.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from classmark.errors import ParityError
from classmark.models.problem import decided

# The share of validation rows on which an export must give its parent's label.
EXACT_AGREEMENT = 0.999
QUANTISED_AGREEMENT = 0.97
# How much accuracy quantisation may cost.
QUANTISED_ACCURACY_LOSS = 0.005
# How far a row of probabilities may be from summing to 1.
_SUM_GAP = 1e-3

_REMEDY = "Nothing was registered. Report this with the versions that `classmark doctor` prints."

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What a model answers to the validation rows, and what it gives them by that.

    Attributes:
        probabilities: Shape (rows, classes).
        thresholds: Its own, from which on each label is given; empty where a row has one.
    """

    probabilities: Probabilities
    thresholds: tuple[float, ...] = ()

    @property
    def given(self) -> NDArray[np.bool_] | NDArray[np.int64]:
        """The column of each row's label, shape (rows, 1), or whether it is given each label."""
        return decided(self.probabilities, self.thresholds)

    def right(self, truth: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which rows are given what they have, shape (rows,)."""
        found: NDArray[np.bool_] = (self.given == truth.reshape(len(truth), -1)).all(1)
        return found


@dataclass(frozen=True, slots=True)
class Agreement:
    """How an export compares with its parent on the validation rows.

    Attributes:
        label_share: The share of rows with the parent's label, all probabilities being numbers;
            where a row may have several, of those with the same set of labels. Of single decisions
            nearly all would agree whatever the export did, for most labels are not given.
        largest_gap: The largest difference of any probability; 1 where it is no number.
        accuracy: The export's own accuracy: the share of rows with the right label, or with the
            right set of labels.
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
        larger: Of the models that this one stands in for, how it agrees with each, by name.
    """

    chosen: str
    rows: int
    parent_accuracy: float
    exports: Mapping[str, Agreement]
    larger: Mapping[str, Agreement] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a smaller model may be from the larger one that it stands in for.

    Attributes:
        agreement: The share of validation rows on which it must give the same answer.
        accuracy_lost: How much accuracy it may cost.
    """

    agreement: float = 0.9
    accuracy_lost: float = 0.02


def parity_verdict(
    parent: Probabilities,
    exports: Mapping[str, Probabilities],
    truth: NDArray[np.int64] | NDArray[np.bool_],
    thresholds: tuple[float, ...] = (),
) -> ParityReport:
    """Which export serves.

    Args:
        parent: Probabilities of the model as it was trained, shape (rows, classes).
        exports: The same of each export; "fp32" must be there, "int8" may.
        truth: The index of each row's label, shape (rows,); with thresholds, whether it has each
            label, shape (rows, classes).
        thresholds: The probability from which on each label is given; empty where a row has one.

    Raises:
        ParityError: The fp32 export gives other labels than its parent on more than one row in a
            thousand, or no probabilities; or an export has another shape.
    """
    _check_shapes(parent, exports)
    trained = Decisions(parent, thresholds)
    parent_accuracy = float(trained.right(truth).mean())
    found = {
        name: _agreement(trained, Decisions(export, thresholds), truth)
        for name, export in exports.items()
    }
    exact = found["fp32"]
    if exact.label_share < EXACT_AGREEMENT:
        raise ParityError(
            f"The exported model gives its parent's label on {exact.label_share:.2%} of "
            f"{len(truth)} validation rows; {EXACT_AGREEMENT:.1%} are needed.",
            remedy=_REMEDY,
        )
    sums_to_1 = not thresholds
    if not _are_probabilities(exports["fp32"], sums_to_1=sums_to_1):
        raise ParityError(
            "The exported model gives no probabilities: they are not all between 0 and 1, or do "
            "not sum to 1.",
            remedy=_REMEDY,
        )
    quantised = found.get("int8")
    accepted = (
        quantised is not None
        and _are_probabilities(exports["int8"], sums_to_1=sums_to_1)
        and quantised.label_share >= QUANTISED_AGREEMENT
        and parent_accuracy - quantised.accuracy <= QUANTISED_ACCURACY_LOSS + 1e-12
    )
    return ParityReport("int8" if accepted else "fp32", len(truth), parent_accuracy, found)


def stand_in_verdict(
    report: ParityReport,
    larger: Mapping[str, Decisions],
    exports: Mapping[str, Decisions],
    truth: NDArray[np.int64] | NDArray[np.bool_],
    tolerance: Tolerance,
) -> ParityReport:
    """The report with how a smaller model agrees with the larger ones that it stands in for.

    Where the int8 export is too far from them, the fp32 one serves.

    Args:
        report: Which export would serve.
        larger: The larger models, by name.
        exports: Each export of the smaller one.
        truth: As in `parity_verdict`.
        tolerance: How far it may be from them.

    Raises:
        ParityError: It is further from one of them, int8 or not.
    """
    for chosen in dict.fromkeys((report.chosen, "fp32")):
        found = {
            name: _agreement(parent, exports[chosen], truth) for name, parent in larger.items()
        }
        far = [
            name for name in found if not _stands_in(found[name], larger[name], truth, tolerance)
        ]
        if not far:
            return replace(report, chosen=chosen, larger=found)
    name, agreement = far[0], found[far[0]]
    accuracy = float(larger[name].right(truth).mean())
    raise ParityError(
        f"The smaller model is too unlike {name}. Answered alike: {_shown(agreement.label_share)} "
        f"of {len(truth)} validation rows, {_shown(tolerance.agreement)} are needed. Accuracy: "
        f"{_shown(agreement.accuracy)} instead of {_shown(accuracy)}, "
        f"{_shown(tolerance.accuracy_lost)} may be lost.",
        remedy="Nothing was registered. Make it less small, let it learn for more epochs, or ask"
        " for less by least_agreement and most_accuracy_lost: what was learned is kept for that.",
    )


def _shown(share: float) -> str:
    return f"{100 * share:.1f} %"


def _stands_in(
    agreement: Agreement,
    larger: Decisions,
    truth: NDArray[np.int64] | NDArray[np.bool_],
    tolerance: Tolerance,
) -> bool:
    lost = float(larger.right(truth).mean()) - agreement.accuracy
    agrees = agreement.label_share >= tolerance.agreement
    return agrees and lost <= tolerance.accuracy_lost + 1e-12


def _agreement(
    parent: Decisions, export: Decisions, truth: NDArray[np.int64] | NDArray[np.bool_]
) -> Agreement:
    gaps = np.abs(export.probabilities - parent.probabilities)
    # Without this, a model that gives no numbers at all would agree with a parent that gives none.
    same = (export.given == parent.given).all(1) & np.isfinite(gaps).all(1)
    return Agreement(
        label_share=float(same.mean()),
        largest_gap=float(np.where(np.isfinite(gaps), gaps, 1.0).max()),
        accuracy=float(export.right(truth).mean()),
    )


def _are_probabilities(export: Probabilities, *, sums_to_1: bool) -> bool:
    inside = np.isfinite(export).all() and export.min() >= 0 and export.max() <= 1 + _SUM_GAP
    summed = not sums_to_1 or (np.abs(export.sum(1) - 1) <= _SUM_GAP).all()
    return bool(inside and summed)


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
