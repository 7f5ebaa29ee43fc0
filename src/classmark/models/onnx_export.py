"""From a torch module to an ONNX graph, and from fp32 to int8."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state
from onnxruntime.quantization import QuantType, quantize_dynamic

from classmark.models.encoder_runtime import MODEL, TOKENIZER
from classmark.models.first_token import first_token_only
from classmark.progress import Progress

# The first that has attention as one operator, which the runtime computes faster.
OPSET = 23
_LONGEST = 8192
# Larger weights lie in a file of their own beside the graph.
_MAPPED_BYTES = 100_000
_COMPILER_CACHE = "TORCHINDUCTOR_CACHE_DIR"
_RUNTIME_ERRORS = (
    ort_state.Fail,
    ort_state.InvalidArgument,
    ort_state.InvalidGraph,
    ort_state.RuntimeException,
)


def write_exports(
    module: torch.nn.Module, tokenizer: Any, drafts: Path, progress: Progress
) -> dict[str, Path]:
    """The folders of a module's exports, by name: "fp32" and "int8", each with the tokenizer.

    Args:
        module: Of (input_ids, attention_mask) to probabilities.
        tokenizer: The fast one of transformers.
        drafts: Where the folders are made.
        progress: Shows how far it is.
    """
    exports = {name: drafts / name for name in ("fp32", "int8")}
    for name, folder in progress.track(exports.items(), "Exporting to ONNX", len(exports)):
        folder.mkdir()
        tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
        if name == "fp32":
            export_onnx(module, folder / MODEL)
        else:
            quantise_onnx(exports["fp32"] / MODEL, folder / MODEL)
    return exports


def export_onnx(module: torch.nn.Module, path: Path) -> None:
    """Write a module of (input_ids, attention_mask) to probabilities as an ONNX graph.

    Texts and tokens may be of any number, up to 8192 tokens.
    """
    # Two tensors: one that is given twice would become one input.
    example = (torch.ones(2, 8, dtype=torch.int64), torch.ones(2, 8, dtype=torch.int64))
    texts = torch.export.Dim("texts", min=1, max=_LONGEST)
    tokens = torch.export.Dim("tokens", min=2, max=_LONGEST)
    dynamic = {name: {0: texts, 1: tokens} for name in ("input_ids", "attention_mask")}
    with (
        warnings.catch_warnings(),
        _quiet("torch.onnx"),
        _compiler_cache(path.parent),
        torch.no_grad(),
    ):
        # The exporter deprecates its own internals; nothing there is ours to mend.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            example,
            dynamo=True,
            verbose=False,
            input_names=["input_ids", "attention_mask"],
            output_names=["probabilities"],
            dynamic_shapes=dynamic,
            opset_version=OPSET,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    whole = program.model_proto
    narrowed = first_token_only(whole)
    _write_graph(narrowed if _answer_alike(whole, narrowed) else whole, path)


def _write_graph(graph: onnx.ModelProto, path: Path) -> None:
    """Write a graph, and its weights into a file beside it.

    The runtime maps that file into memory instead of copying it: sessions and processes share it.
    """
    onnx.save_model(
        graph,
        path,
        save_as_external_data=True,
        location=f"{path.name}.data",
        size_threshold=_MAPPED_BYTES,
    )


def _answer_alike(one: onnx.ModelProto, other: onnx.ModelProto) -> bool:
    """Whether two graphs give the same probabilities; a graph that can't run gives none."""
    try:
        sessions = [
            ort.InferenceSession(it.SerializeToString(), providers=["CPUExecutionProvider"])
            for it in (one, other)
        ]
        for tokens in (2, 9):
            ids = np.arange(tokens)[np.newaxis]
            given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
            first, second = (session.run(None, given)[0] for session in sessions)
            if not np.allclose(first, second, atol=1e-5):
                return False
    except _RUNTIME_ERRORS:
        return False
    return True


def quantise_onnx(fp32: Path, int8: Path) -> None:
    """Write the same graph with int8 weights in its matrix products.

    Weights are scaled per channel, in a reduced range so that AVX2 without VNNI can't overflow.
    The embedding table and the head stay fp32: they cost no time and much accuracy. So do the
    products that narrow a layer down again: what comes out of GELU is spread too unevenly for one
    int8 scale, and to leave them alone halves the labels that quantisation changes.
    """
    graph = onnx.load(fp32)
    # Shapes that the exporter wrote contradict the quantiser's own rewriting of the head.
    del graph.graph.value_info[:]
    with _quiet("root"):
        draft = int8.with_suffix(".draft")
        quantize_dynamic(
            graph,
            draft,
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=[*_narrowing_products(graph), *_heads(graph)],
        )
    _write_graph(onnx.load(draft), int8)
    draft.unlink()


def _narrowing_products(graph: onnx.ModelProto) -> list[str]:
    """The names of products with a constant matrix of more rows than columns."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.graph.initializer}
    return [
        node.name
        for node in graph.graph.node
        if node.op_type == "MatMul"
        and len(shape := shapes.get(node.input[1], ())) == 2
        and shape[0] > shape[1]
    ]


def _heads(graph: onnx.ModelProto) -> list[str]:
    """The names that the quantiser gives to the products of two-dimensional linear layers."""
    return [f"{node.name}_MatMul" for node in graph.graph.node if node.op_type == "Gemm"]


@contextmanager
def _compiler_cache(beside: Path) -> Iterator[None]:
    """Let torch's compiler, which the exporter asks, have a cache folder that goes again.

    Else it makes one among the temporary files, leaves it there, and sets this variable itself.
    """
    if _COMPILER_CACHE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(dir=beside) as folder:
        os.environ[_COMPILER_CACHE] = folder
        try:
            yield
        finally:
            del os.environ[_COMPILER_CACHE]


class _quiet:  # noqa: N801 (reads as a statement)
    """Keep a library's hints to its own users from ours."""

    def __init__(self, logger: str) -> None:
        self._logger = logging.getLogger(logger)
        self._level = self._logger.level

    def __enter__(self) -> None:
        self._logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._level)
