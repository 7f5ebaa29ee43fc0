"""The network that answers: NumPy and weights, nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from classmark.models.artifact import damaged
from classmark.models.tables.artifact import TableConfig
from classmark.models.tables.predictor import TablePredictor
from classmark.models.tables.targets import Outputs, Target

WEIGHTS = "model.safetensors"
Layer = tuple[NDArray[np.float64], NDArray[np.float64]]


class NetworkPredictor(TablePredictor):
    """Layers of rectified sums, and one of sums: a softmax for classes, numbers as they are."""

    def __init__(self, layers: Sequence[Layer], targets: Sequence[Target]) -> None:
        self._layers = layers
        self._targets = targets

    @classmethod
    def load(cls, folder: Path, config: TableConfig) -> Self:
        """The predictor whose weights lie in a folder."""
        found = load_file(folder / WEIGHTS)
        count = int(config.parameters["layers"]) + 1
        layers = [
            (found[f"{at}.weight"].astype(np.float64), found[f"{at}.bias"].astype(np.float64))
            for at in range(count)
        ]
        given = [len(bias) for _, bias in layers]
        taken = [weight.shape[1] for weight, _ in layers]
        outputs = sum(target.width for target in config.targets)
        if [*given[:-1], outputs] != [*taken[1:], given[-1]] or len(found) != 2 * count:
            raise damaged(folder, "weights and targets do not belong together")
        return cls(layers, config.targets)

    def _outputs(self, values: Any) -> tuple[Outputs, ...]:
        hidden = values if isinstance(values, np.ndarray) else values.toarray()
        for weight, bias in self._layers[:-1]:
            hidden = np.maximum(hidden @ weight.T + bias, 0)
        weight, bias = self._layers[-1]
        return split_outputs(hidden @ weight.T + bias, self._targets)


def split_outputs(scores: Outputs, targets: Sequence[Target]) -> tuple[Outputs, ...]:
    """The scores of each target: of classes their softmax, numbers as they are."""
    ends = np.cumsum([target.width for target in targets])[:-1]
    return tuple(
        _softmax(part) if target.classes else part
        for part, target in zip(np.split(scores, ends, axis=1), targets, strict=True)
    )


def _softmax(scores: Outputs) -> Outputs:
    exponents = np.exp(scores - scores.max(1, keepdims=True))
    found: Outputs = exponents / exponents.sum(1, keepdims=True)
    return found
