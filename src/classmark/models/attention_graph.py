"""The graph that serves, made to show its attention: a copy in memory with more outputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from classmark.errors import SettingError

if TYPE_CHECKING:
    from classmark.models.attention import Readout

_ANSWER = "probabilities"
# ONNX's Attention gives, if asked, what it multiplies the values with: after the softmax.
_SEEN_OUTPUT, _MODE, _AFTER_SOFTMAX = 3, "qk_matmul_output_mode", 3
_GATE = "classmark_gate"
_UNGATED = "classmark_ungated"

Ids = Sequence[int]


class AttentionGraph:
    """An exported transformer whose attention can be seen.

    Which nodes are attention is told by what they are: ONNX's own Attention, or a softmax that has
    a number for each pair of tokens. Names play no part.

    Args:
        path: The graph of (input_ids, attention_mask) to probabilities; it is not changed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        model = onnx.load(path)
        # Of each output that shows attention the node that gives it.
        self._nodes = {
            name: place
            for place, node in enumerate(model.graph.node)
            if (name := _shown(node)) not in (None, _ANSWER)
        }
        self._names = list(self._nodes)
        self._fused = sorted(
            {node.op_type for node in model.graph.node if node.op_type.endswith("Attention")}
        )
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self._names)
        self._session = _session(model)

    def layers(self, ids: Ids) -> list[NDArray[np.float64]]:
        """The attention of each layer, the first one first, shape (heads, tokens, tokens).

        Where the last one is computed of the first token alone, its shape is (heads, 1, tokens).

        Raises:
            SettingError: The graph has none that can be seen.
        """
        return list(self._seen(ids).values())

    def readout(self, ids: Ids) -> "Readout":
        """From which tokens the answer is computed.

        Where that is one token, the last layer's attention of all others has no say in it. So it is
        tried what becomes of the answer without one token's attention, and with nothing else.

        Args:
            ids: Of some text, of more than a few tokens.

        Raises:
            SettingError: The graph has no attention that can be seen.
        """
        *_, (last, attention) = self._seen(ids).items()
        if attention.shape[-2] == 1 < len(ids):
            return "first token"
        gated = _session(self._gated(self._nodes[last]))
        every = np.ones(len(ids), np.float32)
        answer = _gated_answer(gated, ids, every)
        candidates: tuple[tuple[int, Readout], ...] = ((0, "first token"), (-1, "last token"))
        for place, name in candidates:
            alone = np.zeros_like(every)
            alone[place] = 1
            kept, left = (_gated_answer(gated, ids, gate) for gate in (alone, every - alone))
            if _distance(answer, kept) < _distance(answer, left):
                return name
        return "all tokens"

    def _seen(self, ids: Ids) -> dict[str, NDArray[np.float64]]:
        """What each attention gives, by the name of its output."""
        found = self._session.run([*self._names, _ANSWER], _inputs(ids))[:-1]
        seen = {
            name: values.astype(np.float64).reshape(-1, *values.shape[-2:])
            for name, values in zip(self._names, found, strict=True)
            if values.ndim > 2 and values.shape[-2:] in ((len(ids), len(ids)), (1, len(ids)))
        }
        if not seen:
            raise SettingError(self._why_not(), remedy="Explain it by shap or lime.")
        return seen

    def _gated(self, place: int) -> onnx.ModelProto:
        """The graph with the attention of one node that can be switched off, token by token."""
        model = onnx.load(self._path)
        name = model.graph.node[place].output[0]
        model.graph.node[place].output[0] = _UNGATED
        gate = onnx.helper.make_node("Mul", [_UNGATED, _GATE], [name])
        model.graph.node.insert(place + 1, gate)
        shape = ("tokens_gated", 1)
        model.graph.input.append(
            onnx.helper.make_tensor_value_info(_GATE, onnx.TensorProto.FLOAT, shape)
        )
        return model

    def _why_not(self) -> str:
        if self._fused:
            return (
                f"The graph computes attention in fused nodes ({', '.join(self._fused)}), which do "
                "not show where they look."
            )
        return "The graph has no attention."


def _shown(node: onnx.NodeProto) -> str | None:
    """The output of a node that shows attention, made one where the node can show it."""
    if node.op_type == "Softmax":
        return str(node.output[0])
    if node.op_type != "Attention" or node.domain:
        return None
    unused = _SEEN_OUTPUT - len(node.output)
    node.output.extend([*[""] * unused, f"{node.output[0]}_seen"])
    kept = [attribute for attribute in node.attribute if attribute.name != _MODE]
    del node.attribute[:]
    node.attribute.extend([*kept, onnx.helper.make_attribute(_MODE, _AFTER_SOFTMAX)])
    return str(node.output[_SEEN_OUTPUT])


def _session(model: onnx.ModelProto) -> Any:
    options = ort.SessionOptions()
    # One thread, as in serving.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # What was added has no declared type, and the runtime finds it by itself.
    options.log_severity_level = 3
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _inputs(ids: Ids) -> dict[str, NDArray[np.int64]]:
    tokens = np.array([ids], np.int64)
    return {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}


def _gated_answer(session: Any, ids: Ids, gate: NDArray[np.float32]) -> NDArray[np.float64]:
    """The logarithms of the probabilities, shape (classes,)."""
    (found,) = session.run([_ANSWER], {**_inputs(ids), _GATE: gate[:, None]})
    logarithms: NDArray[np.float64] = np.log(np.maximum(found[0].astype(np.float64), 1e-30))
    return logarithms


def _distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.abs(one - other).max())
