"""A frozen sentence encoder with a linear head: works from a few examples a class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from classmark.models.backbone import Backbone, check_length, load_backbone
from classmark.models.head import mean_log_loss, one_row_a_class, one_vs_rest, row_weights
from classmark.models.model import Family, Learned, TrainingSite
from classmark.models.onnx_export import write_exports
from classmark.models.parameters import ClassWeights, Count, Strength
from classmark.models.pooled_encoder import PooledEncoder
from classmark.models.problem import Problem
from classmark.models.search_space import Choices, Range, SearchSpace
from classmark.models.training_data import TrainingData
from classmark.progress import Progress

_INVERSE_REGULARISATIONS = (1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True)
class EncoderParameters:
    """What can be set of the encoder family.

    Attributes:
        backbone: `minilm`, a folder, or a model of the hub.
        max_tokens: How much of a text is read; two of them are the tokenizer's own.
        inverse_regularisation: scikit-learn's C of the head; None chooses among 1, 10 and 100 by
            the log loss on the validation part.
        batch_size: Texts that are embedded at once in training.
        class_weights: `balanced` lets every class count the same, however many texts it has; of
            several labels, the presence of each as much as its absence.
    """

    backbone: str = "minilm"
    max_tokens: Annotated[int, Field(ge=3)] = 256
    inverse_regularisation: Strength | None = None
    batch_size: Count = 32
    class_weights: ClassWeights = None


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """A score for each class: coefficients of shape (classes, embedding), intercept (classes,)."""

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]
    problem: Problem

    def probabilities(self, embeddings: NDArray[np.float64]) -> NDArray[np.float64]:
        scores = embeddings @ self.coefficients.T + self.intercept
        found: NDArray[np.float64] = (
            expit(scores) if self.problem is Problem.MULTI_LABEL else softmax(scores, 1)
        )
        return found


class EncoderFamily(Family):
    """Mean-pooled, normalised sentence embeddings under a multinomial logistic regression.

    Of several labels each has a logistic regression of its own, against its absence.
    """

    name: ClassVar[str] = "encoder"
    parameters_class = EncoderParameters
    search_space: ClassVar[SearchSpace] = {
        "inverse_regularisation": Range(0.1, 1000.0, is_log=True),
        "max_tokens": Choices((128, 256)),
    }
    problems: ClassVar[frozenset[Problem]] = frozenset(Problem)

    @property
    def architecture(self) -> str:
        """The backbone decides."""
        return f"encoder:{self._parameters.backbone}"

    def _learn(self, data: TrainingData, site: TrainingSite) -> Learned:
        torch.manual_seed(data.seed)
        backbone = load_backbone(self._parameters.backbone)
        check_length(backbone.encoder, self._parameters.max_tokens)
        embedder = PooledEncoder(backbone.encoder, data.problem)
        train = self._embedded(embedder, backbone, data.train.texts, site.progress)
        validation = self._embedded(embedder, backbone, data.validation.texts, site.progress)
        heads = self._fitted_heads(data, train)
        answers = {strength: head.probabilities(validation) for strength, head in heads.items()}
        losses = {strength: self._log_loss(found, data) for strength, found in answers.items()}
        chosen = min(losses, key=lambda strength: losses[strength])
        embedder.attach_head(heads[chosen].coefficients, heads[chosen].intercept)
        exports = write_exports(embedder, backbone.tokenizer, site.drafts, site.progress)
        details = {
            "inverse_regularisation": chosen,
            "validation_log_loss": {str(strength): loss for strength, loss in losses.items()},
        }
        return Learned(answers[chosen], exports, details)

    def _embedded(
        self, embedder: PooledEncoder, backbone: Backbone, texts: Sequence[str], progress: Progress
    ) -> NDArray[np.float64]:
        """Embeddings in the order of the texts, shape (texts, embedding)."""
        # Neighbours of like length, the longest first: little padding, and a lack of memory shows
        # at once.
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        size = self._parameters.batch_size
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        rows: dict[int, NDArray[np.float64]] = {}
        for batch in progress.track(batches, "Embedding", len(batches)):
            encoded = backbone.tokenizer(
                [texts[index] for index in batch],
                padding=True,
                truncation=True,
                max_length=self._parameters.max_tokens,
                return_tensors="pt",
            )
            with torch.inference_mode():
                found = embedder.embed(encoded["input_ids"], encoded["attention_mask"])
            rows.update(zip(batch, found.double().numpy(), strict=True))
        return np.stack([rows[index] for index in range(len(texts))])

    def _log_loss(self, answers: NDArray[np.float64], data: TrainingData) -> float:
        """The log loss on the validation part, in which a class may be missing."""
        if data.problem is Problem.MULTI_LABEL:
            return mean_log_loss(answers, data.targets(data.validation))
        labels = data.validation.labels
        weights = row_weights(self._parameters.class_weights, labels)
        return float(log_loss(labels, answers, labels=data.labels, sample_weight=weights))

    def _fitted_heads(
        self, data: TrainingData, embeddings: NDArray[np.float64]
    ) -> dict[float, _Head]:
        """A head for each strength of regularisation."""
        given = self._parameters.inverse_regularisation
        return {
            strength: _fitted(
                LogisticRegression(
                    C=strength,
                    class_weight=self._parameters.class_weights,
                    max_iter=1000,
                    random_state=data.seed,
                ),
                embeddings,
                data,
            )
            for strength in (_INVERSE_REGULARISATIONS if given is None else (given,))
        }


def _fitted(
    regression: LogisticRegression, embeddings: NDArray[np.float64], data: TrainingData
) -> _Head:
    if data.problem is Problem.MULTI_LABEL:
        return _Head(*one_vs_rest(embeddings, data.targets(data.train), regression), data.problem)
    regression.fit(embeddings, data.train.labels)
    return _Head(*one_row_a_class(regression), data.problem)
