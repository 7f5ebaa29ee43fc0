"""Of the last layer only what the head reads is computed, and the answers stay the same."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    PretrainedConfig,
    RobertaConfig,
)

from classmark.models.onnx_export import export_onnx
from classmark.models.sequence_classifier import Probabilities

SIZES = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 40,
    "num_labels": 3,
    "pad_token_id": 0,
    # Far from 0, so that every token has its say.
    "initializer_range": 0.5,
}
DISTILBERT = {
    "dim": 16,
    "hidden_dim": 32,
    "n_layers": 2,
    "n_heads": 2,
    "vocab_size": 50,
    "num_labels": 3,
    "initializer_range": 0.5,
}
READ_THE_FIRST = {
    "bert": BertConfig(**SIZES),
    "electra": ElectraConfig(**SIZES, embedding_size=16),
    "roberta": RobertaConfig(**SIZES),
    "distilbert": DistilBertConfig(**DISTILBERT),
}
READS_THE_LAST = GPT2Config(
    n_embd=16, n_layer=2, n_head=2, vocab_size=50, n_positions=40, num_labels=3, pad_token_id=0
)


def made(config: PretrainedConfig, attention: str) -> Probabilities:
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config, attn_implementation=attention)
    return Probabilities(model).eval()


def exported(module: Probabilities, folder: Path) -> Path:
    path = folder / "model.onnx"
    export_onnx(module, path)
    return path


def given(texts: int, tokens: int) -> dict[str, torch.Tensor]:
    """Texts of which each is shorter than the one before."""
    generator = torch.Generator().manual_seed(tokens)
    ids = torch.randint(4, 50, (texts, tokens), generator=generator)
    mask = torch.ones_like(ids)
    for row in range(texts):
        mask[row, tokens - row :] = 0
    return {"input_ids": ids, "attention_mask": mask}


def places_computed(path: Path, tokens: int) -> list[int]:
    """Of how many tokens each product of hidden numbers with weights is computed."""
    model = onnx.load(path)
    weights = {tensor.name for tensor in model.graph.initializer}
    products = [
        node.output[0]
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in weights
    ]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in products)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    tensors = {name: values.numpy() for name, values in given(1, tokens).items()}
    return [values.shape[1] for values in session.run(products, tensors)]


@pytest.mark.parametrize(
    ("name", "attention"), [*((name, "sdpa") for name in READ_THE_FIRST), ("bert", "eager")]
)
def test_the_last_layer_is_computed_of_the_first_token_and_answers_the_same(
    name: str, attention: str, tmp_path: Path
) -> None:
    module = made(READ_THE_FIRST[name], attention)
    path = exported(module, tmp_path)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])

    for texts, tokens in ((1, 2), (1, 30), (4, 11)):
        inputs = given(texts, tokens)
        with torch.inference_mode():
            expected = module(**inputs).numpy()
        tensors = {key: values.numpy() for key, values in inputs.items()}
        (found,) = session.run(None, tensors)
        np.testing.assert_allclose(found, expected, atol=1e-5)

    first_layer, last_layer = np.split(np.array(places_computed(path, 30)), 2)
    assert set(first_layer) == {30}
    # Keys and values are needed of every token; the query, what follows it and no more, of one.
    assert sorted(last_layer) == [1, 1, 1, 1, 30, 30]


class Symmetric(torch.nn.Module):
    """Attention that is read along both axes, and a projection cut in two."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.words = torch.nn.Embedding(50, 16)
        self.both = torch.nn.Linear(16, 32)
        self.head = torch.nn.Linear(16, 3)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.words(input_ids) * attention_mask[..., None]
        keys, values = self.both(hidden).chunk(2, -1)
        scores = hidden @ keys.transpose(1, 2)
        mixed = torch.softmax(scores + scores.transpose(1, 2), -1) @ values
        return torch.softmax(self.head((mixed.tanh() * hidden)[:, 0]), -1)


def test_what_is_read_along_two_axes_or_cut_in_two_is_cut_where_it_must_be(tmp_path: Path) -> None:
    module = Symmetric().eval()
    path = tmp_path / "model.onnx"
    export_onnx(module, path)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = given(3, 9)
    with torch.inference_mode():
        expected = module(**inputs).numpy()
    tensors = {key: values.numpy() for key, values in inputs.items()}
    np.testing.assert_allclose(session.run(None, tensors)[0], expected, atol=1e-5)


def test_a_head_that_reads_another_token_gets_every_token_computed(tmp_path: Path) -> None:
    module = made(READS_THE_LAST, "sdpa")
    path = exported(module, tmp_path)
    inputs = given(3, 9)
    with torch.inference_mode():
        expected = module(**inputs).numpy()
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    tensors = {key: values.numpy() for key, values in inputs.items()}
    np.testing.assert_allclose(session.run(None, tensors)[0], expected, atol=1e-5)
