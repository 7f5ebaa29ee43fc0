"""Attention: the graph that serves shows what torch computes, and its file stays as it is."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from classmark.errors import SettingError
from classmark.evaluation import ExplanationRequest, Method, explain
from classmark.models import attention_of, load_classifier, read_spans
from classmark.models.artifact import ArtifactConfig, write_artifact_config
from classmark.models.attention import rollout
from classmark.models.attention_graph import AttentionGraph
from classmark.models.onnx_export import export_onnx, quantise_onnx
from classmark.models.pooled_encoder import PooledEncoder
from classmark.models.reading import read_windows

TEXT = "Query optimisation for joins: a planner that reorders relational tables, twice as fast."
HEADS, LAYERS, SIZE, LONGEST = 2, 2, 32, 128
# A transformer in a few lines: tokens, one attention with a residual connection, a readout.
GRAPH = """
<ir_version: 8, opset_import: ["" : 18, "com.microsoft" : 1]>
graph (int64[texts, tokens] input_ids, int64[texts, tokens] attention_mask)
    => (float[texts, classes] probabilities) {
  words = Gather <axis = 0> (table, input_ids)
  {attention}
  hidden = Add (words, seen)
  {readout}
  scores = MatMul (read, head)
  probabilities = Softmax <axis = -1> (scores)
}
"""
SHOWN = """
  turned = Transpose <perm = [0, 2, 1]> (words)
  scores_of_tokens = MatMul (words, turned)
  looks = Softmax <axis = -1> (scores_of_tokens)
  seen = MatMul (looks, words)
"""
FUSED = "seen = com.microsoft.MultiHeadAttention <num_heads = 2> (words, words, words)"
NONE = "seen = Identity (words)"
MEAN = "read = ReduceMean <keepdims = 0> (hidden, axes)"
READOUTS = {
    "first token": "read = Gather <axis = 1> (hidden, first)",
    "last token": "read = Gather <axis = 1> (hidden, last)",
    "all tokens": MEAN,
}


@pytest.fixture(scope="module")
def module(tiny_tokenizer: Tokenizer) -> PooledEncoder:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tiny_tokenizer.get_vocab_size(),
        hidden_size=SIZE,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=2 * SIZE,
        max_position_embeddings=LONGEST,
        # Attention that differs between tokens, as in a trained model.
        initializer_range=0.3,
    )
    encoder = BertModel(config).eval()
    encoder.set_attn_implementation("eager")
    found = PooledEncoder(encoder)
    generator = np.random.default_rng(0)
    found.attach_head(generator.normal(size=(3, SIZE)), np.zeros(3))
    return found.eval()


@pytest.fixture(scope="module", params=["sdpa", "eager"])
def exports(
    module: PooledEncoder,
    tiny_tokenizer: Tokenizer,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Mapping[str, Path]:
    """With attention as one node, and spelled out as softmax and products."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("fp32", "int8")}
    encoder: Any = module.encoder
    encoder.set_attn_implementation(request.param)
    export_onnx(module, folders["fp32"] / "model.onnx")
    encoder.set_attn_implementation("eager")
    quantise_onnx(folders["fp32"] / "model.onnx", folders["int8"] / "model.onnx")
    config = ArtifactConfig("encoder", ("a", "b", "c"), {"max_tokens": LONGEST})
    for folder in folders.values():
        tiny_tokenizer.save(str(folder / "tokenizer.json"))
        write_artifact_config(folder, config)
    return folders


