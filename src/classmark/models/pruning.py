"""A transformer made smaller: fewer layers before it learns, fewer neurons after.

Whole layers and whole neurons go, so that what is left is small and fast in every runtime; single
weights set to 0 would be stored and multiplied as before.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from classmark.errors import SettingError
from classmark.models.inputs import Collator, Inputs
from classmark.models.trainer import Loss

# A layer that widens, and the one that narrows again what comes of it.
_Pair = tuple[nn.Linear, nn.Linear]

# So many inputs tell neurons that matter from those that don't.
_INPUTS_JUDGED = 1024


def keep_layers(model: PreTrainedModel, count: int) -> None:
    """Leave so many layers in a model, evenly spaced, the first and the last one among them.

    Sanh et al. (2019) begin DistilBERT so, from every second layer of BERT.

    Raises:
        SettingError: The model has fewer layers, or its layers can't be told.
    """
    there = model.config.num_hidden_layers
    stacks = [
        module
        for module in model.modules()
        if isinstance(module, nn.ModuleList) and len(module) == there
    ]
    if len(stacks) != 1:
        raise SettingError(
            f"layers={count} can't be had: the layers of this backbone can't be told.",
            remedy="Leave layers out, or choose a backbone like DistilBERT, BERT or MiniLM.",
        )
    if count > there:
        raise SettingError(
            f"layers={count} can't be had of a backbone of {there} layers.",
            remedy=f"Choose up to {there}, or another backbone.",
        )
    (stack,) = stacks
    kept = [stack[place] for place in np.linspace(0, there - 1, count).round().astype(int)]
    del stack[:]
    stack.extend(kept)
    for place, layer in enumerate(kept):
        # Decoders look by this number for what they computed before.
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = place
    model.config.num_hidden_layers = count


def check_prunable(model: PreTrainedModel) -> None:
    """Let a model pass whose feed-forward neurons can be cut away.

    It is tried: without a neuron in each layer the model must answer as with neurons that count
    for nothing. Gated layers, and layers between which something else reads, do not.

    Raises:
        SettingError: They can't.
    """
    silent, cut = deepcopy(model).eval(), deepcopy(model).eval()
    with torch.inference_mode():
        for _, narrowing in _feed_forward(silent):
            narrowing.weight[:, -1] = 0
        for pair in _feed_forward(cut):
            _cut(pair, torch.arange(pair[0].out_features - 1))
        ids = torch.arange(1, 8)[None] % model.config.vocab_size
        try:
            same = torch.allclose(silent(ids).logits, cut(ids).logits, atol=1e-5)
        except RuntimeError:
            same = False
    if not same or not _feed_forward(model):
        raise SettingError(
            "This backbone's feed-forward layers can't be pruned: they are gated, or otherwise"
            " made than a linear layer that widens and one that narrows again.",
            remedy="Leave prune out, or choose a backbone like DistilBERT, BERT or MiniLM.",
        )


def prune_neurons(model: nn.Module, share: float, inputs: Inputs, loss: Loss, padding: int) -> None:
    """Cut neurons out of every feed-forward layer, those that change the loss least.

    A neuron's weight is how much the loss would change without it, to first order: the mean over
    texts of |activation x gradient| (Molchanov et al. 2017; Michel et al. 2019 judge heads so).

    Args:
        model: Changed in place; it is not to learn while it is judged.
        share: Of each layer's neurons that go; at least one stays.
        inputs: Of the training part; the first 1,024 are enough.
        loss: What the model learned by.
        padding: The token that fills up a batch.
    """
    pairs = _feed_forward(model)
    for pair, weights in zip(pairs, _importances(model, inputs, loss, padding), strict=True):
        count = max(1, round(len(weights) * (1 - share)))
        _cut(pair, torch.topk(weights, count).indices.sort().values)


def _feed_forward(model: nn.Module) -> list[_Pair]:
    """The linear layers that widen and those that narrow it down again, one after the other."""
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return [
        (one, next_one)
        for one, next_one in pairwise(linear)
        if one.out_features > one.in_features
        and (next_one.in_features, next_one.out_features) == (one.out_features, one.in_features)
    ]


def _cut(pair: _Pair, kept: torch.Tensor) -> None:
    """Leave some of the neurons between two layers."""
    widening, narrowing = pair
    widening.weight = nn.Parameter(widening.weight.detach()[kept].clone())
    if widening.bias is not None:
        widening.bias = nn.Parameter(widening.bias.detach()[kept].clone())
    narrowing.weight = nn.Parameter(narrowing.weight.detach()[:, kept].clone())
    widening.out_features = narrowing.in_features = len(kept)


def _importances(model: nn.Module, inputs: Inputs, loss: Loss, padding: int) -> list[torch.Tensor]:
    """Of each feed-forward layer what its neurons weigh, shape (neurons,)."""
    narrowing = [layer for _, layer in _feed_forward(model)]
    sums = [torch.zeros(layer.in_features) for layer in narrowing]
    device = next(model.parameters()).device
    model.eval()
    with ExitStack() as hooks:
        # A layer that is shared is used several times in one pass.
        seen: list[list[torch.Tensor]] = [[] for _ in narrowing]
        for layer, uses in zip(narrowing, seen, strict=True):
            hooks.callback(layer.register_forward_pre_hook(_remembering(uses)).remove)
        for batch in _batches(inputs, padding):
            targets = batch.pop("labels").to(device)
            logits = model(**{name: tensor.to(device) for name, tensor in batch.items()}).logits
            found = loss(logits, targets)
            for place, uses in enumerate(seen):
                sums[place] += _weights(found, uses, len(targets))
                uses.clear()
    return sums


def _weights(loss: torch.Tensor, uses: list[torch.Tensor], texts: int) -> torch.Tensor:
    """|activation x gradient| of each neuron of a layer, summed over texts, shape (neurons,)."""
    gradients = torch.autograd.grad(loss, uses, retain_graph=True)
    products = [
        # Some architectures put the tokens of all texts into one dimension.
        (activation * gradient).detach().reshape(texts, -1, activation.shape[-1]).sum(1)
        for activation, gradient in zip(uses, gradients, strict=True)
    ]
    return torch.stack(products).sum(0).abs().sum(0).cpu()


def _remembering(uses: list[torch.Tensor]) -> Any:
    def remember(_: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        uses.append(given[0])

    return remember


def _batches(inputs: Inputs, padding: int, size: int = 16) -> Iterator[dict[str, torch.Tensor]]:
    collate = Collator(padding)
    for start in range(0, min(len(inputs), _INPUTS_JUDGED), size):
        end = min(start + size, len(inputs), _INPUTS_JUDGED)
        yield collate([inputs[number] for number in range(start, end)])
