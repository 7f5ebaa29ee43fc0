"""The encoder that serves: tokenised in Rust, computed by ONNX Runtime; torch plays no part."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from classmark.models.artifact import ArtifactConfig, damaged
from classmark.models.classifier import Classifier

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"


class EncoderClassifier(Classifier):
    """A sentence encoder with a linear head, one text at a time, unpadded.

    Int8 scales of activations are taken over a whole batch, so that a batch would let answers
    depend on neighbours. One text on one thread a time gives the same digits always, and as many
    answers a second as batches do on a CPU.
    """

    def __init__(self, graph: Path, tokenizer: Tokenizer, config: ArtifactConfig) -> None:
        self.labels = config.labels
        self.max_tokens = int(config.parameters["max_tokens"])
        self._graph = graph
        # The caller decides how many texts are in work at once.
        self._session = _session(graph, cores=1)
        self._tokenizer = tokenizer
        self._tokenizer.enable_truncation(self.max_tokens)
        self._tokenizer.no_padding()

    @classmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """The classifier whose graph and tokenizer lie in a folder."""
        found = cls(folder / MODEL, Tokenizer.from_file(str(folder / TOKENIZER)), config)
        if found._session.get_outputs()[0].shape[-1] != len(config.labels):
            raise damaged(folder, "labels and weights do not belong together")
        return found

    def _widen(self, cores: int) -> bool:
        """By a session of its own; the weights are mapped, and so the same."""
        self._session = _session(self._graph, cores)
        return True

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        """The softmax of the head, shape (classes,)."""
        return self._answer(self._tokenizer.encode(text).ids)

    def _answer(self, ids: Sequence[int]) -> NDArray[np.float64]:
        tokens = np.array([ids], dtype=np.int64)
        inputs = {"input_ids": tokens, "attention_mask": np.ones_like(tokens)}
        (found,) = self._session.run(["probabilities"], inputs)
        probabilities: NDArray[np.float64] = found[0].astype(np.float64)
        return probabilities


def _session(graph: Path, cores: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = cores
    options.inter_op_num_threads = 1
    # Between two texts nobody spins: the cores are for others then.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