@pytest.fixture
def reading(exports: Mapping[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """The fp32 export, set to read texts in another way."""

    def changed(**parameters: Any) -> Path:
        folder = Path(shutil.copytree(exports["fp32"], tmp_path / "changed"))
        write_artifact_config(folder, ArtifactConfig("transformer", ("a", "b", "c"), parameters))
        return folder

    return changed


@pytest.fixture(scope="module")
def tiny(samples: Any, learn: Callable[..., Any]) -> Any:
    return learn("encoder", samples.data)


@pytest.fixture(scope="module")
def long_text(tiny_tokenizer: Tokenizer) -> str:
    text = " ".join(f"{TEXT} It is number {number}." for number in range(30))
    assert len(tiny_tokenizer.encode(text).ids) > 4 * LONGEST
    return text


def graph_file(folder: Path, attention: str, readout: str) -> Path:
    """A graph written by hand, 4 numbers a token, 10 tokens, 3 classes."""
    text = GRAPH.replace("{attention}", attention).replace("{readout}", readout)
    model = onnx.parser.parse_model(text)
    generator = np.random.default_rng(1)
    constants = {
        "table": generator.normal(size=(10, 4)).astype(np.float32),
        "head": generator.normal(size=(4, 3)).astype(np.float32),
        "axes": np.array([1]),
        "first": np.array(0),
        "last": np.array(-1),
    }
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(value, name) for name, value in constants.items()
    )
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def by_torch(module: PooledEncoder, ids: tuple[int, ...]) -> list[NDArray[np.float64]]:
    tokens = torch.tensor([ids])
    with torch.inference_mode():
        found = module.encoder(
            input_ids=tokens, attention_mask=torch.ones_like(tokens), output_attentions=True
        )
    return [layer[0].double().numpy() for layer in found.attentions]


def test_the_graph_shows_the_attention_that_torch_computes(
    module: PooledEncoder, exports: Mapping[str, Path]
) -> None:
    (window,) = read_windows(exports["fp32"], TEXT)
    expected = by_torch(module, window.ids)
    found = AttentionGraph(exports["fp32"] / "model.onnx").layers(window.ids)
    assert len(found) == len(expected) == LAYERS
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-6), ("int8", 0.02)])
def test_tokens_get_what_rolls_out_of_all_layers(
    precision: str, tolerance: float, module: PooledEncoder, exports: Mapping[str, Path]
) -> None:
    found = attention_of(exports[precision], TEXT)
    (window,) = read_windows(exports[precision], TEXT)
    first, second = (
        0.5 * layer.mean(0) + 0.5 * np.eye(len(layer[0])) for layer in by_torch(module, window.ids)
    )
    of_text = np.array([span is not None for span in window.spans])
    expected = (second @ first).mean(0)
    np.testing.assert_allclose(found.weights, expected[of_text], atol=tolerance)
    assert found.special == pytest.approx(expected[~of_text].sum(), abs=tolerance)
    assert found.weights.sum() + found.special == pytest.approx(1)
    assert (found.layers, found.heads, found.readout) == (LAYERS, HEADS, "all tokens")


def test_tokens_are_found_again_in_the_text(exports: Mapping[str, Path]) -> None:
    found = attention_of(exports["fp32"], TEXT)
    words = [TEXT[start:end] for start, end in found.spans]
    assert "".join(words) == TEXT.replace(" ", "")
    assert {":", ",", "."} <= set(words)
    assert len(words) == len(found.weights)
    assert (found.weights > 0).all()


