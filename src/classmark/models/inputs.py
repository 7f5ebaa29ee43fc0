"""Texts as a transformer reads them: token ids, padded to the longest of a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from classmark.models.activation import activated
from classmark.models.problem import Problem
from classmark.models.windows import WindowCutter


@dataclass(frozen=True, slots=True)
class Inputs:
    """Texts as a model reads them.

    Attributes:
        windows: Token ids of each input.
        rows: Of which text each is.
        targets: What is to be learned of each text, shape (texts, classes); rows sum to 1, or are
            probabilities of each label by itself.
        problem: Whether a text has one label or several.
    """

    windows: Sequence[NDArray[np.int32]]
    rows: NDArray[np.int64]
    targets: NDArray[np.float32]
    problem: Problem = Problem.SINGLE_LABEL

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {"input_ids": self.windows[number], "labels": self.targets[self.rows[number]]}


@dataclass(frozen=True, slots=True)
class Collator:
    """Makes batches of rows.

    Attributes:
        padding: The token that fills up the shorter ones; it is masked.
    """

    padding: int

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Rows as one batch, padded to the longest of them."""
        longest = max(len(row["input_ids"]) for row in rows)
        ids = np.full((len(rows), longest), self.padding, np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for number, row in enumerate(rows):
            length = len(row["input_ids"])
            ids[number, :length], mask[number, :length] = row["input_ids"], 1
        return {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask),
            "labels": torch.from_numpy(np.stack([row["labels"] for row in rows])),
        }


def encoded(
    texts: Sequence[str],
    targets: NDArray[np.float32],
    cutter: WindowCutter,
    problem: Problem = Problem.SINGLE_LABEL,
) -> Inputs:
    """Texts cut into inputs."""
    windows, rows = [], []
    for row, text in enumerate(texts):
        for window in cutter.windows(text):
            windows.append(np.array(window, np.int32))
            rows.append(row)
    return Inputs(windows, np.array(rows, np.int64), targets, problem)


def by_length(inputs: Inputs) -> Inputs:
    """The same inputs, the longest first."""
    order = np.argsort([-len(window) for window in inputs.windows], kind="stable")
    windows = [inputs.windows[number] for number in order]
    return replace(inputs, windows=windows, rows=inputs.rows[order])


def answers(model: nn.Module, inputs: Inputs, padding: int, batch_size: int) -> NDArray[np.float64]:
    """Probabilities of each text, the mean over its windows, shape (texts, classes)."""
    device = next(model.parameters()).device
    # Neighbours of like length: little padding.
    order = np.argsort([-len(window) for window in inputs.windows], kind="stable")
    found = np.zeros((len(inputs), inputs.targets.shape[1]))
    collate = Collator(padding)
    model.eval()
    for start in range(0, len(order), batch_size):
        numbers = order[start : start + batch_size]
        batch = collate([inputs[number] for number in numbers])
        with torch.inference_mode():
            logits = model(
                input_ids=batch["input_ids"].to(device),
                attention_mask=batch["attention_mask"].to(device),
            ).logits
        found[numbers] = activated(logits.double(), inputs.problem).cpu().numpy()
    return text_means(found, inputs.rows)


def text_means(windows: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of each text's windows, shape (texts, classes)."""
    sums = np.zeros((int(rows.max()) + 1, windows.shape[1]))
    np.add.at(sums, rows, windows)
    means: NDArray[np.float64] = sums / np.bincount(rows)[:, None]
    return means
