"""How often is the promise about the answers that are not abstained broken?

Usage: python benchmarks/conformal_promise.py FILE [--text-fields title,abstract]
    [--label-field FIELD] [--documents 20000] [--learned 4000] [--splits 200] [--accuracy 0.9]
    [--risk 0.05] [--seed 42]

Prepares so many documents, the same number of each label, trains `linear` once on some of them and
scores all others. Then deals those at random, over and over: as many rows to calibrate on, as many
to choose the threshold on, the rest to test the promise on. Prints, for each calibration and number
of rows, in how many splits fewer of the answered test rows were right than promised, beside the
risk, and what share of them was answered. The last column deals otherwise, against the rules: it
calibrates on the very rows that choose the threshold.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from classmark.datasets import DocumentSource, PreparationRecipe, prepare
from classmark.documents import Document, Fields, QualityRules, read_documents
from classmark.evaluation import (
    abstain_rule,
    candidate_thresholds,
    fitted_isotonic,
    fitted_temperature,
)
from classmark.models import (
    Calibration,
    LabelledTexts,
    TrainingData,
    family_class,
    load_classifier,
)
from classmark.progress import Silent

SIZES = (100, 250, 500, 1000, 2000)
Rows = NDArray[np.int64]
Scores = tuple[NDArray[np.float64], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Pool:
    """Scored rows that nothing was learned from: probabilities, and the column of each label."""

    probabilities: NDArray[np.float64]
    truth: Rows


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one split: right ones among what was answered (None: nothing promised), and how much."""

    accuracy: float | None
    coverage: float


def unfitted(_: NDArray[np.float64], __: Rows) -> Calibration:
    """Probabilities as the family computes them."""
    return Calibration()


Fit = Callable[[NDArray[np.float64], Rows], Calibration]
FITS: dict[str, Fit] = {
    "none": unfitted,
    "temperature": fitted_temperature,
    "isotonic": fitted_isotonic,
}


def dealt(arguments: argparse.Namespace) -> list[Document]:
    """Documents in an order drawn at random, the same number of each label."""
    names = tuple(arguments.text_fields.split(",")) if arguments.text_fields else None
    fields = Fields(names, arguments.label_field)
    labels = {document.label for document in read_documents(arguments.file, fields)}
    recipe = PreparationRecipe(
        rules=QualityRules(min_words=10), per_class=arguments.documents // len(labels)
    )
    source = DocumentSource(read_documents(arguments.file, fields), {"name": arguments.file.name})
    dataset = prepare("benchmark", source, recipe, now=datetime.now(UTC))
    documents = [document for part in dataset.parts.values() for document in part]
    order = np.random.default_rng(arguments.seed).permutation(len(documents))
    return [documents[row] for row in order]


def scored(documents: Sequence[Document], learned: int, seed: int) -> Pool:
    """What `linear` says of the documents behind the first so many, from which it learned."""
    texts, labels = [d.text for d in documents], [d.label or "" for d in documents]
    split = learned * 9 // 10
    data = TrainingData(
        LabelledTexts(texts[:split], labels[:split]),
        LabelledTexts(texts[split:learned], labels[split:learned]),
        seed,
    )
    with TemporaryDirectory() as folder:
        family_class("linear").with_parameters({}).train(data, Path(folder), Silent())
        classifier = load_classifier(Path(folder))
    rows = [timed.answer.probabilities for timed in classifier.classify_all(texts[learned:])]
    truth = np.searchsorted(classifier.labels, labels[learned:])
    return Pool(np.array(rows), truth)


def calibrated(calibration: Calibration, pool: Pool) -> Scores:
    """Confidence of each row's answer, and whether it is right."""
    applied = np.array([calibration.applied(row) for row in pool.probabilities])
    return applied.max(1), applied.argmax(1) == pool.truth


def outcome(scores: Scores, groups: tuple[Rows, Rows, Rows], promise: list[float]) -> Outcome:
    """What a promise that rests on some rows is worth on others."""
    confidences, right = scores
    fitting, choosing, testing = groups
    rule = abstain_rule(
        candidate_thresholds(confidences[fitting], right[fitting]),
        confidences[choosing],
        right[choosing],
        accuracy=promise[0],
        risk=promise[1],
    )
    if rule.abstain_below is None:
        return Outcome(None, 0.0)
    answered = confidences[testing] >= rule.abstain_below
    return Outcome(float(right[testing][answered].mean()), float(answered.mean()))


def outcomes(
    pool: Pool, fit: Fit, size: int, arguments: argparse.Namespace
) -> tuple[list[Outcome], list[Outcome]]:
    """Over all splits: as it is done, and with one set of rows for both."""
    rng = np.random.default_rng(arguments.seed)
    promise = [arguments.accuracy, arguments.risk]
    honest, greedy = [], []
    for _ in range(arguments.splits):
        order = rng.permutation(len(pool.truth))
        fitting, choosing, testing = order[:size], order[size : 2 * size], order[2 * size :]
        calibration = fit(pool.probabilities[fitting], pool.truth[fitting])
        scores = calibrated(calibration, pool)
        honest.append(outcome(scores, (fitting, choosing, testing), promise))
        greedy.append(outcome(scores, (fitting, fitting, testing), promise))
    return honest, greedy


def told(found: list[Outcome], accuracy: float) -> tuple[str, str, str]:
    """Share of broken promises with its standard error, mean coverage, splits with a promise."""
    broken = np.array([one.accuracy is not None and one.accuracy < accuracy for one in found])
    share = broken.mean()
    error = np.sqrt(share * (1 - share) / len(found))
    coverage = np.mean([one.coverage for one in found])
    promised = np.mean([one.accuracy is not None for one in found])
    return f"{share:.3f} ± {error:.3f}", f"{coverage:.3f}", f"{promised:.2f}"


def main() -> None:
    """Train, score, deal, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--text-fields")
    parser.add_argument("--label-field")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--learned", type=int, default=4_000)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--accuracy", type=float, default=0.9)
    parser.add_argument("--risk", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()
    documents = dealt(arguments)
    start = time.perf_counter()
    pool = scored(documents, arguments.learned, arguments.seed)
    right = pool.probabilities.argmax(1) == pool.truth
    print(
        f"{arguments.learned} documents learned, {len(right)} scored, {right.mean():.3f} of them "
        f"right; {time.perf_counter() - start:.0f} s. Promise: {arguments.accuracy}, risk "
        f"{arguments.risk}, {arguments.splits} splits"
    )
    print("calibration   rows  broken          answered  promised  broken if fitted there too")
    for name, fit in FITS.items():
        for size in SIZES:
            honest, greedy = outcomes(pool, fit, size, arguments)
            broken, coverage, promised = told(honest, arguments.accuracy)
            spoilt = told(greedy, arguments.accuracy)[0]
            print(
                f"{name:<12} {size:>5}  {broken:<14}  {coverage:<8}  {promised:<8}  {spoilt}",
                flush=True,
            )


if __name__ == "__main__":
    main()
