"""Neural networks of tables: layers of rectified sums with dropout, in PyTorch on the CPU."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from classmark.errors import SettingError
from classmark.models.model import Milestone, TrainingSite
from classmark.models.parameters import Count, Strength, Weight
from classmark.models.tables.model import EncodedRows, EncodedTable, LearnedTable, TableFamily
from classmark.models.tables.network_runtime import WEIGHTS, split_outputs

# Rows that are answered at once.
_ANSWERED = 8192


@dataclass(frozen=True, slots=True)
class NetworkParameters:
    """What can be set of the network family.

    Attributes:
        layers: Of hidden units.
        width: Units of each.
        dropout: The share of units that each step leaves out.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        batch_size: Rows a step.
        max_epochs: How often train is gone through at most.
        patience: Training ends when the loss on val has not fallen for so many epochs; the
            weights of the best one are kept.
    """

    layers: Count = 2
    width: Count = 128
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    learning_rate: Strength = 1e-3
    weight_decay: Weight = 1e-4
    batch_size: Count = 64
    max_epochs: Count = 200
    patience: Count = 20


class NetworkFamily(TableFamily):
    """One network for all targets: shared layers, and outputs of each."""

    name: ClassVar[str] = "network"
    parameters_class = NetworkParameters

    def _learn(self, table: EncodedTable, folder: Path, site: TrainingSite) -> LearnedTable:
        # A generator of our own: whoever trains beside us draws as if we were not there.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(table.seed)
            network = self._untrained(table)
            best = self._fitted(network, table, site)
        save_file(_as_layers(network), folder / WEIGHTS)
        scores = _scores(network, table.validation.values).double().numpy()
        parent = split_outputs(scores, table.targets)
        return LearnedTable(parent, {"epoch": best.epoch, **best.metrics})

    def _untrained(self, table: EncodedTable) -> nn.Sequential:
        given = self._parameters
        widths = [table.train.values.shape[1], *[given.width] * given.layers]
        hidden: list[nn.Module] = []
        for taken, kept in pairwise(widths):
            hidden += [nn.Linear(taken, kept), nn.ReLU(), nn.Dropout(given.dropout)]
        outputs = sum(target.width for target in table.targets)
        return nn.Sequential(*hidden, nn.Linear(given.width, outputs))

    def _fitted(self, network: nn.Sequential, table: EncodedTable, site: TrainingSite) -> Milestone:
        """Train until the loss on val falls no more; the network is left as it was best."""
        given = self._parameters
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=given.learning_rate, weight_decay=given.weight_decay
        )
        best = Milestone(0, {"loss": np.inf, "val_loss": np.inf})
        kept = _copied(network)
        epochs = range(1, given.max_epochs + 1)
        for epoch in site.progress.track(epochs, "Training the network", len(epochs)):
            loss = _gone_through(network, optimiser, table, given.batch_size)
            reached = Milestone(epoch, {"loss": loss, "val_loss": _loss_on_val(network, table)})
            site.announce(reached)
            if reached.metrics["val_loss"] < best.metrics["val_loss"]:
                best, kept = reached, _copied(network)
            elif epoch - best.epoch >= given.patience:
                break
        if not best.epoch:
            raise SettingError(
                "The network's loss on val is no number.", remedy="Lower learning_rate."
            )
        network.load_state_dict(kept)
        network.eval()
        return best


def _gone_through(
    network: nn.Module, optimiser: torch.optim.Optimizer, table: EncodedTable, batch_size: int
) -> float:
    """The mean loss of one epoch over train, rows in a new order."""
    network.train()
    rows = int(table.train.values.shape[0])
    total = 0.0
    for chosen in torch.split(torch.randperm(rows), batch_size):
        optimiser.zero_grad()
        places = chosen.numpy()
        loss = _loss(network(_dense(table.train.values[places])), table, places, table.train)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += loss.item() * len(places)
    return float(total / rows)


@torch.no_grad()
def _loss_on_val(network: nn.Module, table: EncodedTable) -> float:
    network.eval()
    rows = table.validation
    places = np.arange(rows.values.shape[0])
    loss: float = _loss(_scores(network, rows.values), table, places, rows).item()
    return loss


def _loss(
    scores: Tensor, table: EncodedTable, places: NDArray[np.int64], rows: EncodedRows
) -> Tensor:
    """The sum over targets of cross-entropy, or of the mean squared error of a scaled number."""
    parts = torch.split(scores, [target.width for target in table.targets], dim=1)
    losses = [
        functional.cross_entropy(part, torch.from_numpy(truth[places]))
        if target.classes
        else functional.mse_loss(part[:, 0], torch.from_numpy(truth[places]).float())
        for part, truth, target in zip(parts, rows.targets, table.targets, strict=True)
    ]
    return torch.stack(losses).sum()


@torch.no_grad()
def _scores(network: nn.Module, values: Any) -> Tensor:
    """What the last layer gives for all rows."""
    starts = range(0, values.shape[0], _ANSWERED)
    return torch.cat([network(_dense(values[start : start + _ANSWERED])) for start in starts])


def _dense(values: Any) -> Tensor:
    dense = values if isinstance(values, np.ndarray) else values.toarray()
    return torch.from_numpy(dense).float()


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: values.clone() for name, values in network.state_dict().items()}


def _as_layers(network: nn.Sequential) -> dict[str, Tensor]:
    """Weights and biases by the number of their layer."""
    layers = [module for module in network if isinstance(module, nn.Linear)]
    return {
        f"{place}.{name}": values.detach().contiguous()
        for place, layer in enumerate(layers)
        for name, values in (("weight", layer.weight), ("bias", layer.bias))
    }
