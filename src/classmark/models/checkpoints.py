"""Checkpoints of a training: whole or absent, without pickle, at most two of them.

::

    checkpoint-<step>/
      weights.safetensors    what is learned
      state.safetensors      the optimizer's tensors and torch's random states
      state.json             everything else: optimizer, schedule, scaler, random states
      trainer_state.json     the trainer's own: step, epoch, log
      digests.json           SHA-256 of the others

Of two checkpoints one is the best and the other the newest; where these are the same, the one
before is kept, so that there is something to fall back on.
"""

import hashlib
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from classmark.durable import JSON_OPTIONS, publishing
from classmark.models.training_folder import CHECKPOINT

_WEIGHTS, _TENSORS, _STATE = "weights.safetensors", "state.safetensors", "state.json"
_TRAINER, _DIGESTS = "trainer_state.json", "digests.json"
_OPTIMIZER, _RANDOM = "optimizer.", "random."


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a training stands, apart from its weights.

    Attributes:
        tensors: By name, for safetensors.
        values: What JSON holds.
        trainer: The trainer's own state, as its JSON file has it.
    """

    tensors: Mapping[str, torch.Tensor]
    values: Mapping[str, Any]
    trainer: Mapping[str, Any] = field(default_factory=dict)

    def __or__(self, other: "Moment") -> "Moment":
        """Both together."""
        return Moment(
            {**self.tensors, **other.tensors},
            {**self.values, **other.values},
            {**self.trainer, **other.trainer},
        )


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: Of one training alone; it is made when it is first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, step: int, weights: Mapping[str, torch.Tensor], moment: Moment) -> None:
        """Keep the state after a step, in place of one that may be there."""
        target = self.folder(step)
        if target.exists():
            shutil.rmtree(target)
        with publishing(target) as draft:
            save_file(dict(weights), draft / _WEIGHTS)
            save_file(dict(moment.tensors), draft / _TENSORS)
            (draft / _STATE).write_bytes(orjson.dumps(moment.values, option=JSON_OPTIONS))
            (draft / _TRAINER).write_bytes(orjson.dumps(moment.trainer, option=JSON_OPTIONS))
            digests = {path.name: _sha256(path) for path in sorted(draft.iterdir())}
            (draft / _DIGESTS).write_bytes(orjson.dumps(digests, option=JSON_OPTIONS))

    def thin(self, best: int | None) -> None:
        """Leave the two that are worth most: the newest, and the best or else the one before."""
        steps = self._steps()
        kept = {*steps[-1:], *([best] if best in steps else [])}
        kept = kept if len(kept) > 1 else {*kept, *steps[-2:]}
        for step in set(steps) - kept:
            shutil.rmtree(self.folder(step))

    def forget_after(self, step: int) -> None:
        """Remove the later ones, which are damaged if this is the newest whole one.

        They would count as the newest when checkpoints are thinned out.
        """
        for later in self._steps():
            if later > step:
                shutil.rmtree(self.folder(later))

    def newest(self) -> int | None:
        """The step of the newest whole checkpoint; damaged ones are passed over."""
        return next((step for step in reversed(self._steps()) if self._is_whole(step)), None)

    def has(self, step: int) -> bool:
        """Whether there is a whole checkpoint of that step."""
        return step in self._steps() and self._is_whole(step)

    def weights(self, step: int) -> dict[str, torch.Tensor]:
        """What was learned until then."""
        found: dict[str, torch.Tensor] = load_file(self.folder(step) / _WEIGHTS)
        return found

    def moment(self, step: int) -> Moment:
        """The rest of the state."""
        folder = self.folder(step)
        values = orjson.loads((folder / _STATE).read_bytes())
        trainer = orjson.loads((folder / _TRAINER).read_bytes())
        return Moment(load_file(folder / _TENSORS), values, trainer)

    def folder(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self._folder / f"{CHECKPOINT}{step}"

    def _steps(self) -> list[int]:
        found = (path.name.removeprefix(CHECKPOINT) for path in self._folder.glob(f"{CHECKPOINT}*"))
        return sorted(int(name) for name in found if name.isdecimal())

    def _is_whole(self, step: int) -> bool:
        folder = self.folder(step)
        try:
            digests = orjson.loads((folder / _DIGESTS).read_bytes())
            return set(digests) == {_WEIGHTS, _TENSORS, _STATE, _TRAINER} and all(
                _sha256(folder / name) == digest for name, digest in digests.items()
            )
        except (OSError, ValueError, TypeError):
            return False


def learned_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """The parameters that training changes, by name."""
    return {
        name: parameter.detach().contiguous()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def restore_weights(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Put learned parameters back into a model that was built as then."""
    unexpected = model.load_state_dict(dict(weights), strict=False).unexpected_keys
    if unexpected:
        raise RuntimeError(f"The checkpoint is of another model: {', '.join(unexpected[:3])}")


def optimizer_moment(optimizer: Any) -> Moment:
    """An optimizer's state: tensors by `<parameter>.<name>`, groups as JSON."""
    state = optimizer.state_dict()
    tensors = {
        f"{_OPTIMIZER}{number}.{name}": value.detach().cpu().contiguous()
        for number, entry in state["state"].items()
        for name, value in entry.items()
    }
    return Moment(tensors, {"groups": state["param_groups"]})


def restore_optimizer(optimizer: Any, moment: Moment) -> None:
    """Put an optimizer's state back."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in moment.tensors.items():
        if key.startswith(_OPTIMIZER):
            number, name = key.removeprefix(_OPTIMIZER).split(".")
            state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": moment.values["groups"]})


def random_moment() -> Moment:
    """The states of all random generators: Python's, NumPy's, torch's on every device."""
    tensors = {f"{_RANDOM}cpu": torch.random.get_rng_state()}
    if torch.cuda.is_available():
        devices = enumerate(torch.cuda.get_rng_state_all())
        tensors |= {f"{_RANDOM}cuda.{number}": state for number, state in devices}
    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    version, internal, spare = random.getstate()
    return Moment(
        tensors,
        {
            "python": [version, list(internal), spare],
            "numpy": [kind, np.asarray(keys).tolist(), position, has_gauss, gauss],
        },
    )


def restore_random(moment: Moment) -> None:
    """Set all random generators back."""
    torch.random.set_rng_state(moment.tensors[f"{_RANDOM}cpu"])
    for key, state in moment.tensors.items():
        if key.startswith(f"{_RANDOM}cuda."):
            torch.cuda.set_rng_state(state, int(key.rpartition(".")[2]))
    version, internal, spare = moment.values["python"]
    random.setstate((version, tuple(internal), spare))
    kind, keys, position, has_gauss, gauss = moment.values["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), position, has_gauss, gauss))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
