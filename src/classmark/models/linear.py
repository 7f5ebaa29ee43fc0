"""TF-IDF with a linear head: the cheap baseline that everything else must beat."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.special import expit, log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import ComplementNB

from classmark.errors import RecordError, SettingError
from classmark.models.head import mean_log_loss, one_row_a_class, one_vs_rest, row_weights
from classmark.models.linear_runtime import TOKEN_PATTERN, VOCABULARY, WEIGHTS
from classmark.models.model import Family, Learned, TrainingSite
from classmark.models.parameters import ClassWeights, Count, Strength, Weight
from classmark.models.problem import Problem
from classmark.models.search_space import Choices, Range, SearchSpace
from classmark.models.training_data import TrainingData
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
            4 and 8 by the log loss on the validation part. Where a text may have several labels
            there is none.
        max_iterations: Of the solver.
        class_weights: `balanced` lets every class count the same, however many texts it has; of
            several labels, the presence of each as much as its absence.
    """

    longest_ngram: Count = 2
    min_documents: Count | None = None
    max_terms: Count | None = None
    inverse_regularisation: Strength = 10.0
    bayes_weight: Weight | None = None
    max_iterations: Count = 500
    class_weights: ClassWeights = None


@dataclass(frozen=True, slots=True)
class _Head:
    """Class scores of a text's features: features @ coefficients + intercept."""

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]

    def scores(self, features: Any) -> NDArray[np.float64]:
        found: NDArray[np.float64] = features @ self.coefficients + self.intercept
        return found

    def log_probabilities(self, features: Any) -> NDArray[np.float64]:
        found: NDArray[np.float64] = log_softmax(self.scores(features), 1)
        return found


class LinearFamily(Family):
    """Sublinear TF-IDF over word n-grams; logistic regression interpolated with naive Bayes.

    Both heads are linear in the same features, so that their sum is one more linear head. Adding
    the Bayesian one (Wang and Manning 2012 interpolate the two; the complement estimate is that of
    Rennie et al. 2003) makes it both more often right and better calibrated where documents are
    few; how much of it is decided on the validation part.

    Of several labels each has a logistic regression of its own, against its absence. Naive Bayes is
    left out there: its scores compare classes with one another, and are no odds of one of them.
    """

    name: ClassVar[str] = "linear"
    parameters_class = LinearParameters
    search_space: ClassVar[SearchSpace] = {
        "inverse_regularisation": Range(0.1, 100.0, is_log=True),
        "bayes_weight": Choices(_BAYES_WEIGHTS),
        "longest_ngram": Choices((1, 2, 3)),
        "min_documents": Choices((1, 2, 3)),
    }

    problems: ClassVar[frozenset[Problem]] = frozenset(Problem)

    @classmethod
    def search_space_for(cls, problem: Problem) -> SearchSpace:
        """The whole space; without naive Bayes where a text may have several labels."""
        if problem is Problem.SINGLE_LABEL:
            return cls.search_space
        return {name: tried for name, tried in cls.search_space.items() if name != "bayes_weight"}

    @property
    def architecture(self) -> str:
        """One for all: terms and weights."""
        return "linear"

    def check_problem(self, problem: Problem) -> None:
        """Let a problem pass that the family learns with its parameters.

        Raises:
            SettingError: Naive Bayes is asked for where a text may have several labels.
        """
        super().check_problem(problem)
        if problem is Problem.MULTI_LABEL and self._parameters.bayes_weight:
            raise SettingError(
                f"bayes_weight is {self._parameters.bayes_weight:g}, and texts may have several"
                " labels: naive Bayes tells classes from one another.",
                remedy="Leave bayes_weight out.",
            )

    def _learn(self, data: TrainingData, site: TrainingSite) -> Learned:
        vectoriser = self._vectoriser(len(data.train))
        features = _fitted_features(vectoriser, data)
        if data.problem is Problem.MULTI_LABEL:
            return self._learned_several(vectoriser, features, data, site)
        heads = self._fitted_heads(features, data, site.progress)
        validation = vectoriser.transform(data.validation.texts)
        answers = {weight: head.log_probabilities(validation) for weight, head in heads.items()}
        losses = {
            weight: self._log_loss(np.exp(answer), data) for weight, answer in answers.items()
        }
        chosen = min(losses, key=lambda weight: losses[weight])
        export = site.drafts / "fp32"
        export.mkdir()
        # What is the same for all classes changes no probability, and would cost digits of float32.
        _write(export, vectoriser, _centred(heads[chosen]))
        details = {
            "terms": len(vectoriser.vocabulary_),
            "min_documents": vectoriser.min_df,
            "bayes_weight": chosen,
            "validation_log_loss": {str(weight): loss for weight, loss in losses.items()},
        }
        return Learned(np.exp(answers[chosen]), {"fp32": export}, details)

    def _log_loss(self, answers: NDArray[np.float64], data: TrainingData) -> float:
        """The log loss on the validation part, classes weighted as in training."""
        labels = data.validation.labels
        weights = row_weights(self._parameters.class_weights, labels)
        return float(log_loss(labels, answers, labels=data.labels, sample_weight=weights))

    def _learned_several(
        self, vectoriser: TfidfVectorizer, features: Any, data: TrainingData, site: TrainingSite
    ) -> Learned:
        """A regression for each label, against its absence."""
        coefficients, intercept = one_vs_rest(
            features, data.targets(data.train), self._regression(data.seed)
        )
        head = _Head(coefficients.T, intercept)
        export = site.drafts / "fp32"
        export.mkdir()
        _write(export, vectoriser, head)
        parent = expit(head.scores(vectoriser.transform(data.validation.texts)))
        details = {
            "terms": len(vectoriser.vocabulary_),
            "min_documents": vectoriser.min_df,
            "validation_log_loss": mean_log_loss(parent, data.targets(data.validation)),
        }
        return Learned(parent, {"fp32": export}, details)

    def _regression(self, seed: int) -> LogisticRegression:
        return LogisticRegression(
            C=self._parameters.inverse_regularisation,
            max_iter=self._parameters.max_iterations,
            class_weight=self._parameters.class_weights,
            random_state=seed,
        )

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
        regression = self._regression(data.seed)
        bayes = ComplementNB(alpha=_SMOOTHING)
        weights = row_weights(self._parameters.class_weights, data.train.labels)
        for estimator, counts in progress.track(
            ((regression, None), (bayes, weights)), "Fitting linear heads", 2
        ):
            estimator.fit(features, data.train.labels, sample_weight=counts)
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


def _centred(head: _Head) -> _Head:
    return _Head(head.coefficients - head.coefficients.mean(1, keepdims=True), head.intercept)


def _write(folder: Path, vectoriser: TfidfVectorizer, head: _Head) -> None:
    terms = vectoriser.get_feature_names_out().tolist()
    (folder / VOCABULARY).write_text("\n".join(terms), "utf-8")
    weights = {
        "idf": np.asarray(vectoriser.idf_, np.float32),
        "coefficients": np.ascontiguousarray(head.coefficients, np.float32),
        "intercept": head.intercept.astype(np.float32),
    }
    save_file(weights, folder / WEIGHTS)
