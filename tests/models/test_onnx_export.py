"""From torch to ONNX: the graph answers as the module does, for texts of any length and number."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray

from classmark.models.backbone import load_backbone
from classmark.models.onnx_export import export_onnx, quantise_onnx
from classmark.models.pooled_encoder import PooledEncoder

CLASSES = 4


@pytest.fixture(scope="module")
def module(tiny_backbone: Path) -> PooledEncoder:
    encoder = load_backbone(str(tiny_backbone)).encoder
    found = PooledEncoder(encoder)
    rng = np.random.default_rng(0)
    found.attach_head(rng.normal(size=(CLASSES, encoder.config.hidden_size)), np.arange(CLASSES))
    return found.eval()


@pytest.fixture(scope="module")
def graph(module: PooledEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export_onnx(module, path)
    return path


def answers(path: Path, tokens: torch.Tensor, mask: torch.Tensor) -> NDArray[np.float32]:
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    found: NDArray[np.float32]
    (found,) = session.run(None, {"input_ids": tokens.numpy(), "attention_mask": mask.numpy()})
    return found


def batch(texts: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and a mask under which each text is shorter than the one before."""
    generator = torch.Generator().manual_seed(texts * 1000 + tokens)
    ids = torch.randint(0, 1000, (texts, tokens), generator=generator)
    mask = torch.ones_like(ids)
    for row in range(texts):
        mask[row, max(1, tokens - row) :] = 0
    return ids, mask


@pytest.mark.parametrize(("texts", "tokens"), [(1, 2), (1, 3), (1, 128), (2, 8), (5, 17)])
def test_the_graph_answers_as_the_module(
    module: PooledEncoder, graph: Path, texts: int, tokens: int
) -> None:
    ids, mask = batch(texts, tokens)
    with torch.inference_mode():
        expected = module(ids, mask).numpy()
    np.testing.assert_allclose(answers(graph, ids, mask), expected, atol=1e-5)


def test_padding_changes_no_answer(module: PooledEncoder, graph: Path) -> None:
    ids, _ = batch(1, 9)
    whole = torch.ones_like(ids)
    padded = torch.nn.functional.pad(ids, (0, 20))
    mask = torch.nn.functional.pad(whole, (0, 20))
    np.testing.assert_allclose(answers(graph, padded, mask), answers(graph, ids, whole), atol=1e-6)
    with torch.inference_mode():
        lengths = module.embed(padded, mask).norm(dim=1)
    np.testing.assert_allclose(lengths.numpy(), 1, atol=1e-6)


def test_quantisation_leaves_embeddings_and_head_alone(graph: Path, tmp_path: Path) -> None:
    quantise_onnx(graph, tmp_path / "int8.onnx")
    before, after = (onnx.load(path).graph.initializer for path in (graph, tmp_path / "int8.onnx"))
    whole = {tuple(tensor.dims) for tensor in after if tensor.data_type == onnx.TensorProto.FLOAT}
    small = [tensor for tensor in after if tensor.data_type == onnx.TensorProto.INT8]
    words = max((tuple(tensor.dims) for tensor in before), key=np.prod)
    assert small
    assert words in whole
    assert not [tensor for tensor in small if CLASSES in tensor.dims]
    ids, mask = batch(1, 40)
    gap = np.abs(answers(tmp_path / "int8.onnx", ids, mask) - answers(graph, ids, mask)).max()
    assert 0 < gap < 0.05


def test_large_weights_lie_beside_the_graph(graph: Path) -> None:
    inside = onnx.load(graph, load_external_data=False).graph.initializer
    beside = [it for it in inside if it.data_location == onnx.TensorProto.EXTERNAL]
    assert beside
    assert graph.with_name("model.onnx.data").stat().st_size > graph.stat().st_size


def test_weights_outside_of_the_folder_are_not_read(graph: Path, tmp_path: Path) -> None:
    model = onnx.load(graph, load_external_data=False)
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "outside.data").write_bytes(graph.with_name("model.onnx.data").read_bytes())
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "../outside.data"
    (inner / "model.onnx").write_bytes(model.SerializeToString())
    ids, mask = batch(1, 5)
    with pytest.raises(Exception, match=r"(?i)escape|outside|invalid|external"):
        answers(inner / "model.onnx", ids, mask)
