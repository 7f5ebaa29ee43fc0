"""LitServe around a pipeline of transformers, with its dynamic batches.

Usage: MODEL=FOLDER python benchmarks/serving/peers/litserve/server.py PORT
"""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import litserve
from transformers import pipeline


class Classifier(litserve.LitAPI):  # type: ignore[misc]
    """Texts in, labels out."""

    def setup(self, device: str) -> None:
        """Load the model in the process that computes."""
        self._classify = pipeline("text-classification", model=os.environ["MODEL"], device=device)

    def decode_request(self, request: Mapping[str, str]) -> str:
        """The text of a body."""
        return request["text"]

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Label and score of each text of a batch."""
        found: list[dict[str, Any]] = self._classify(
            list(texts), truncation=True, batch_size=len(texts)
        )
        return found

    def encode_response(self, found: dict[str, Any]) -> dict[str, Any]:
        """The body of an answer."""
        return found


if __name__ == "__main__":
    api = Classifier(max_batch_size=16, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning"
    )
