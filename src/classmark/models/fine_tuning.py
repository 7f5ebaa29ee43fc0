"""A fine-tuning from texts to weights: encoded rows, one Trainer after the other until it ends.

A lack of memory halves the batch and goes on from the last checkpoint; what was learned from in one
step stays the same, so that the result does.
"""

import gc
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PrinterCallback, TrainerCallback, TrainingArguments
from transformers.integrations import TensorBoardCallback
from transformers.trainer_utils import EvalPrediction

from classmark.errors import UnavailableError
from classmark.models.activation import activated
from classmark.models.checkpoints import Checkpoints, restore_weights
from classmark.models.inputs import Collator, Inputs, by_length, text_means
from classmark.models.model import Milestone, TrainingSite
from classmark.models.problem import USUAL_THRESHOLD, Problem
from classmark.models.trainer import EpochWatch, LengthGrouped, Loss, ResumableTrainer, best_step
from classmark.models.training_folder import TENSORBOARD

# Warm-up takes at most this share of all steps.
_LONGEST_WARMUP = 0.1
_STEPS_BETWEEN_LOGS = 10
# How torch's allocator, CUDA, oneDNN and the system say that there is no memory.
_LACK_OF_MEMORY = (
    "can't allocate memory",
    "Cannot allocate memory",
    "out of memory",
    "could not create a primitive",
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn; the attributes are those of the family's parameters."""

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    patience: int
    precision: str
    gradient_checkpointing: bool
    checkpoint_seconds: float


@dataclass(frozen=True, slots=True)
class Task:
    """All that decides what is learned.

    Attributes:
        train: Learned from.
        validation: Measured after each epoch.
        loss: What is minimised.
        schedule: How long and how fast.
        padding: The token that fills up a batch.
        seed: Everything random follows from it.
    """

    train: Inputs
    validation: Inputs
    loss: Loss
    schedule: Schedule
    padding: int
    seed: int


@dataclass(frozen=True, slots=True)
class FineTuned:
    """What came of it; the best weights are in the model.

    Attributes:
        log: Loss, learning rate and figures, as the Trainer wrote them down.
        best_epoch: After which the validation accuracy was highest.
        batch_size: Inputs that were in memory at once in the end.
        precision: In which it was computed.
    """

    log: Sequence[Mapping[str, Any]]
    best_epoch: float
    batch_size: int
    precision: str

    @property
    def epochs(self) -> float:
        """How often the training part was gone through."""
        return max(float(entry["epoch"]) for entry in self.log)


def fine_tune(
    make_model: Callable[[], nn.Module], task: Task, site: TrainingSite
) -> tuple[Any, FineTuned]:
    """The model with its best weights, and how it came to them.

    Args:
        make_model: A fresh model, the same each time; asked again after a lack of memory.
        task: What is learned.
        site: Where checkpoints are kept, and who watches.

    Returns:
        The model and what is known of the training.

    Raises:
        DivergedError: The loss became no number.
        UnavailableError: One input at a time is too much for the memory.
    """
    folder = site.checkpoints or site.drafts / "checkpoints"
    batch_size = task.schedule.batch_size
    while True:
        model = make_model()
        try:
            return model, _trained(model, task, batch_size, folder, site)
        except (MemoryError, RuntimeError) as error:
            if not _is_lack_of_memory(error):
                raise
            if batch_size == 1:
                raise UnavailableError(
                    "There is not enough memory to learn from one text at a time.",
                    remedy="Lower max_tokens, set gradient_checkpointing=true or lora=true, or name"
                    " a smaller backbone.",
                ) from error
        del model
        gc.collect()
        torch.cuda.empty_cache()
        batch_size = _largest_part(task.schedule.batch_size, batch_size // 2)


def native_precision() -> str:
    """What the device computes fastest without losing a training: bf16, fp16 or fp32."""
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    # Private names, but the only ones: without these instructions bf16 is emulated, and slow.
    capabilities = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    is_native = any(getattr(torch.cpu, name, bool)() for name in capabilities)
    return "bf16" if is_native else "fp32"


class _Announcer(TrainerCallback):  # type: ignore[misc]
    """Moves the bar on, and tells every epoch's figures."""

    def __init__(self, steps: int, site: TrainingSite) -> None:
        self._site = site
        self._loss = ""
        numbers = range(steps)
        self._bar = site.progress.track(numbers, "Fine-tuning", steps, lambda: self._loss)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Show what was done before."""
        del args, control, kwargs
        for _ in range(state.global_step + 1):
            next(self._bar, None)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """One step more."""
        del args, state, control, kwargs
        next(self._bar, None)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Show the loss."""
        del args, control, kwargs
        if "loss" in state.log_history[-1]:
            self._loss = f"loss {state.log_history[-1]['loss']:.3f}"

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tell the epoch's figures."""
        del args, control, kwargs
        self._site.announce(_milestone(state.log_history))

    def close(self) -> None:
        """Take the bar away, wherever it stands."""
        if isinstance(self._bar, Generator):
            self._bar.close()


def _trained(
    model: nn.Module, task: Task, batch_size: int, folder: Path, site: TrainingSite
) -> FineTuned:
    """Put the best weights into a model."""
    checkpoints = Checkpoints(folder)
    precision = task.schedule.precision
    precision = native_precision() if precision == "auto" else precision
    trainer = _trainer(model, task, batch_size, folder, precision)
    steps = -(-len(task.train) // task.schedule.batch_size) * task.schedule.epochs
    announcer = _Announcer(steps, site)
    trainer.add_callback(announcer)
    try:
        log = trainer.log_of_training()
    finally:
        announcer.close()
    best = best_step(log)
    chosen = best if best is not None and checkpoints.has(best) else checkpoints.newest()
    if chosen is not None:
        restore_weights(model, checkpoints.weights(chosen))
    epoch = next(entry["epoch"] for entry in reversed(log) if entry["step"] == chosen)
    return FineTuned(log, float(epoch), batch_size, precision)


def _trainer(
    model: nn.Module, task: Task, batch_size: int, folder: Path, precision: str
) -> ResumableTrainer:
    lengths = [len(window) for window in task.train.windows]
    sampler = LengthGrouped(lengths, task.schedule.batch_size, task.seed)
    validation = by_length(task.validation)
    trainer = ResumableTrainer(
        task.loss,
        sampler,
        Checkpoints(folder),
        task.schedule.patience,
        model=model,
        args=_arguments(task, batch_size, folder, precision),
        data_collator=Collator(task.padding),
        train_dataset=task.train,
        eval_dataset=validation,
        compute_metrics=lambda found: _accuracy(found, validation),
        callbacks=[EpochWatch(sampler, task.schedule.checkpoint_seconds), _tensorboard(folder)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _arguments(task: Task, batch_size: int, folder: Path, precision: str) -> TrainingArguments:
    schedule = task.schedule
    steps = -(-len(task.train) // schedule.batch_size) * schedule.epochs
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=batch_size,
        per_device_eval_batch_size=batch_size,
        gradient_accumulation_steps=schedule.batch_size // batch_size,
        learning_rate=schedule.learning_rate,
        warmup_steps=min(schedule.warmup_steps, int(steps * _LONGEST_WARMUP)),
        weight_decay=schedule.weight_decay,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=not torch.cuda.is_available(),
        activation_checkpointing=schedule.gradient_checkpointing,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=_STEPS_BETWEEN_LOGS,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        label_names=["labels"],
        seed=task.seed,
    )
    # With several, each would take a batch of its own, and learn from so many more in a step.
    arguments._n_gpu = min(arguments.n_gpu, 1)  # noqa: SLF001 (there is no public way)
    return arguments


def _tensorboard(folder: Path) -> TensorBoardCallback:
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 (slow, and only needed here)

    return TensorBoardCallback(SummaryWriter(str(folder / TENSORBOARD)))


def _accuracy(found: EvalPrediction, inputs: Inputs) -> dict[str, float]:
    """The share of texts whose most probable class is the most probable target.

    Of several labels: of which all are more probable than not, and no other is.
    """
    logits = torch.as_tensor(found.predictions).double()
    means = text_means(activated(logits, inputs.problem).numpy(), inputs.rows)
    if inputs.problem is Problem.MULTI_LABEL:
        right = ((means >= USUAL_THRESHOLD) == (inputs.targets >= USUAL_THRESHOLD)).all(1)
    else:
        right = means.argmax(1) == inputs.targets.argmax(1)
    return {"accuracy": float(right.mean())}


def _milestone(log: Sequence[Mapping[str, Any]]) -> Milestone:
    """The figures of the last evaluation, and the last loss before it."""
    last = log[-1]
    losses = [entry["loss"] for entry in log if "loss" in entry]
    metrics = {"val_loss": last["eval_loss"], "val_accuracy": last["eval_accuracy"]}
    return Milestone(last["epoch"], {**({"loss": losses[-1]} if losses else {}), **metrics})


def _largest_part(whole: int, most: int) -> int:
    """The largest number up to `most` that divides `whole`."""
    return next(part for part in range(most, 0, -1) if whole % part == 0)


def _is_lack_of_memory(error: Exception) -> bool:
    told = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in told for words in _LACK_OF_MEMORY
    )
