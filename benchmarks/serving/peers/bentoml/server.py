"""BentoML around a pipeline of transformers, with its adaptive batches.

Usage: MODEL=FOLDER bentoml serve benchmarks/serving/peers/bentoml/server.py:Classifier
"""

import os
from typing import Any

import bentoml
from transformers import pipeline


@bentoml.service(traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Classifier:
    """Texts in, labels out."""

    def __init__(self) -> None:
        self._classify = pipeline("text-classification", model=os.environ["MODEL"], device="cpu")

    @bentoml.api(batchable=True, max_batch_size=16, max_latency_ms=10_000)  # type: ignore[untyped-decorator]
    def predict(self, texts: list[str]) -> list[dict[str, Any]]:
        """Label and score of each text of a batch."""
        found: list[dict[str, Any]] = self._classify(texts, truncation=True, batch_size=len(texts))
        return found
