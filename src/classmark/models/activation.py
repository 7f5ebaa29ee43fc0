"""From a head's scores to probabilities."""

import torch

from classmark.models.problem import Problem


def activated(scores: torch.Tensor, problem: Problem) -> torch.Tensor:
    """The softmax over the classes or, of several labels, the sigmoid of each; the same shape."""
    if problem is Problem.MULTI_LABEL:
        return torch.sigmoid(scores)
    return torch.softmax(scores, dim=-1)
