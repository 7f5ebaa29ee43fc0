"""Serving, counted: Prometheus metrics and the same figures as JSON."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

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
        version: The one that answers at first.
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
        self._model = model
        self._several_workers = several_workers
        self._registry = CollectorRegistry()
        if not several_workers:
            ProcessCollector(registry=self._registry)

        def counter(name: str, told: str, *labels: str) -> Counter:
            return Counter(name, told, labels, registry=self._registry)

        names = ("model", "version")
        self._predictions = counter("prediction_total", "Answers", *names, "label")
        self._errors = counter("prediction_errors_total", "Requests that failed", "error")
        self._answers = counter("request_total", "Answers over HTTP", "route", "status")
        self._dropped = counter(
            "prediction_dropped_total", "Answers that could not be recorded", "model"
        )
        self._cached = counter(
            "prediction_cached_total",
            "Answers that had been given before, and were not computed again",
            "model",
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
        self._versions = _VersionMetrics(model, self._registry)
        self._versions.on_served(version, None, is_fallback=is_fallback)

    def on_predictions(self, predictions: Sequence[Prediction]) -> None:
        """Count answers."""
        for prediction in predictions:
            names = (prediction.model, prediction.version)
            self._predictions.labels(*names, prediction.label).inc()
            self._seconds.labels(*names).observe(prediction.latency_ms / 1000)
            self._confidence.labels(*names).observe(prediction.confidence)

    def on_answer(self, route: str, status: int) -> None:
        """Count an answer over HTTP."""
        self._answers.labels(route, str(status)).inc()

    def on_cached(self, count: int) -> None:
        """Count answers that were not computed again."""
        self._cached.labels(self._model).inc(count)

    def on_dropped(self, count: int) -> None:
        """Count answers that could not be recorded."""
        self._dropped.labels(self._model).inc(count)

    def on_error(self, error: ClassmarkError) -> None:
        """Count a failed request."""
        self._errors.labels(type(error).__name__).inc()

    def on_served(self, version: str, kept: str | None, *, is_fallback: bool) -> None:
        """Tell which version answers from now on, and which one is loaded beside it."""
        self._versions.on_served(version, kept, is_fallback=is_fallback)

    def on_swap(self, result: str) -> None:
        """Count a try to answer with another version."""
        self._versions.on_swap(result)

    def as_prometheus(self) -> tuple[bytes, str]:
        """The exposition text and its content type."""
        return generate_latest(self._collected()), CONTENT_TYPE_LATEST

    def as_json(self) -> Mapping[str, Any]:
        """Totals since the start, confidence and latency in figures, and each class's share."""
        families = {family.name: family for family in self._collected().collect()}
        labels: dict[str, int] = {}
        for sample in _samples(families, "prediction", "_total"):
            label = sample.labels["label"]
            labels[label] = labels.get(label, 0) + int(sample.value)
        total = sum(labels.values())
        confidence = sum(s.value for s in _samples(families, "model_confidence", "_sum"))
        seconds = sum(s.value for s in _samples(families, "prediction_duration_seconds", "_sum"))
        errors = sum(s.value for s in _samples(families, "prediction_errors", "_total"))
        durations = _buckets(families, "prediction_duration_seconds")
        return {
            "total_predictions": total,
            "total_errors": int(errors),
            "average_confidence": confidence / total if total else None,
            "low_confidence_share": _share_within(_buckets(families, "model_confidence"), 0.5),
            "average_latency_ms": 1000 * seconds / total if total else None,
            "latency_p50_ms": _milliseconds(quantile(durations, 0.5)),
            "latency_p95_ms": _milliseconds(quantile(durations, 0.95)),
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


class _VersionMetrics:
    """Which versions of one model are loaded, which of them answers, and what became of swaps."""

    def __init__(self, model: str, registry: CollectorRegistry) -> None:
        self._model = model
        self._loaded: set[str] = set()

        def gauge(name: str, told: str, mode: Literal["livesum", "livemax"]) -> Gauge:
            names = ("model", "version")
            return Gauge(name, told, names, registry=registry, multiprocess_mode=mode)

        self._active = gauge("active_models", "Loaded models", "livesum")
        self._served = gauge("model_served", "Whether this version answers", "livesum")
        self._fallback = gauge(
            "model_fallback",
            "Whether this version answers in place of the one in production",
            "livemax",
        )
        self._swaps = Counter(
            "model_swaps_total",
            "Tries to answer with another version",
            ("model", "result"),
            registry=registry,
        )

    def on_served(self, version: str, kept: str | None, *, is_fallback: bool) -> None:
        """Set what is so, and to 0 what is no more: workers' files forget no version."""
        loaded = {version, *([kept] if kept else [])}
        for one in sorted(self._loaded | loaded):
            names = (self._model, one)
            self._active.labels(*names).set(int(one in loaded))
            self._served.labels(*names).set(int(one == version))
            self._fallback.labels(*names).set(int(is_fallback and one == version))
        self._loaded = loaded

    def on_swap(self, result: str) -> None:
        """Count a try."""
        self._swaps.labels(self._model, result).inc()


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Below what so large a share lies, as Prometheus' `histogram_quantile` estimates it.

    Args:
        buckets: By upper bound, how many lie within it; the last bound is infinite.
        share: From 0 to 1.

    Returns:
        Between the bounds of a bucket it is interpolated; of the last bucket, which has no upper
        bound, its lower one. None if nothing was counted.
    """
    total = buckets.get(math.inf, 0)
    if not total:
        return None
    lower, below = 0.0, 0.0
    for bound, within in sorted(buckets.items()):
        if within >= share * total and within > below:
            if math.isinf(bound):
                break
            return lower + (bound - lower) * (share * total - below) / (within - below)
        lower, below = bound, within
    return lower


def _share_within(buckets: Mapping[float, float], bound: float) -> float | None:
    total = buckets.get(math.inf, 0)
    return buckets[bound] / total if total else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _buckets(families: Mapping[str, Metric], family: str) -> dict[float, float]:
    """Of all versions, how many lie within each upper bound."""
    found: dict[float, float] = {}
    for sample in _samples(families, family, "_bucket"):
        bound = float(sample.labels["le"])
        found[bound] = found.get(bound, 0) + sample.value
    return found


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
