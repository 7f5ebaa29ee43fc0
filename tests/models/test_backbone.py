"""Pretrained encoders by name, and what can't be one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModel,
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from classmark.errors import SettingError
from classmark.models.backbone import check_length, load_backbone, longest_input

# What the fixtures of this room give: see conftest.py.
Samples = Any
Learn = Callable[..., Any]

# Nothing listens on port 9, as if there were no network.
NO_NETWORK = {"HF_ENDPOINT": "http://127.0.0.1:9"}
LOAD = """
import sys, time
from classmark.errors import SettingError
from classmark.models.backbone import load_backbone
start = time.monotonic()
try:
    found = load_backbone(sys.argv[1]).encoder.config.model_type
except SettingError as error:
    found = str(error)
print(time.monotonic() - start, found)
"""


def loaded_without_network(name: str, cache: Path) -> tuple[float, str]:
    """The seconds that it took, and the kind of encoder or the error."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, name],
        env={**os.environ, **NO_NETWORK, "HF_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seconds, _, found = done.stdout.strip().rpartition("\n")[2].partition(" ")
    return float(seconds), found


@pytest.fixture
def copied(tiny_backbone: Path, tmp_path: Path) -> Path:
    """The tiny encoder, to be changed at will."""
    return Path(shutil.copytree(tiny_backbone, tmp_path / "backbone"))


def test_without_a_network_a_name_that_is_not_here_is_refused_at_once(tmp_path: Path) -> None:
    seconds, found = loaded_without_network("nobody/none-such", tmp_path)
    assert found.startswith("The backbone 'nobody/none-such' can't be loaded: it is no folder")
    assert "Name 'minilm', a folder" in found
    assert seconds < 10


def test_without_a_network_what_was_fetched_before_is_enough(
    tiny_backbone: Path, tmp_path: Path
) -> None:
    # As the hub's own client keeps it.
    kept = tmp_path / "hub" / "models--somebody--tiny"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0" * 40)
    shutil.copytree(tiny_backbone, kept / "snapshots" / ("0" * 40))
    seconds, found = loaded_without_network("somebody/tiny", tmp_path)
    assert found == "bert"
    assert seconds < 10


@pytest.mark.parametrize("name", ["no such", "./nowhere", "/nowhere/at/all", "a/b/c", "", "-"])
def test_a_name_that_none_can_have_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match="can't be loaded"):
        load_backbone(name)


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nowhere", "../nowhere", "~/nowhere"])
def test_a_path_to_nothing_is_not_looked_for_on_the_hub(name: str) -> None:
    with pytest.raises(SettingError, match=f"'{name}' can't be loaded: there is no such folder"):
        load_backbone(name)


