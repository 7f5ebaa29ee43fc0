"""Pretrained models with a classification head: loaded, given adapters, merged, made exportable."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, TaskType, get_peft_model
from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel, set_seed

from classmark.errors import SettingError
from classmark.models.activation import activated
from classmark.models.backbone import LOADING, load_tokenizer, reading_backbone
from classmark.models.problem import Problem


@dataclass(frozen=True, slots=True)
class SequenceClassifier:
    """A pretrained model with a new head, and its tokenizer.

    Attributes:
        model: Token ids to a score for each class.
        tokenizer: The fast one.
    """

    model: PreTrainedModel
    tokenizer: Any


@dataclass(frozen=True, slots=True)
class Adapters:
    """Low-rank adapters (LoRA, Hu et al. 2021) in every linear layer.

    Attributes:
        rank: Of the matrices that are learned.
        alpha: What they add is scaled by alpha / rank.
        dropout: In front of them.
    """

    rank: int
    alpha: int
    dropout: float


def load_sequence_classifier(name: str, classes: Sequence[str], seed: int) -> SequenceClassifier:
    """The model of that name with a head for these classes, which the seed decides.

    Raises:
        SettingError: There is none, its weights are in another format, or it can't classify texts.
        MissingExtraError: The embedded one is not installed.
    """
    set_seed(seed)
    with reading_backbone(name) as folder:
        tokenizer = load_tokenizer(folder)
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=len(classes), ignore_mismatched_sizes=True, **LOADING
        )
    if model.config.is_encoder_decoder:
        raise SettingError(
            f"The backbone {name!r} has an encoder and a decoder, which can't be served.",
            remedy="Name a model like DistilBERT, or one like GPT-2.",
        )
    if tokenizer.pad_token is None:
        # GPT-2 and its kin were trained without padding; what stands there is masked.
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    return SequenceClassifier(model, tokenizer)


def with_adapters(model: PreTrainedModel, adapters: Adapters) -> nn.Module:
    """The model, of which only the adapters and the head learn."""
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=adapters.rank,
        lora_alpha=adapters.alpha,
        lora_dropout=adapters.dropout,
        target_modules="all-linear",
    )
    with warnings.catch_warnings():
        # It asks for an attribute by a name that transformers has since changed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        adapted: nn.Module = get_peft_model(model, config)
    return adapted


def without_adapters(model: Any) -> PreTrainedModel:
    """The model with what its adapters learned added to its own weights."""
    merged: PreTrainedModel = model.merge_and_unload()
    return merged


class Probabilities(nn.Module):
    """Token ids to class probabilities: what is exported."""

    def __init__(self, model: PreTrainedModel, problem: Problem = Problem.SINGLE_LABEL) -> None:
        super().__init__()
        self.model = model
        self.problem = problem

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """The activated scores of the head, shape (texts, classes)."""
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return activated(logits, self.problem)
