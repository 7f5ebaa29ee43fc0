"""TF-IDF with a linear head: the cheap baseline that everything else must beat."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import ComplementNB

from classmark.errors import RecordError
from classmark.models.head import one_row_a_class
from classmark.models.linear_runtime import TOKEN_PATTERN, VOCABULARY, WEIGHTS
from classmark.models.model import Family, Learned, TrainingData, TrainingSite
from classmark.models.parameters import Count, Strength, Weight
from classmark.models.search_space import Choices, Range, SearchSpace
from classmark.progress import Progress

_BAYES_WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
_SMOOTHING = 0.1
# Below this many training documents a term that stands in one of them still counts.
_SMALL_CORPUS = 200


@dataclass(frozen=True, slots=True)
class LinearParameters:
    """What can be set of the linear family.

    Attributes:
        longest_ngram: Words that a term has at most.
        min_documents: Training documents that a term stands in at least; None takes 2, or 1 where
            there are fewer than 200.
        max_terms: The most frequent terms that are kept; None keeps all.
        inverse_regularisation: scikit-learn's C of the logistic regression.
        bayes_weight: How much of naive Bayes' weights is added; None chooses among 0, 0.5, 1, 2,
            4 and 8 by the log loss on the validation part.
        max_iterations: Of the solver.
    """

    longest_ngram: Count = 2
    min_documents: Count | None = None
    max_terms: Count | None = None
    inverse_regularisation: Strength = 10.0
    bayes_weight: Weight | None = None
    max_iterations: Count = 500


@dataclass(frozen=True, slots=True)
class _Head:
    """Class scores of a text's features: features @ coefficients + intercept."""

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def log_probabilities(self, features: Any) -> NDArray[np.float64]:
        found: NDArray[np.float64] = log_softmax(features @ self.coefficients + self.intercept, 1)
        return found


class LinearFamily(Family):
    """Sublinear TF-IDF over word n-grams; logistic regression interpolated with naive Bayes.

    Both heads are linear in the same features, so that their sum is one more linear head. Adding
    the Bayesian one (Wang and Manning 2012 interpolate the two; the complement estimate is that of
    Rennie et al. 2003) makes it both more often right and better calibrated where documents are
    few; how much of it is decided on the validation part.
    """

    name: ClassVar[str] = "linear"
    parameters_class = LinearParameters
    search_space: ClassVar[SearchSpace] = {
        "inverse_regularisation": Range(0.1, 100.0, is_log=True),
        "bayes_weight": Choices(_BAYES_WEIGHTS),
        "longest_ngram": Choices((1, 2, 3)),
        "min_documents": Choices((1, 2, 3)),
    }

    @property
    def architecture(self) -> str:
        """One for all: terms and weights."""
        return "linear"

    def _learn(self, data: TrainingData, site: TrainingSite) -> Learned:
        vectoriser = self._vectoriser(len(data.train))
        features = _fitted_features(vectoriser, data)
        heads = self._fitted_heads(features, data, site.progress)
        validation = vectoriser.transform(data.validation.texts)
        answers = {weight: head.log_probabilities(validation) for weight, head in heads.items()}
        losses = {
            weight: float(log_loss(data.validation.labels, np.exp(answer), labels=data.labels))
            for weight, answer in answers.items()
        }
        chosen = min(losses, key=lambda weight: losses[weight])
        export = site.drafts / "fp32"
        export.mkdir()
        _write(export, vectoriser, heads[chosen])
        details = {
            "terms": len(vectoriser.vocabulary_),
            "min_documents": vectoriser.min_df,
            "bayes_weight": chosen,
            "validation_log_loss": {str(weight): loss for weight, loss in losses.items()},
        }
        return Learned(np.exp(answers[chosen]), {"fp32": export}, details)

    def _vectoriser(self, documents: int) -> TfidfVectorizer:
        least = self._parameters.min_documents or (2 if documents >= _SMALL_CORPUS else 1)
        return TfidfVectorizer(
            ngram_range=(1, self._parameters.longest_ngram),
            min_df=least,
            max_features=self._parameters.max_terms,
            sublinear_tf=True,
            token_pattern=TOKEN_PATTERN,
        )

    def _fitted_heads(
        self, features: Any, data: TrainingData, progress: Progress
    ) -> dict[float, _Head]:
        """A head for each weight of naive Bayes."""
        regression = LogisticRegression(
            C=self._parameters.inverse_regularisation,
            max_iter=self._parameters.max_iterations,
            random_state=data.seed,
        )
        bayes = ComplementNB(alpha=_SMOOTHING)
        for estimator in progress.track((regression, bayes), "Fitting linear heads", 2):
            estimator.fit(features, data.train.labels)
        coefficients, intercept = one_row_a_class(regression)
        given = self._parameters.bayes_weight
        return {
            weight: _Head((coefficients + weight * bayes.feature_log_prob_).T, intercept)
            for weight in (_BAYES_WEIGHTS if given is None else (given,))
        }


def _fitted_features(vectoriser: TfidfVectorizer, data: TrainingData) -> Any:
    """Features of the training texts, shape (texts, terms), sparse."""
    try:
        return vectoriser.fit_transform(data.train.texts)
    except ValueError as error:
        raise RecordError(
            f"No term stands in {vectoriser.min_df} of {len(data.train)} training documents, so "
            "that there is nothing to learn from.",
            remedy="Lower min_documents, or check --text-fields: a term has two letters at least.",
        ) from error


def _write(folder: Path, vectoriser: TfidfVectorizer, head: _Head) -> None:
    terms = vectoriser.get_feature_names_out().tolist()
    # What is the same for all classes changes no probability, and would cost digits of float32.
    centred = head.coefficients - head.coefficients.mean(1, keepdims=True)
    (folder / VOCABULARY).write_text("\n".join(terms), "utf-8")
    weights = {
        "idf": np.asarray(vectoriser.idf_, np.float32),
        "coefficients": np.ascontiguousarray(centred, np.float32),
        "intercept": head.intercept.astype(np.float32),
    }
    save_file(weights, folder / WEIGHTS)