def test_a_path_may_begin_at_home(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(copied.parent))
    assert load_backbone(f"~/{copied.name}").encoder.config.model_type == "bert"


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_part_is_refused(copied: Path, missing: str) -> None:
    (copied / missing).unlink()
    with pytest.raises(SettingError, match="can't be loaded"):
        load_backbone(str(copied))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{", b"\x80\x04 something else" * 9])
def test_a_folder_with_a_damaged_part_is_refused(copied: Path, name: str, content: bytes) -> None:
    (copied / name).write_bytes(content)
    with pytest.raises(SettingError, match="can't be loaded"):
        load_backbone(str(copied))


def test_an_adapter_that_would_lead_to_another_model_is_refused(
    copied: Path, tmp_path: Path
) -> None:
    adapter = {"peft_type": "LORA", "base_model_name_or_path": str(copied)}
    led = tmp_path / "led"
    led.mkdir()
    (led / "adapter_config.json").write_bytes(orjson.dumps(adapter))
    with pytest.raises(SettingError, match="is an adapter of another model"):
        load_backbone(str(led))


def test_weights_that_are_a_pickle_are_refused(copied: Path) -> None:
    weights = AutoModel.from_pretrained(copied).state_dict()
    (copied / "model.safetensors").unlink()
    torch.save(weights, copied / "pytorch_model.bin")
    with pytest.raises(SettingError, match="can't be loaded"):
        load_backbone(str(copied))


def test_code_that_comes_with_a_model_is_not_run(copied: Path) -> None:
    config = orjson.loads((copied / "config.json").read_bytes())
    config |= {"model_type": "homemade", "auto_map": {"AutoModel": "homemade.Homemade"}}
    (copied / "config.json").write_bytes(orjson.dumps(config))
    (copied / "homemade.py").write_text("raise SystemExit('I ran')")
    with pytest.raises(SettingError, match="can't be loaded"):
        load_backbone(str(copied))


def test_code_that_comes_with_a_tokenizer_is_not_run(copied: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    config = orjson.loads((copied / "tokenizer_config.json").read_bytes())
    config |= {"auto_map": {"AutoTokenizer": ["homemade.Homemade", "homemade.Homemade"]}}
    (copied / "tokenizer_config.json").write_bytes(orjson.dumps(config))
    for name in ("homemade.py", "__init__.py", "tokenization_homemade.py"):
        (copied / name).write_text(f"open({str(canary)!r}, 'w').close()\n")
    for named in (None, "Homemade", "HomemadeTokenizer"):
        known = {"tokenizer_class": named} if named else {}
        (copied / "tokenizer_config.json").write_bytes(orjson.dumps(config | known))
        with suppress(SettingError):
            load_backbone(str(copied))
    assert not canary.exists()


def test_code_for_a_known_architecture_is_not_run(copied: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    config = orjson.loads((copied / "config.json").read_bytes())
    places = ("AutoConfig", "AutoModel", "AutoModelForSequenceClassification", "AutoTokenizer")
    config |= {"auto_map": dict.fromkeys(places, "homemade.Homemade"), "trust_remote_code": True}
    (copied / "config.json").write_bytes(orjson.dumps(config))
    (copied / "homemade.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
    with suppress(SettingError):
        load_backbone(str(copied))
    assert not canary.exists()


def test_half_precision_becomes_whole(copied: Path) -> None:
    AutoModel.from_pretrained(copied).half().save_pretrained(copied)
    assert load_backbone(str(copied)).encoder.dtype == torch.float32


def test_a_tokenizer_without_padding_is_no_encoder_s(
    copied: Path, tiny_tokenizer: Tokenizer
) -> None:
    PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer).save_pretrained(copied)
    with pytest.raises(SettingError, match="no padding token"):
        load_backbone(str(copied))


@pytest.mark.parametrize(
    ("positions", "make", "longest"),
    [
        (64, lambda size: BertModel(BertConfig(**size)), 64),
        (64, lambda size: RobertaModel(RobertaConfig(pad_token_id=1, **size)), 62),
        (64, lambda size: RobertaModel(RobertaConfig(pad_token_id=0, **size)), 63),
    ],
)
def test_the_longest_text_is_read_and_no_longer_one(
    copied: Path, positions: int, make: Callable[[dict[str, int]], Any], longest: int
) -> None:
    size = {
        "vocab_size": 3000,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 8,
        "max_position_embeddings": positions,
    }
    make(size).save_pretrained(copied)
    encoder = load_backbone(str(copied)).encoder
    assert longest_input(encoder) == longest
    check_length(encoder, longest)
    with pytest.raises(SettingError, match=f"max_tokens is {longest + 1}.* {longest} tokens"):
        check_length(encoder, longest + 1)
    with torch.inference_mode():
        encoder(torch.full((1, longest), 5))
        with pytest.raises((IndexError, RuntimeError)):
            encoder(torch.full((1, longest + 1), 5))


def test_the_embedded_one_reads_512_tokens() -> None:
    assert longest_input(load_backbone("minilm").encoder) == 512


def test_more_tokens_than_the_backbone_has_positions_are_refused_before_anything_is_learned(
    samples: Samples, learn: Learn, tiny_backbone: Path
) -> None:
    with pytest.raises(SettingError, match="max_tokens is 129, and the backbone reads 128"):
        learn("encoder", samples.data, {"backbone": str(tiny_backbone), "max_tokens": "129"})


@pytest.mark.parametrize(
    ("key", "value"), [("max_tokens", "2"), ("max_tokens", "all"), ("batch_size", "0")]
)
def test_a_parameter_that_can_not_be_is_named(key: str, value: str, learn: Learn) -> None:
    with pytest.raises(SettingError, match=key):
        learn("encoder", None, {key: value})
