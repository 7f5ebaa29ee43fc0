"""Any pretrained transformer, fine-tuned to classify."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from tokenizers import Tokenizer
from torch import nn

from classmark.errors import SettingError
from classmark.models.backbone import USUAL, check_length, named_backbone
from classmark.models.fine_tuning import (
    FineTuned,
    Schedule,
    Task,
    fine_tune,
)
from classmark.models.inputs import answers, encoded
from classmark.models.member_training import Relay
from classmark.models.model import Family, Learned, TrainingSite, decisions
from classmark.models.onnx_export import write_exports
from classmark.models.parameters import ClassWeights, Count, Strength, Weight, parsed_parameters
from classmark.models.parity import Tolerance
from classmark.models.problem import Problem
from classmark.models.pruning import check_prunable, keep_layers, prune_neurons
from classmark.models.search_space import Choices, Range, SearchSpace
from classmark.models.sequence_classifier import (
    Adapters,
    Probabilities,
    SequenceClassifier,
    load_sequence_classifier,
    with_adapters,
    without_adapters,
)
from classmark.models.trainer import Loss
from classmark.models.training_data import TrainingData
from classmark.models.windows import LongTexts, WindowCutter

Share = Annotated[float, Field(ge=0, lt=1)]
# Adapters learn with steps that would tear full weights apart.
_USUAL_RATE, _ADAPTERS_RATE = 2e-5, 2e-4
_USUAL_TEACHER_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class TransformerParameters:
    """What can be set of the transformer family.

    Attributes:
        backbone: `minilm`, a folder, or a model of the hub; `auto` takes DistilBERT where the hub
            has it, else `minilm`.
        epochs: How often the training part is gone through, at most.
        batch_size: Inputs that are learned from in one step.
        learning_rate: At its peak; None takes 2e-5, or 2e-4 with adapters.
        warmup_steps: Until the peak; never more than a tenth of all steps.
        weight_decay: Of AdamW.
        max_tokens: How much of a text is read at once; special tokens are among them.
        long_texts: What becomes of longer texts: `head`, `head-tail` or `windows`.
        patience: Epochs without a better validation accuracy after which training stops.
        class_weights: `balanced` lets every class count the same, however many texts it has; of
            several labels, it lets the presence of each count as much as its absence.
        focal_gamma: How much less a text, or a label of it, counts that is answered well already;
            0 is off.
        label_smoothing: The share of each label that is spread over all classes, or over presence
            and absence of each label.
        lora: Whether only low-rank adapters learn; they are merged into the weights for serving.
        lora_rank: Of the adapters.
        lora_alpha: What the adapters add is scaled by alpha / rank.
        lora_dropout: In front of the adapters.
        precision: `auto` takes bf16 where the device computes it natively, on a GPU else fp16, and
            else fp32.
        gradient_checkpointing: Whether to compute activations twice instead of keeping them.
        checkpoint_seconds: Between two checkpoints within an epoch.
        layers: So many of the backbone's layers are kept, evenly spaced; None keeps all.
        teacher_weight: With a teacher, the share of its answers in what is learned; the labels have
            the rest. None takes a half.
        prune: The share of the feed-forward neurons that is cut away once the model has learned.
        recovery_epochs: Of learning again after that.
        least_agreement: The share of validation rows that a pruned or taught model must answer as
            the larger one does.
        most_accuracy_lost: How much less accurate than the larger one it may be.
    """

    backbone: str = USUAL
    epochs: Count = 3
    batch_size: Count = 16
    learning_rate: Strength | None = None
    warmup_steps: Annotated[int, Field(ge=0)] = 500
    weight_decay: Weight = 0.01
    max_tokens: Annotated[int, Field(ge=8)] = 512
    long_texts: LongTexts = LongTexts.HEAD
    patience: Count = 2
    class_weights: ClassWeights = None
    focal_gamma: Weight = 0.0
    label_smoothing: Share = 0.0
    lora: bool = False
    lora_rank: Count = 16
    lora_alpha: Count = 32
    lora_dropout: Share = 0.05
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    gradient_checkpointing: bool = False
    checkpoint_seconds: Weight = 120.0
    layers: Count | None = None
    teacher_weight: Annotated[float, Field(ge=0, le=1)] | None = None
    prune: Share = 0.0
    recovery_epochs: Count = 1
    least_agreement: Annotated[float, Field(ge=0, le=1)] = 0.9
    most_accuracy_lost: Annotated[float, Field(ge=0, le=1)] = 0.02


class TransformerFamily(Family):
    """A pretrained transformer, all of whose weights or whose adapters learn the classes.

    AdamW with a linear warm-up and decay; texts of like length are learned from together, so that
    little is padded. The weights of the epoch with the highest validation accuracy are kept.
    """

    name: ClassVar[str] = "transformer"
    parameters_class = TransformerParameters
    can_be_taught: ClassVar[bool] = True
    problems: ClassVar[frozenset[Problem]] = frozenset(Problem)
    search_space: ClassVar[SearchSpace] = {
        "learning_rate": Range(1e-5, 5e-5, is_log=True),
        "batch_size": Choices((8, 16, 32)),
        "warmup_steps": Choices((100, 500, 1000)),
        "weight_decay": Range(0.0, 0.1),
        "epochs": Range(3, 5, is_whole=True),
    }

    @classmethod
    def with_parameters(cls, given: Mapping[str, str]) -> Self:
        """The family with `--set KEY=VALUE` parameters; `auto` becomes a backbone's name.

        Raises:
            SettingError: A key is unknown, a value can't be, or two don't go together.
        """
        parameters = parsed_parameters(TransformerParameters, given)
        if parameters.lora and parameters.prune:
            raise SettingError(
                "A model of which only adapters learn can't be pruned: all of it must learn again.",
                remedy="Leave out prune, or lora.",
            )
        return cls(replace(parameters, backbone=named_backbone(parameters.backbone)))

    def check_teacher(self, is_there: bool) -> None:
        """Let a teacher pass, or that there is none.

        Raises:
            SettingError: A weight is given to a teacher, and there is none.
        """
        super().check_teacher(is_there)
        if not is_there and self._parameters.teacher_weight is not None:
            raise SettingError(
                f"teacher_weight is {self._parameters.teacher_weight:g}, and there is no teacher.",
                remedy="Name one with --teacher MODEL@REF, or leave teacher_weight out.",
            )

    @property
    def learning_parameters(self) -> dict[str, Any]:
        """All but what is asked of the model once it has learned."""
        asked = {"least_agreement", "most_accuracy_lost"}
        return {key: value for key, value in self.parameters.items() if key not in asked}

    @property
    def architecture(self) -> str:
        """The backbone decides, and how many of its layers there are."""
        layers = self._parameters.layers
        return f"transformer:{self._parameters.backbone}" + (f"/{layers} layers" if layers else "")

    def _learn(self, data: TrainingData, site: TrainingSite) -> Learned:
        tokenizer = self._tokenizer(data)
        task = self._task(data, tokenizer)
        model, tuned = fine_tune(lambda: self._fresh(data), task, site)
        model = without_adapters(model) if self._parameters.lora else model
        details = _details(tuned)
        larger = {data.teacher.name: data.teacher.validation} if data.teacher else {}
        if self._parameters.prune:
            unpruned = self._answers(model, task, tuned)
            larger["the model before pruning"] = decisions(data, unpruned)
            model, tuned = self._pruned(model, task, site, start=tuned.epochs)
            details["recovery"] = _details(tuned)
        parent = self._answers(model, task, tuned)
        served = Probabilities(model.cpu(), data.problem)
        exports = write_exports(served, tokenizer, site.drafts, site.progress)
        return Learned(parent, exports, details, larger, self._tolerance())

    def _tokenizer(self, data: TrainingData) -> Any:
        """The backbone's, if what is to be done with the backbone can be done."""
        loaded = self._loaded(data)
        if self._parameters.prune:
            check_prunable(loaded.model)
        return loaded.tokenizer

    def _pruned(
        self, model: nn.Module, task: Task, site: TrainingSite, start: float
    ) -> tuple[Any, FineTuned]:
        """The model without the neurons that weigh least, after it has learned again."""
        prune_neurons(model, self._parameters.prune, task.train, task.loss, task.padding)
        schedule = replace(task.schedule, epochs=self._parameters.recovery_epochs)
        kept = (site.checkpoints or site.drafts / "checkpoints") / "pruned"
        again = replace(site, checkpoints=kept, announce=Relay(site.announce, start))
        return fine_tune(lambda: deepcopy(model), replace(task, schedule=schedule), again)

    def _answers(self, model: nn.Module, task: Task, tuned: FineTuned) -> NDArray[np.float64]:
        # No more at once than there turned out to be memory for.
        return answers(model, task.validation, task.padding, tuned.batch_size)

    def _tolerance(self) -> Tolerance:
        return Tolerance(self._parameters.least_agreement, self._parameters.most_accuracy_lost)

    def _task(self, data: TrainingData, tokenizer: Any) -> Task:
        # A copy: the one that is written stays as it came.
        copy = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        cutter = WindowCutter.of(copy, self._parameters.max_tokens, self._parameters.long_texts)
        return Task(
            train=encoded(data.train.texts, self._targets(data), cutter, data.problem),
            validation=encoded(
                data.validation.texts, data.targets(data.validation), cutter, data.problem
            ),
            loss=self._loss(data),
            schedule=self._schedule(),
            padding=tokenizer.pad_token_id,
            seed=data.seed,
        )

    def _targets(self, data: TrainingData) -> NDArray[np.float32]:
        """What is learned of each training text, shape (texts, classes)."""
        labels = data.targets(data.train)
        if data.teacher is None:
            return labels
        given = self._parameters.teacher_weight
        weight = _USUAL_TEACHER_WEIGHT if given is None else given
        mixed: NDArray[np.float32] = (1 - weight) * labels + weight * data.teacher.train
        return mixed.astype(np.float32)

    def _loaded(self, data: TrainingData) -> SequenceClassifier:
        loaded = load_sequence_classifier(self._parameters.backbone, data.labels, data.seed)
        check_length(loaded.model, self._parameters.max_tokens)
        return loaded

    def _fresh(self, data: TrainingData) -> nn.Module:
        """The model as it is before it learns."""
        loaded = self._loaded(data).model
        if self._parameters.layers:
            keep_layers(loaded, self._parameters.layers)
        model: nn.Module = loaded
        if not self._parameters.lora:
            return model
        chosen = self._parameters
        adapters = Adapters(chosen.lora_rank, chosen.lora_alpha, chosen.lora_dropout)
        return with_adapters(loaded, adapters)

    def _loss(self, data: TrainingData) -> Loss:
        weights: NDArray[np.float64] = np.ones(len(data.labels))
        if self._parameters.class_weights:
            counts = data.targets(data.train).sum(0, dtype=np.float64)
            weights = _balanced(counts, len(data.train), data.problem)
        return Loss(
            torch.tensor(weights, dtype=torch.float32),
            self._parameters.focal_gamma,
            self._parameters.label_smoothing,
            data.problem,
        )

    def _schedule(self) -> Schedule:
        chosen = self._parameters
        usual = _ADAPTERS_RATE if chosen.lora else _USUAL_RATE
        return Schedule(
            epochs=chosen.epochs,
            batch_size=chosen.batch_size,
            learning_rate=chosen.learning_rate or usual,
            warmup_steps=chosen.warmup_steps,
            weight_decay=chosen.weight_decay,
            patience=chosen.patience,
            precision=chosen.precision,
            gradient_checkpointing=chosen.gradient_checkpointing,
            checkpoint_seconds=chosen.checkpoint_seconds,
        )


def _balanced(counts: NDArray[np.float64], texts: int, problem: Problem) -> NDArray[np.float64]:
    """Weights with which every class counts the same, or presence as much as absence of a label."""
    if problem is Problem.MULTI_LABEL:
        weights: NDArray[np.float64] = np.maximum(texts - counts, 1) / counts
    else:
        weights = texts / (len(counts) * counts)
    return weights


def _details(tuned: FineTuned) -> dict[str, Any]:
    epochs = [
        {key: entry[key] for key in ("epoch", "eval_accuracy", "eval_loss")}
        for entry in tuned.log
        if "eval_accuracy" in entry
    ]
    return {
        "epochs": epochs,
        "best_epoch": tuned.best_epoch,
        "batch_size_in_memory": tuned.batch_size,
        "precision": tuned.precision,
    }
