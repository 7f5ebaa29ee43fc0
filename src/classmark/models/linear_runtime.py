"""The linear classifier that serves: NumPy and a vocabulary, nothing else.

It computes what scikit-learn's `TfidfVectorizer` (word n-grams, sublinear tf, L2) and a softmax
over linear scores compute, or a sigmoid of each, text by text. The parity gate holds it to that.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from classmark.models.artifact import ArtifactConfig, damaged
from classmark.models.classifier import Classifier
from classmark.models.problem import Problem

WEIGHTS = "model.safetensors"
VOCABULARY = "vocabulary.txt"
# scikit-learn's default: words of two letters or digits at least.
TOKEN_PATTERN = r"(?u)\b\w\w+\b"  # noqa: S105 (of words, not of access)
_TOKEN = re.compile(TOKEN_PATTERN)


class LinearClassifier(Classifier):
    """Class scores that are sums over a text's weighted word n-grams."""

    computes_in_python = True

    def __init__(
        self,
        vocabulary: dict[str, int],
        weights: dict[str, NDArray[np.float32]],
        config: ArtifactConfig,
    ) -> None:
        self.labels = config.labels
        self._vocabulary = vocabulary
        self._idf = weights["idf"]
        self._coefficients = weights["coefficients"]
        self._intercept = weights["intercept"]
        self._longest_ngram = int(config.parameters["longest_ngram"])
        several = config.problem is Problem.MULTI_LABEL
        self._activation = _sigmoid if several else _softmax

    @classmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """The classifier whose vocabulary and weights lie in a folder."""
        terms = (folder / VOCABULARY).read_text("utf-8").split("\n")
        weights = load_file(folder / WEIGHTS)
        found = [weights[name].shape for name in ("idf", "coefficients", "intercept")]
        rows, columns = len(terms), len(config.labels)
        if found != [(rows,), (rows, columns), (columns,)]:
            raise damaged(folder, "vocabulary, labels and weights do not belong together")
        vocabulary = {term: index for index, term in enumerate(terms)}
        return cls(vocabulary, weights, config)

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        """The softmax of the class scores, or the sigmoid of each, shape (classes,)."""
        scores = self._intercept.astype(np.float64)
        counts = Counter(self._terms(text))
        if counts:
            rows = np.fromiter(counts.keys(), np.int64, len(counts))
            weights = 1 + np.log(np.fromiter(counts.values(), np.float64, len(counts)))
            weights *= self._idf[rows]
            scores += (weights / np.linalg.norm(weights)) @ self._coefficients[rows]
        return self._activation(scores)

    def _terms(self, text: str) -> Iterator[int]:
        """The known n-grams of a text, as rows of the weights, repetitions too."""
        tokens = _TOKEN.findall(text.lower())
        for size in range(1, self._longest_ngram + 1):
            for start in range(len(tokens) - size + 1):
                row = self._vocabulary.get(" ".join(tokens[start : start + size]))
                if row is not None:
                    yield row


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    exponents = np.exp(scores - scores.max())
    found: NDArray[np.float64] = exponents / exponents.sum()
    return found


def _sigmoid(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    # By its tail: an exponential of large scores would be infinite.
    found: NDArray[np.float64] = (1 + np.tanh(scores / 2)) / 2
    return found
