"""Does the promise of answers hold where many labels have a single row in val?

Usage: python benchmarks/rare_labels.py [--draws 400]

Simulated: a val part of rare labels with one row each, answered right in 60 % of draws, and of five
usual labels, right in 98 %; confidences tell nothing of it. Val is dealt in halves as training
deals it, the threshold is chosen, and the share of right answers above it is compared with the
promised 90 %, which follows from the shares of the labels. Two other ways to deal are beside it:
each label's odd row always to the half that selects, and halves drawn whatever the labels.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from classmark.documents import Document
from classmark.evaluation import abstain_rule, candidate_thresholds
from classmark.training import dealt_halves

SIZES = ((40, 60), (40, 100), (60, 150), (100, 300))
RIGHT_OF_RARE, RIGHT_OF_USUAL = 0.6, 0.98
PROMISE, RISK = 0.9, 0.05

# The labels of val -> whether each row calibrates.
Deal = Callable[[Sequence[str]], NDArray[np.bool_]]


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=400)
    draws = parser.parse_args().draws
    ways = {"as training deals": as_trained, "odd rows select": odd_select, "by chance": by_chance}
    print("| rows of rare / of usual labels | " + " | ".join(ways) + " |\n|---|---|---|---|")
    for rare, usual in SIZES:
        shares = (broken(rare, usual, deal, draws) for deal in ways.values())
        told = " | ".join(f"{100 * share:.1f} %" for share in shares)
        print(f"| {rare} / {usual} | {told} |", flush=True)


def broken(rare: int, usual: int, deal: Deal, draws: int) -> float:
    """The share of draws in which fewer are right than was promised."""
    rng = np.random.default_rng(0)
    labels = [f"rare-{row}" for row in range(rare)] + [f"usual-{row % 5}" for row in range(usual)]
    often = np.where(np.arange(rare + usual) < rare, RIGHT_OF_RARE, RIGHT_OF_USUAL)
    kept = often.mean() >= PROMISE
    found = 0
    for _ in range(draws):
        order = rng.permutation(len(labels))
        calibrates = deal([labels[row] for row in order])
        right = rng.random(len(labels)) < often[order]
        confidences = rng.normal(0.85, 0.07, len(labels)).clip(0, 1)
        rule = abstain_rule(
            candidate_thresholds(confidences[~calibrates], right[~calibrates]),
            confidences[calibrates],
            right[calibrates],
            accuracy=PROMISE,
            risk=RISK,
        )
        # Confidences tell nothing, so that whatever is answered is right as often as all is.
        found += rule.abstain_below is not None and not kept
    return found / draws


def as_trained(labels: Sequence[str]) -> NDArray[np.bool_]:
    """The halves of `classmark train`."""
    rows = [Document(id=str(row), text="x", label=label) for row, label in enumerate(labels)]
    later = {document.id for document in dealt_halves(rows).calibration}
    return np.array([document.id in later for document in rows])


def odd_select(labels: Sequence[str]) -> NDArray[np.bool_]:
    """Each label's rows in turn, the first to selection."""
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        found.append(seen.get(label, 0) % 2 == 1)
        seen[label] = seen.get(label, 0) + 1
    return np.array(found)


CHANCE = np.random.default_rng(1)


def by_chance(labels: Sequence[str]) -> NDArray[np.bool_]:
    """Half of the rows, whatever their labels."""
    return CHANCE.permutation(len(labels)) < len(labels) // 2


if __name__ == "__main__":
    main()
