"""What the figures of classes follow from, counted once and drawn anew many times."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.intervals import RESAMPLES, SEED


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Three counts of each class; the figures have the same leading shape.

    Attributes:
        right: Rows of the class that were given it, shape (..., classes).
        support: Rows of the class.
        given: Rows that were given it.
    """

    right: NDArray[np.int64]
    support: NDArray[np.int64]
    given: NDArray[np.int64]

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """The share of right answers, shape (...)."""
        found: NDArray[np.float64] = self.right.sum(-1) / np.maximum(self.support.sum(-1), 1)
        return found

    @property
    def macro_precision(self) -> NDArray[np.float64]:
        """The mean precision of the classes that occur, shape (...)."""
        return self._macro(_share(self.right, self.given))

    @property
    def macro_recall(self) -> NDArray[np.float64]:
        """The mean recall of the classes that occur, shape (...)."""
        return self._macro(_share(self.right, self.support))

    @property
    def macro_f1(self) -> NDArray[np.float64]:
        """The mean F1 of the classes that occur, shape (...)."""
        return self._macro(self._f1)

    @property
    def weighted_f1(self) -> NDArray[np.float64]:
        """The mean F1 of all classes by their rows, shape (...)."""
        return self._weighted(self._f1)

    @property
    def weighted_precision(self) -> NDArray[np.float64]:
        """The mean precision of all classes by their rows, shape (...)."""
        return self._weighted(_share(self.right, self.given))

    @property
    def weighted_recall(self) -> NDArray[np.float64]:
        """The mean recall of all classes by their rows, shape (...)."""
        return self._weighted(_share(self.right, self.support))

    @property
    def micro_precision(self) -> NDArray[np.float64]:
        """Of all that was given, the share that is right, shape (...)."""
        return _share(self.right.sum(-1), self.given.sum(-1))

    @property
    def micro_recall(self) -> NDArray[np.float64]:
        """Of all that is true, the share that was given, shape (...)."""
        return _share(self.right.sum(-1), self.support.sum(-1))

    @property
    def micro_f1(self) -> NDArray[np.float64]:
        """The harmonic mean of the two, shape (...)."""
        return _share(2 * self.right.sum(-1), (self.support + self.given).sum(-1))

    @property
    def _f1(self) -> NDArray[np.float64]:
        return _share(2 * self.right, self.support + self.given)

    def _weighted(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean over classes by their rows; 0 where there is none of any."""
        of_all = np.maximum(self.support.sum(-1), 1)
        found: NDArray[np.float64] = (figures * self.support).sum(-1) / of_all
        return found

    def _macro(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean over the classes that occur, as truth or as answer."""
        occurring = ((self.support + self.given) > 0).sum(-1)
        found: NDArray[np.float64] = figures.sum(-1) / np.maximum(occurring, 1)
        return found


def confusion_of(
    expected: NDArray[np.int64], given: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """The confusion matrix, true classes down, given classes across, shape (classes, classes)."""
    cells = np.bincount(expected * classes + given, minlength=classes**2)
    return cells.reshape(classes, classes).astype(np.int64)


def counts_of(confusion: NDArray[np.int64]) -> ClassCounts:
    """The counts of a confusion matrix, true classes down, each of shape (classes,)."""
    return ClassCounts(np.diag(confusion), confusion.sum(1), confusion.sum(0))


def redrawn(confusion: NDArray[np.int64], seed: int = SEED) -> ClassCounts:
    """The counts of rows drawn anew with replacement, each of shape (draws, classes).

    To draw rows anew is to draw the matrix's cells from a multinomial distribution, so that no row
    need be touched.

    Args:
        confusion: Counts, shape (classes, classes), true classes down; one at least is not 0.
        seed: The same seed gives the same draws.
    """
    # Cells without rows stay so in every draw; with many classes nearly all are of these.
    true, given = np.nonzero(confusion)
    found = confusion[true, given]
    draws = np.random.default_rng(seed).multinomial(found.sum(), found / found.sum(), RESAMPLES)
    classes = len(confusion)
    diagonal = true == given
    return ClassCounts(
        _summed(draws[:, diagonal], true[diagonal], classes),
        _summed(draws, true, classes),
        _summed(draws, given, classes),
    )


def _summed(draws: NDArray[np.int64], of: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """The cells of each class summed, shape (draws, classes)."""
    summed = np.zeros((classes, len(draws)), dtype=np.int64)
    np.add.at(summed, of, draws.T)
    return summed.T


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = part / np.maximum(whole, 1)
    return found
