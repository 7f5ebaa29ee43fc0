"""Hugging Face's Trainer, made to resume to the last bit and to read no pickle.

Its own side files (`optimizer.pt`, `rng_state.pth`, `training_args.bin`) are pickles: nothing here
writes or reads them. Checkpoints are those of `classmark.models.checkpoints`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Sampler
from transformers import Trainer, TrainerCallback

from classmark.errors import DivergedError
from classmark.models.checkpoints import (
    Checkpoints,
    Moment,
    learned_weights,
    optimizer_moment,
    random_moment,
    restore_optimizer,
    restore_random,
    restore_weights,
)
from classmark.models.problem import Problem

ACCURACY = "eval_accuracy"
# So many batches are sorted by length together: little padding, and still a random order.
_GROUPED_BATCHES = 50


@dataclass(frozen=True, slots=True)
class Loss:
    """What is minimised: the cross-entropy to the targets, where set weighted and focused.

    Where a text may have several labels it is the mean of the labels' binary cross-entropies.

    Attributes:
        class_weights: Of each class, shape (classes,); of several labels what the presence of each
            counts beside its absence.
        focal_gamma: How much less a class counts that is answered well already (Lin et al. 2017);
            0 is the plain cross-entropy.
        smoothing: The share of each target that is spread over all classes, or over presence and
            absence of each label.
        problem: Whether a text has one label or several.
    """

    class_weights: torch.Tensor
    focal_gamma: float
    smoothing: float
    problem: Problem = Problem.SINGLE_LABEL

    def __call__(
        self, logits: torch.Tensor, targets: torch.Tensor, rows: int | None = None
    ) -> torch.Tensor:
        """The sum over a batch, divided by the rows of the whole step that it is part of.

        Not by the sum of the weights: each part of a step has another one, and parts of one row
        would not be weighted at all.

        Args:
            logits: Shape (rows, classes).
            targets: Shape (rows, classes), which sum to 1 each; of several labels each is a
                probability by itself.
            rows: Those of the step; None if the batch is all of it.
        """
        rows = rows or len(targets)
        if self.problem is Problem.MULTI_LABEL:
            return self._of_several_labels(logits.float(), targets) / (rows * targets.shape[-1])
        logs = torch.log_softmax(logits.float(), dim=-1)
        smoothed = targets * (1 - self.smoothing) + self.smoothing / targets.shape[-1]
        weighted = smoothed * self.class_weights.to(logs.device)
        focus = (1 - logs.exp()) ** self.focal_gamma
        return -(weighted * focus * logs).sum() / rows

    def _of_several_labels(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        smoothed = targets * (1 - self.smoothing) + self.smoothing / 2
        present, absent = nn.functional.logsigmoid(logits), nn.functional.logsigmoid(-logits)
        weights = self.class_weights.to(logits.device)
        of_presence = weights * smoothed * absent.exp() ** self.focal_gamma * present
        of_absence = (1 - smoothed) * present.exp() ** self.focal_gamma * absent
        return -(of_presence + of_absence).sum()


class LengthGrouped(Sampler[int]):
    """Rows in a random order in which neighbours are of like length.

    The order follows from seed and epoch alone, so that a training that goes on in the middle of an
    epoch goes on with the rows that come next.

    Args:
        lengths: Of the rows.
        batch_size: Rows that are learned from in one step.
        seed: Decides the order.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = np.asarray(lengths)
        self._batch_size = batch_size
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng((self._seed, self.epoch))
        order = generator.permutation(len(self._lengths))
        size = self._batch_size * _GROUPED_BATCHES
        groups = [order[start : start + size] for start in range(0, len(order), size)]
        batches: list[Any] = []
        for group in groups:
            ordered = group[np.argsort(-self._lengths[group], kind="stable")]
            batches += [
                ordered[start : start + self._batch_size]
                for start in range(0, len(ordered), self._batch_size)
            ]
        # The last one may be a short one, and only the last.
        whole = generator.permutation(len(batches) - 1)
        for number in (*whole, len(batches) - 1):
            yield from batches[number].tolist()


