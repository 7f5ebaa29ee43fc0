"""A graph that computes only what its head reads.

BERT and its kin classify by their first token. What their last layer computes of all the others,
keys and values apart, is thrown away. Here the selection of the first token moves up the graph,
from the head through all that computes each token by itself, until something needs every token.
That is done on the graph and not on the module, so that no architecture has to be known.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

# The place of a node in the graph, and that of one of its inputs.
_Reader = tuple[int, int]
# Numbers where they are known, else names.
_Shape = Sequence[int | str]

_ELEMENTWISE = {"Add", "Cast", "Div", "Erf", "Gelu", "Mul", "Relu", "Sub", "Tanh"}
_ALONG_LAST_AXIS = {"LayerNormalization", "Softmax"}
# The axis of tokens where a head reads them: (texts, tokens, hidden).
_TOKENS = 1
# That of the tokens that ask, in attention's queries and mask: (texts, heads, tokens, size).
_QUERY_TOKENS = 2
# Which input of attention the mask is.
_MASK = 3


def first_token_only(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, which computes what its head reads of the first token of that alone.

    A graph whose head reads something else is given back as it was.

    Args:
        model: With the shapes of what its nodes give, as torch's exporter writes them.
    """
    narrowed = onnx.ModelProto()
    narrowed.CopyFrom(model)
    _Narrowing(narrowed.graph).run()
    # Some of these shapes are no longer so; the runtime finds them by itself.
    del narrowed.graph.value_info[:]
    return narrowed


class _Narrowing:
    """One walk up a graph, from the head to where every token is needed."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._shapes = {value.name: _shape(value) for value in graph.value_info}
        self._shapes |= {name: tuple(tensor.dims) for name, tensor in self._constants.items()}
        self._readers: dict[str, list[_Reader]] = defaultdict(list)
        for place, node in enumerate(graph.node):
            for number, name in enumerate(node.input):
                self._readers[name].append((place, number))
        # Who needs no more than the first place along an axis.
        self._content: dict[_Reader, int] = {}
        self._cuts: list[tuple[int, onnx.NodeProto]] = []

    def run(self) -> None:
        for place in reversed(range(len(self._graph.node))):
            self._visit(place)
        for place, cut in sorted(self._cuts, key=lambda entry: entry[0], reverse=True):
            self._graph.node.insert(place + 1, cut)

    def _visit(self, place: int) -> None:
        node = self._graph.node[place]
        if self._selects_first_token(node):
            self._content[place, 0] = _TOKENS
        readers = [reader for name in node.output for reader in self._readers[name]]
        axes = {self._content.get(reader) for reader in readers}
        (axis,) = axes if len(axes) == 1 else (None,)
        needed = self._needed(node, axis) if axis is not None else None
        if needed is None or axis is None:
            self._cut(place)
            return
        if node.op_type == "Reshape":
            self._narrow_reshape(node, axis)
        self._content |= {(place, number): along for number, along in needed.items()}

    def _selects_first_token(self, node: onnx.NodeProto) -> bool:
        if node.op_type != "Gather" or node.input[1] not in self._constants:
            return False
        index = numpy_helper.to_array(self._constants[node.input[1]])
        tokens_are_there = len(self._shapes.get(node.input[0], ())) == 3
        return tokens_are_there and _axis(node) == _TOKENS and index.size == 1 and not index.any()

    def _needed(self, node: onnx.NodeProto, axis: int) -> Mapping[int, int] | None:
        """Of which inputs the first place is enough, and along which axis; None where it isn't.

        Args:
            node: What computes a value.
            axis: Along which its readers need no more than the first place.
        """
        shapes = [self._shapes.get(name) for name in (*node.input, node.output[0])]
        if any(shape is None for shape in shapes):
            return None
        *given, result = [shape for shape in shapes if shape is not None]
        needed = _needed(node, axis, given, result)
        if needed is None or any(node.input[number] in self._constants for number in needed):
            return None
        return needed

    def _narrow_reshape(self, node: onnx.NodeProto, axis: int) -> None:
        """Give a node that reshapes its new shape; the places before the axis are copied."""
        rest = [size if isinstance(size, int) else -1 for size in self._shapes[node.output[0]]]
        node.input[1] = self._constant(
            f"{node.name}_first_token", [0] * axis + [1] + rest[axis + 1 :]
        )
        del node.attribute[:]

    def _cut(self, place: int) -> None:
        """Select the first place of what a node gives, for each reader that needs no more."""
        for name in self._graph.node[place].output:
            content = [reader for reader in self._readers[name] if reader in self._content]
            axes = {self._content[reader] for reader in content}
            first = {axis: self._selected(place, name, axis) for axis in axes}
            for reader, number in content:
                self._graph.node[reader].input[number] = first[self._content[reader, number]]

    def _selected(self, place: int, name: str, axis: int) -> str:
        """The first place of a value along an axis, by a node that is still to be inserted."""
        first = f"{name}_first_token_{axis}"
        bounds = [
            self._constant(f"{first}_{what}", [value])
            for what, value in (("start", 0), ("end", 1), ("axis", axis))
        ]
        self._cuts.append((place, helper.make_node("Slice", [name, *bounds], [first])))
        return first

    def _constant(self, name: str, values: Sequence[int]) -> str:
        self._graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name


def _needed(
    node: onnx.NodeProto, axis: int, given: Sequence[_Shape], result: _Shape
) -> Mapping[int, int] | None:
    rank = len(result)
    needed: Mapping[int, int] | None = None
    match node.op_type:
        case kind if kind in _ELEMENTWISE:
            aligned = {number: axis - rank + len(shape) for number, shape in enumerate(given)}
            needed = {
                number: along
                for number, along in aligned.items()
                if along >= 0 and given[number][along] != 1
            }
        case kind if kind in _ALONG_LAST_AXIS and axis < rank - 1 and _axis(node) in (-1, rank - 1):
            needed = {0: axis}
        case "MatMul" if axis == rank - 2 and len(given[0]) == rank:
            needed = {0: axis}
        case "Split" if axis != _axis(node) % rank:
            needed = {0: axis}
        case "Transpose":
            needed = {0: next(a.ints[axis] for a in node.attribute if a.name == "perm")}
        case "Reshape" if tuple(given[0][: axis + 1]) == tuple(result[: axis + 1]):
            needed = {0: axis}
        case "Attention" if axis == rank - 2 == _QUERY_TOKENS and not _attribute(node, "is_causal"):
            has_mask = len(given) > _MASK and given[_MASK][-2] != 1
            needed = {0: axis} | ({_MASK: axis} if has_mask else {})
    return needed


def _axis(node: onnx.NodeProto) -> int:
    return _attribute(node, "axis", default=-1 if node.op_type in _ALONG_LAST_AXIS else 0)


def _attribute(node: onnx.NodeProto, name: str, default: int = 0) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)


def _shape(value: onnx.ValueInfoProto) -> _Shape:
    return tuple(size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim)
