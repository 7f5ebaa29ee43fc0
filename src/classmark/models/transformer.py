"""Any pretrained transformer, fine-tuned to classify."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from tokenizers import Tokenizer
from torch import nn

from classmark.models.backbone import USUAL, check_length, named_backbone
from classmark.models.fine_tuning import (
    FineTuned,
    Schedule,
    Task,
    fine_tune,
)
from classmark.models.inputs import answers, encoded
from classmark.models.model import Family, LabelledTexts, Learned, TrainingData, TrainingSite
from classmark.models.onnx_export import write_exports
from classmark.models.parameters import Count, Strength, Weight, parsed_parameters
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
from classmark.models.windows import LongTexts, WindowCutter

Share = Annotated[float, Field(ge=0, lt=1)]
# Adapters learn with steps that would tear full weights apart.
_USUAL_RATE, _ADAPTERS_RATE = 2e-5, 2e-4


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
        class_weights: `balanced` lets every class count the same, however many texts it has.
        focal_gamma: How much less a text counts that is answered well already; 0 is off.
        label_smoothing: The share of each label that is spread over all classes.
        lora: Whether only low-rank adapters learn; they are merged into the weights for serving.
        lora_rank: Of the adapters.
        lora_alpha: What the adapters add is scaled by alpha / rank.
        lora_dropout: In front of the adapters.
        precision: `auto` takes bf16 where the device computes it natively, on a GPU else fp16, and
            else fp32.
        gradient_checkpointing: Whether to compute activations twice instead of keeping them.
        checkpoint_seconds: Between two checkpoints within an epoch.
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
    class_weights: Literal["balanced"] | None = None
    focal_gamma: Weight = 0.0
    label_smoothing: Share = 0.0
    lora: bool = False
    lora_rank: Count = 16
    lora_alpha: Count = 32
    lora_dropout: Share = 0.05
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    gradient_checkpointing: bool = False
    checkpoint_seconds: Weight = 120.0


class TransformerFamily(Family):
    """A pretrained transformer, all of whose weights or whose adapters learn the classes.

    AdamW with a linear warm-up and decay; texts of like length are learned from together, so that
    little is padded. The weights of the epoch with the highest validation accuracy are kept.
    """

    name: ClassVar[str] = "transformer"
    parameters_class = TransformerParameters
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
            SettingError: A key is unknown or a value can't be.
        """
        parameters = parsed_parameters(TransformerParameters, given)
        return cls(replace(parameters, backbone=named_backbone(parameters.backbone)))

    @property
    def architecture(self) -> str:
        """The backbone decides."""
        return f"transformer:{self._parameters.backbone}"

    def _learn(self, data: TrainingData, site: TrainingSite) -> Learned:
        tokenizer = self._loaded(data).tokenizer
        task = self._task(data, tokenizer)
        model, tuned = fine_tune(lambda: self._fresh(data), task, site)
        model = without_adapters(model) if self._parameters.lora else model
        parent = answers(model, task.validation, task.padding, self._parameters.batch_size)
        # Fused attention learns faster; spelled out, it gives the graph that serves faster.
        model.set_attn_implementation("eager")
        exports = write_exports(Probabilities(model.cpu()), tokenizer, site.drafts, site.progress)
        return Learned(parent, exports, _details(tuned))

    def _task(self, data: TrainingData, tokenizer: Any) -> Task:
        # A copy: the one that is written stays as it came.
        copy = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        cutter = WindowCutter.of(copy, self._parameters.max_tokens, self._parameters.long_texts)
        return Task(
            train=encoded(data.train.texts, _one_hot(data, data.train), cutter),
            validation=encoded(data.validation.texts, _one_hot(data, data.validation), cutter),
            loss=self._loss(data),
            schedule=self._schedule(),
            padding=tokenizer.pad_token_id,
            seed=data.seed,
        )

    def _loaded(self, data: TrainingData) -> SequenceClassifier:
        loaded = load_sequence_classifier(self._parameters.backbone, data.labels, data.seed)
        check_length(loaded.model, self._parameters.max_tokens)
        return loaded

    def _fresh(self, data: TrainingData) -> nn.Module:
        """The model as it is before it learns."""
        model: nn.Module = self._loaded(data).model
        if not self._parameters.lora:
            return model
        chosen = self._parameters
        adapters = Adapters(chosen.lora_rank, chosen.lora_alpha, chosen.lora_dropout)
        return with_adapters(model, adapters)

    def _loss(self, data: TrainingData) -> Loss:
        weights = np.ones(len(data.labels))
        if self._parameters.class_weights:
            _, counts = np.unique(data.train.labels, return_counts=True)
            weights = len(data.train) / (len(counts) * counts)
        return Loss(
            torch.tensor(weights, dtype=torch.float32),
            self._parameters.focal_gamma,
            self._parameters.label_smoothing,
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


def _one_hot(data: TrainingData, part: LabelledTexts) -> NDArray[np.float32]:
    """The label of each text as probabilities, shape (texts, classes)."""
    return np.eye(len(data.labels), dtype=np.float32)[np.searchsorted(data.labels, part.labels)]


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