class EpochWatch(TrainerCallback):  # type: ignore[misc]
    """Tells the sampler which epoch begins, and when a checkpoint is due.

    Args:
        sampler: Of the training rows.
        checkpoint_seconds: Between two checkpoints within an epoch; one is written after each
            epoch, whatever this is.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        sampler: LengthGrouped,
        checkpoint_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sampler = sampler
        self._seconds = checkpoint_seconds
        self._clock = clock
        self._last = clock()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Set the order of the rows."""
        del args, control, kwargs
        self._sampler.epoch = int(state.epoch or 0)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for a checkpoint when one is due, but not where the epoch's own will be."""
        del args, kwargs
        if self._clock() - self._last >= self._seconds and state.epoch % 1:
            control.should_save = True

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Ask for the epoch's checkpoint."""
        del args, state, kwargs
        control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to count anew."""
        del args, state, control, kwargs
        self._last = self._clock()


class ResumableTrainer(Trainer):  # type: ignore[misc]
    """A Trainer whose checkpoints hold all that decides what comes next.

    Args:
        loss: What is minimised.
        sampler: Of the training rows.
        checkpoints: Where they are kept.
        patience: Evaluations without a better accuracy after which training stops.
        given: The Trainer's own arguments.
    """

    def __init__(
        self,
        loss: Loss,
        sampler: LengthGrouped,
        checkpoints: Checkpoints,
        patience: int,
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self._loss = loss
        self._sampler = sampler
        self._checkpoints = checkpoints
        self._patience = patience
        # Ours is divided by the rows of the whole step already.
        self.loss_is_scaled_for_ga = True
        self._rows_of_step = 0

    @property
    def best_step(self) -> int | None:
        """The step after which the accuracy was highest."""
        return best_step(self.state.log_history)

    def log_of_training(self) -> Sequence[Mapping[str, Any]]:
        """Train from the newest whole checkpoint on, or from the beginning, and tell the log."""
        newest = self._checkpoints.newest()
        if newest is not None:
            log: list[dict[str, Any]] = self._checkpoints.moment(newest).trainer["log_history"]
            if self._is_done(log):
                return log
        self._checkpoints.forget_after(newest or 0)
        self.train(resume_from_checkpoint=str(self._checkpoints.folder(newest)) if newest else None)
        # What computes in half precision while it learns would be exported so.
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        return list(self.state.log_history)

    def _is_done(self, log: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a log says that it is not getting better any more."""
        evaluations = [entry for entry in log if ACCURACY in entry]
        if not evaluations:
            return False
        return len(evaluations) - 1 - evaluations.index(_best(evaluations)) >= self._patience

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """The batches of the next step, whose rows are counted."""
        batches, items = super().get_batch_samples(*args, **kwargs)
        self._rows_of_step = sum(len(batch["labels"]) for batch in batches)
        return batches, items

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Our loss of a batch whose `labels` are probabilities."""
        del num_items_in_batch
        targets = inputs.pop("labels")
        outputs = model(**inputs)
        loss = self._loss(outputs.logits, targets, self._rows_of_step if model.training else None)
        return (loss, outputs) if return_outputs else loss

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """A step whose loss must be a number.

        Raises:
            DivergedError: It is none.
        """
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            rate = self._get_learning_rate()
            raise DivergedError(
                f"The loss is {loss.item()} at step {self.state.global_step + 1} (learning rate "
                f"{rate:.3g}).",
                remedy="Try a learning_rate of a third, more warmup_steps, or precision=fp32;"
                " nothing was registered.",
            )
        return loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """The figures of the validation rows; training stops when they no longer get better."""
        found: dict[str, float] = super().evaluate(*args, **kwargs)
        if self._is_done(self.state.log_history):
            self.control.should_training_stop = True
        return found

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGrouped:
        del train_dataset
        return self._sampler

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        del model, trial
        scaler = getattr(self.accelerator, "scaler", None)
        schedule = {
            "schedule": self.lr_scheduler.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else {},
        }
        moment = optimizer_moment(self.optimizer) | random_moment()
        step = self.state.global_step
        whole = moment | Moment({}, schedule, asdict(self.state))
        self._checkpoints.write(step, learned_weights(self.model), whole)
        self._checkpoints.thin(self.best_step)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        del model
        restore_weights(self.model, self._checkpoints.weights(_step_of(resume_from_checkpoint)))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            moment = self._moment(checkpoint)
            restore_optimizer(self.optimizer, moment)
            self.lr_scheduler.load_state_dict(moment.values["schedule"])

    def _load_scaler(self, checkpoint: str | None) -> None:
        scaler = getattr(self.accelerator, "scaler", None)
        if checkpoint is not None and scaler is not None:
            scaler.load_state_dict(self._moment(checkpoint).values["scaler"])

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            restore_random(self._moment(checkpoint))

    def _moment(self, checkpoint: str) -> Moment:
        return self._checkpoints.moment(_step_of(checkpoint))


def best_step(log: Sequence[Mapping[str, Any]]) -> int | None:
    """The step after which a log has the highest accuracy; of equal ones, the lowest loss."""
    evaluations = [entry for entry in log if ACCURACY in entry]
    return int(_best(evaluations)["step"]) if evaluations else None


def _best(evaluations: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return max(evaluations, key=lambda entry: (entry[ACCURACY], -entry["eval_loss"]))


def _step_of(checkpoint: str) -> int:
    return int(checkpoint.rpartition("-")[2])
