"""Serving, counted: Prometheus metrics and the same figures as JSON."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.process_collector import ProcessCollector

from classmark.errors import ClassmarkError
from classmark.predictions import Prediction

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5)
_SHARES = tuple(tenth / 10 for tenth in range(1, 11))


class ServingMetrics:
    """Listens to a predictor and counts.

    Args:
        model: The served model's name.
        version: Its version.
        is_fallback: Whether it stands in for another version that can't be loaded.
        several_workers: Whether the figures of all workers are added up. Then
            `PROMETHEUS_MULTIPROC_DIR` must have named a folder before this module was imported, as
            prometheus_client asks.
    """

    def __init__(
        self,
        model: str,
        version: str,
        *,
        is_fallback: bool = False,
        several_workers: bool = False,
    ) -> None:
        self._several_workers = several_workers
        self._registry = CollectorRegistry()
        if not several_workers:
            ProcessCollector(registry=self._registry)
        names = ("model", "version")
        self._predictions = Counter(
            "prediction_total", "Answers", (*names, "label"), registry=self._registry
        )
        self._errors = Counter(
            "prediction_errors_total", "Requests that failed", ("error",), registry=self._registry
        )
        self._seconds = Histogram(
            "prediction_duration_seconds",
            "Time in the model for one text",
            names,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._confidence = Histogram(
            "model_confidence",
            "Probability of the given label",
            names,
            buckets=_SHARES,
            registry=self._registry,
        )
        active = Gauge(
            "active_models",
            "Loaded models",
            names,
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        active.labels(model, version).set(1)
        falling_back = Gauge(
            "model_fallback",
            "Whether an earlier version answers in place of the one in production",
            names,
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        falling_back.labels(model, version).set(int(is_fallback))

    def on_predictions(self, predictions: Sequence[Prediction]) -> None:
        """Count answers."""
        for prediction in predictions:
            names = (prediction.model, prediction.version)
            self._predictions.labels(*names, prediction.label).inc()
            self._seconds.labels(*names).observe(prediction.latency_ms / 1000)
            self._confidence.labels(*names).observe(prediction.confidence)

    def on_error(self, error: ClassmarkError) -> None:
        """Count a failed request."""
        self._errors.labels(type(error).__name__).inc()

    def as_prometheus(self) -> tuple[bytes, str]:
        """The exposition text and its content type."""
        return generate_latest(self._collected()), CONTENT_TYPE_LATEST

    def as_json(self) -> Mapping[str, Any]:
        """Totals since the start, mean confidence and latency, and each class's share."""
        families = {family.name: family for family in self._collected().collect()}
        labels: dict[str, int] = {}
        for sample in _samples(families, "prediction", "_total"):
            label = sample.labels["label"]
            labels[label] = labels.get(label, 0) + int(sample.value)
        total = sum(labels.values())
        confidence = sum(s.value for s in _samples(families, "model_confidence", "_sum"))
        seconds = sum(s.value for s in _samples(families, "prediction_duration_seconds", "_sum"))
        errors = sum(s.value for s in _samples(families, "prediction_errors", "_total"))
        return {
            "total_predictions": total,
            "total_errors": int(errors),
            "average_confidence": confidence / total if total else None,
            "average_latency_ms": 1000 * seconds / total if total else None,
            "predictions_per_class": labels,
            "class_ratio": {label: count / total for label, count in labels.items()},
        }

    def _collected(self) -> CollectorRegistry:
        if self._several_workers:
            _forget_dead_workers()
            collected = CollectorRegistry()
            MultiProcessCollector(collected)  # type: ignore[no-untyped-call]
            return collected
        return self._registry


def _forget_dead_workers() -> None:
    """Let a worker's loaded model go with it; what it counted stays."""
    for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("gauge_live*.db"):
        worker = int(path.stem.rpartition("_")[2])
        if not Path("/proc", str(worker)).exists():
            with suppress(FileNotFoundError):  # another worker has just done it
                mark_process_dead(worker)  # type: ignore[no-untyped-call]


def _samples(families: Mapping[str, Metric], family: str, suffix: str) -> Iterator[Any]:
    if family in families:
        for sample in families[family].samples:
            if sample.name == family + suffix:
                yield sample
