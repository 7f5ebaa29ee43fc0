"""The fine-tuned transformer that serves: the encoder's way, long texts as it learned them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from classmark.models.artifact import ArtifactConfig
from classmark.models.encoder_runtime import EncoderClassifier
from classmark.models.windows import LongTexts, WindowCutter


class TransformerClassifier(EncoderClassifier):
    """A transformer with a classification head, one input at a time, unpadded."""

    def __init__(self, graph: Path, tokenizer: Tokenizer, config: ArtifactConfig) -> None:
        super().__init__(graph, tokenizer, config)
        long_texts = LongTexts(config.parameters["long_texts"])
        self._cutter = WindowCutter.of(tokenizer, int(config.parameters["max_tokens"]), long_texts)

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        """The softmax of the head, the mean over the windows of a text, shape (classes,)."""
        windows = self._cutter.windows(text)
        found: NDArray[np.float64] = np.mean([self._answer(ids) for ids in windows], axis=0)
        return found