def test_the_artifact_is_not_touched(exports: Mapping[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(exports["int8"], tmp_path / "artifact"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    attention_of(folder, TEXT)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_of_a_long_text_only_what_is_read_gets_attention(
    exports: Mapping[str, Path], long_text: str
) -> None:
    found = attention_of(exports["fp32"], long_text)
    assert len(found.spans) == LONGEST - 2
    assert read_spans(exports["fp32"], long_text) == [(0, found.spans[-1][1])]
    assert found.spans[-1][1] < len(long_text)


def test_windows_share_the_attention_of_a_long_text(
    reading: Callable[..., Path], long_text: str
) -> None:
    folder = reading(max_tokens=LONGEST, long_texts="windows")
    found = attention_of(folder, long_text)
    windows = read_windows(folder, long_text)
    assert len(windows) > 4
    assert read_spans(folder, long_text) == [(0, len(long_text))]
    assert found.weights.sum() + found.special == pytest.approx(1)
    tokens_of_first = len(windows[0].ids) - 2
    alone = attention_of(folder, long_text[: found.spans[tokens_of_first - 1][1]])
    np.testing.assert_allclose(
        found.weights[:tokens_of_first] * len(windows), alone.weights, atol=1e-6
    )


def test_head_and_tail_are_read_and_the_middle_is_not(
    reading: Callable[..., Path], long_text: str
) -> None:
    folder = reading(max_tokens=LONGEST, long_texts="head-tail")
    (head, tail) = read_spans(folder, long_text)
    assert head[0] == 0
    assert head[1] < tail[0]
    assert tail[1] == len(long_text)


@pytest.mark.parametrize("text", ["", " ", "query"])
def test_texts_of_hardly_a_token_have_attention_too(text: str, exports: Mapping[str, Path]) -> None:
    found = attention_of(exports["fp32"], text)
    assert found.weights.sum() + found.special == pytest.approx(1)
    assert len(found.spans) == len(text.split())


@pytest.mark.parametrize("readout", READOUTS)
def test_it_is_found_out_which_tokens_the_answer_is_computed_from(
    readout: str, tmp_path: Path
) -> None:
    path = graph_file(tmp_path, SHOWN, READOUTS[readout])
    assert AttentionGraph(path).readout([3, 1, 4, 1, 5, 9, 2, 6]) == readout


@pytest.mark.parametrize(
    ("attention", "why"), [(FUSED, "fused nodes (MultiHeadAttention)"), (NONE, "has no attention")]
)
def test_attention_that_can_not_be_seen_is_said_to_be_so(
    attention: str, why: str, tmp_path: Path
) -> None:
    graph = AttentionGraph(graph_file(tmp_path, attention, MEAN))
    with pytest.raises(SettingError, match=r"shap or lime") as refused:
        graph.layers([3, 1, 4, 1, 5])
    assert why in refused.value.message


def test_a_family_without_attention_names_the_other_methods(artifact: Path) -> None:
    with pytest.raises(SettingError, match=r"Explain it by shap or lime"):
        attention_of(artifact, TEXT)
    assert read_spans(artifact, TEXT) == [(0, len(TEXT))]


attentions = st.integers(1, 6).flatmap(
    lambda tokens: st.lists(
        st.lists(st.floats(0.01, 1), min_size=2 * tokens**2, max_size=2 * tokens**2).map(
            lambda numbers: np.array(numbers).reshape(2, tokens, tokens)
        ),
        min_size=1,
        max_size=4,
    )
)


@given(attentions)
def test_rolled_out_attention_is_shared_out_whole(layers: list[NDArray[np.float64]]) -> None:
    shares = [layer / layer.sum(-1, keepdims=True) for layer in layers]
    found = rollout(shares)
    np.testing.assert_allclose(found.sum(-1), 1)
    assert (found >= 0).all()


def test_tokens_that_look_at_themselves_alone_stay_what_they_are() -> None:
    np.testing.assert_allclose(rollout([np.eye(4)[None]] * 3), np.eye(4))


@pytest.mark.parametrize("method", [Method.SHAP, Method.LIME])
def test_the_strongest_words_of_an_encoder_matter_more_than_random_ones(
    method: Method, tiny: Any, samples: Any
) -> None:
    request = ExplanationRequest(method, samples=500)
    strongest, random = removals(tiny, samples.held_out.texts[::9], request)
    assert strongest > random + 0.1


def test_the_pieces_of_a_word_are_joined_and_punctuation_is_no_word(
    exports: Mapping[str, Path],
) -> None:
    folder = exports["int8"]
    tokens, request = attention_of(folder, TEXT), ExplanationRequest(Method.ATTENTION)
    found = explain(load_classifier(folder), folder, TEXT, request)
    assert len(tokens.spans) > len(found.pieces) + 3
    for piece in found.pieces:
        inside = [piece.start <= start and end <= piece.end for start, end in tokens.spans]
        assert piece.weight == pytest.approx(tokens.weights[inside].sum())
        assert piece.text.isalpha()
    assert found.fidelity.on_words is not None
    assert found.fidelity.on_words == pytest.approx(sum(piece.weight for piece in found.pieces))
    assert 0 < found.fidelity.on_words < 1 - tokens.special
    assert (found.base, found.fidelity.gap, found.fidelity.r2) == (None, None, None)


def test_an_encoder_is_explained_by_what_it_reads_of_a_long_text(
    exports: Mapping[str, Path], long_text: str
) -> None:
    folder = exports["fp32"]
    found = explain(
        load_classifier(folder), folder, long_text, ExplanationRequest(samples=50, label="a")
    )
    assert found.words_read < LONGEST < found.words
    assert found.pieces[-1].end < len(long_text)
    # The rest does not move up where words are removed: it is in no shortened text.
    assert found.fidelity.gap == pytest.approx(0, abs=1e-6)


def removals(
    trained: Any, texts: Sequence[str], request: ExplanationRequest
) -> tuple[float, float]:
    """By how much the value falls without the strongest words, and without random ones; means."""
    found = [explain(trained.classifier, trained.folder, text, request) for text in texts]
    return (
        float(np.mean([one.value - one.fidelity.without_strongest for one in found])),
        float(np.mean([one.value - one.fidelity.without_random for one in found])),
    )
