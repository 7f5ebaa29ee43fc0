"""The torch side of the encoder family: mean pooling, normalisation, a linear head."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from classmark.models.activation import activated
from classmark.models.problem import Problem


class PooledEncoder(nn.Module):
    """Token ids to sentence embeddings and, once a head is attached, to class probabilities.

    The pooling is that of sentence-transformers (Reimers and Gurevych 2019): the mean over real
    tokens, scaled to length 1.
    """

    def __init__(self, encoder: nn.Module, problem: Problem = Problem.SINGLE_LABEL) -> None:
        super().__init__()
        self.encoder = encoder
        self.problem = problem
        self.head: nn.Module = nn.Identity()

    def attach_head(self, coefficients: NDArray[Any], intercept: NDArray[Any]) -> None:
        """Put a fitted linear head on top.

        Args:
            coefficients: Shape (classes, embedding).
            intercept: Shape (classes,).
        """
        classes, size = coefficients.shape
        head = nn.Linear(size, classes)
        with torch.no_grad():
            head.weight.copy_(torch.as_tensor(coefficients))
            head.bias.copy_(torch.as_tensor(intercept))
        self.head = head.eval()

    def embed(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Embeddings of length 1, shape (texts, embedding)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask)[0]
        weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(pooled, dim=1)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Class probabilities by the attached head, shape (texts, classes)."""
        return activated(self.head(self.embed(input_ids, attention_mask)), self.problem)
