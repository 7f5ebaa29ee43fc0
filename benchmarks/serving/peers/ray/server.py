"""Ray Serve around a pipeline of transformers, with its dynamic batches.

Usage: MODEL=FOLDER python benchmarks/serving/peers/ray/server.py PORT
"""

import os
import sys
from typing import Any

import ray
from ray import serve
from starlette.requests import Request
from transformers import pipeline


# Ray lets a replica have as many threads for arithmetic as it has CPUs.
@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": os.cpu_count()})
class Classifier:
    """Texts in, labels out."""

    def __init__(self, model: str) -> None:
        self._classify = pipeline("text-classification", model=model, device="cpu")

    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0.005)  # type: ignore[untyped-decorator]
    async def classify(self, texts: list[str]) -> list[dict[str, Any]]:
        """Label and score of each text of a batch."""
        found: list[dict[str, Any]] = self._classify(texts, truncation=True, batch_size=len(texts))
        return found

    async def __call__(self, request: Request) -> dict[str, Any]:
        """The answer to one request."""
        body = await request.json()
        found: dict[str, Any] = await self.classify(body["text"])
        return found


if __name__ == "__main__":
    ray.init(include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    classifier = Classifier.bind(os.environ["MODEL"])  # type: ignore[attr-defined]
    serve.run(classifier, route_prefix="/predict", blocking=True)
