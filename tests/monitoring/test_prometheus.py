"""What serving did, counted: the same figures for people and for Prometheus."""

import json
import math
import os
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from classmark.errors import OverloadedError, UnavailableError
from classmark.monitoring import ServingMetrics
from classmark.monitoring.prometheus import quantile
from classmark.predictions import Prediction

LABELS = ("cs.AI", "cs.DB", 'né, "quoted"\n\\')
PREDICTIONS = st.builds(
    Prediction,
    id=st.just("a"),
    model=st.just("shelves"),
    version=st.sampled_from(["v1.0.0", "v1.1.0"]),
    text=st.just("text"),
    label=st.sampled_from(LABELS),
    confidence=st.floats(0, 1),
    latency_ms=st.floats(0, 5_000),
    user_id=st.none(),
    at=st.just(datetime(2024, 5, 6, tzinfo=UTC)),
)
COUNT_IN_A_WORKER = """
import json, sys
from datetime import UTC, datetime
from classmark.errors import OverloadedError
from classmark.monitoring import ServingMetrics
from classmark.predictions import Prediction
metrics = ServingMetrics("shelves", "v1.0.0", several_workers=True)
for number in range(int(sys.argv[1])):
    metrics.on_predictions([
        Prediction(str(number), "shelves", "v1.0.0", "text", label, 0.5, 10.0, None,
                   datetime.now(UTC))
        for label in sys.argv[2:]
    ])
metrics.on_error(OverloadedError("Too much.", remedy="Wait."))
metrics.on_served("v1.1.0", "v1.0.0", is_fallback=False)
metrics.on_swap("loaded")
print("counted", flush=True)
sys.stdin.read()
print(json.dumps([metrics.as_json(), metrics.as_prometheus()[0].decode()]))
"""


@pytest.fixture
def metrics() -> ServingMetrics:
    return ServingMetrics("shelves", "v1.0.0")


@pytest.fixture
def prediction() -> Prediction:
    at = datetime(2024, 5, 6, tzinfo=UTC)
    return Prediction("a", "shelves", "v1.0.0", "text", "cs.DB", 0.75, 20.0, None, at)


def samples(text: bytes | str, family: str) -> dict[tuple[str, ...], float]:
    """The values of a family's samples, by name and labels (in the order of the labels' names)."""
    written = text if isinstance(text, str) else text.decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for found in text_string_to_metric_families(written)
        if found.name == family
        for sample in found.samples
        if not sample.name.endswith(("_bucket", "_created"))
    }


def test_before_anything_happened_there_is_nothing_to_average(metrics: ServingMetrics) -> None:
    assert metrics.as_json() == {
        "total_predictions": 0,
        "total_errors": 0,
        "average_confidence": None,
        "low_confidence_share": None,
        "average_latency_ms": None,
        "latency_p50_ms": None,
        "latency_p95_ms": None,
        "predictions_per_class": {},
        "class_ratio": {},
    }
    text, _ = metrics.as_prometheus()
    assert samples(text, "active_models") == {("active_models", "shelves", "v1.0.0"): 1}


@given(st.lists(PREDICTIONS, min_size=1, max_size=50), st.integers(1, 10))
def test_both_views_say_what_was_predicted(predictions: list[Prediction], at_once: int) -> None:
    metrics = ServingMetrics("shelves", "v1.0.0")
    for first in range(0, len(predictions), at_once):
        metrics.on_predictions(predictions[first : first + at_once])
    counted, total = metrics.as_json(), len(predictions)
    per_label = Counter(it.label for it in predictions)
    assert counted["total_predictions"] == total
    assert counted["predictions_per_class"] == per_label
    assert counted["class_ratio"] == {label: count / total for label, count in per_label.items()}
    assert counted["average_confidence"] == pytest.approx(
        sum(it.confidence for it in predictions) / total
    )
    assert counted["average_latency_ms"] == pytest.approx(
        sum(it.latency_ms for it in predictions) / total
    )
    text, kind = metrics.as_prometheus()
    assert kind.startswith("text/plain; version=")
    assert samples(text, "prediction") == {
        ("prediction_total", *names): count
        for names, count in Counter((it.label, it.model, it.version) for it in predictions).items()
    }
    for name in ("prediction_duration_seconds", "model_confidence"):
        found = samples(text, name)
        assert sum(v for key, v in found.items() if key[0] == f"{name}_count") == total


def test_seconds_are_seconds(metrics: ServingMetrics, prediction: Prediction) -> None:
    metrics.on_predictions([prediction, replace(prediction, latency_ms=180.0)])
    text, _ = metrics.as_prometheus()
    found = samples(text, "prediction_duration_seconds")
    assert found["prediction_duration_seconds_sum", "shelves", "v1.0.0"] == pytest.approx(0.2)
    assert metrics.as_json()["average_latency_ms"] == pytest.approx(100)


def test_a_target_of_latency_can_be_read_from_the_buckets(
    metrics: ServingMetrics, prediction: Prediction
) -> None:
    metrics.on_predictions([replace(prediction, latency_ms=ms) for ms in (4, 60, 99, 150, 9_000)])
    text, _ = metrics.as_prometheus()
    within = {
        sample.labels["le"]: sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == "prediction_duration_seconds_bucket"
    }
    assert (within["0.005"], within["0.1"], within["0.2"], within["+Inf"]) == (1, 3, 4, 5)


def test_people_get_quantiles_of_the_latency_and_the_share_of_low_confidence(
    metrics: ServingMetrics, prediction: Prediction
) -> None:
    # Of 20: 10 within 5 ms, 8 within 100 ms, 2 beyond the last bound.
    for count, ms, confidence in ((10, 4, 0.5), (8, 60, 0.51), (2, 9_000, 0.9)):
        told = replace(prediction, latency_ms=ms, confidence=confidence)
        metrics.on_predictions([told] * count)
    counted = metrics.as_json()
    assert counted["low_confidence_share"] == 0.5
    assert counted["latency_p50_ms"] == pytest.approx(5)
    assert counted["latency_p95_ms"] == pytest.approx(2500)


@given(st.lists(st.floats(0, 2.4), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(found: list[float], share: float) -> None:
    bounds = (*(0.001, 0.01, 0.1, 0.5, 1.0, 2.5), math.inf)
    buckets = {bound: float(sum(one <= bound for one in found)) for bound in bounds}
    true = sorted(found)[math.ceil(share * len(found) - 1e-9) - 1]
    upper = min(bound for bound in bounds if true <= bound)
    lower = max((bound for bound in bounds if bound < upper), default=0.0)
    told = quantile(buckets, share)
    assert told is not None
    assert lower - 1e-9 <= told <= upper + 1e-9


def test_errors_are_counted_by_kind(metrics: ServingMetrics) -> None:
    for _ in range(2):
        metrics.on_error(OverloadedError("Too much.", remedy="Wait."))
    metrics.on_error(UnavailableError("Not now.", remedy="Wait."))
    assert metrics.as_json()["total_errors"] == 3
    text, _ = metrics.as_prometheus()
    assert samples(text, "prediction_errors") == {
        ("prediction_errors_total", "OverloadedError"): 2,
        ("prediction_errors_total", "UnavailableError"): 1,
    }


def test_which_versions_are_loaded_and_which_one_answers(metrics: ServingMetrics) -> None:
    def told(family: str) -> dict[str, float]:
        text, _ = metrics.as_prometheus()
        return {names[-1]: value for names, value in samples(text, family).items()}

    metrics.on_served("v1.1.0", "v1.0.0", is_fallback=False)
    assert told("active_models") == {"v1.0.0": 1, "v1.1.0": 1}
    assert told("model_served") == {"v1.0.0": 0, "v1.1.0": 1}
    metrics.on_served("v1.1.0", None, is_fallback=True)
    assert told("active_models") == {"v1.0.0": 0, "v1.1.0": 1}
    assert told("model_fallback") == {"v1.0.0": 0, "v1.1.0": 1}
    metrics.on_served("v1.2.0", "v1.1.0", is_fallback=False)
    assert told("active_models") == {"v1.0.0": 0, "v1.1.0": 1, "v1.2.0": 1}
    assert told("model_served") == {"v1.0.0": 0, "v1.1.0": 0, "v1.2.0": 1}
    assert told("model_fallback") == {"v1.0.0": 0, "v1.1.0": 0, "v1.2.0": 0}


def test_swaps_are_counted_by_what_became_of_them(metrics: ServingMetrics) -> None:
    for result in ("loaded", "failed", "failed", "kept"):
        metrics.on_swap(result)
    text, _ = metrics.as_prometheus()
    assert samples(text, "model_swaps") == {
        ("model_swaps_total", "shelves", "failed"): 2,
        ("model_swaps_total", "shelves", "kept"): 1,
        ("model_swaps_total", "shelves", "loaded"): 1,
    }


def test_nothing_is_counted_twice_or_forgotten_when_threads_count_at_once(
    metrics: ServingMetrics, prediction: Prediction
) -> None:
    def count() -> None:
        for _ in range(500):
            metrics.on_predictions([prediction])

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.as_json()["total_predictions"] == 2_000


def test_two_servers_of_one_process_count_apart(prediction: Prediction) -> None:
    one, other = ServingMetrics("shelves", "v1.0.0"), ServingMetrics("shelves", "v1.0.0")
    one.on_predictions([prediction])
    assert other.as_json()["total_predictions"] == 0


def test_memory_and_processor_time_are_told(metrics: ServingMetrics) -> None:
    text, _ = metrics.as_prometheus()
    assert samples(text, "process_resident_memory_bytes")["process_resident_memory_bytes",] > 1e6
    assert "process_cpu_seconds_total" in text.decode()


def test_each_of_several_workers_tells_the_sum_of_all(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", COUNT_IN_A_WORKER, *arguments],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for arguments in (("30", "cs.AI", "cs.DB"), ("20", "cs.DB"))
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "counted\n"
    # The first ends while the second still lives: its counts stay, its model is gone.
    for worker, active in zip(workers, (2, 1), strict=True):
        said, _ = worker.communicate()
        as_json, text = json.loads(said)
        assert as_json["total_predictions"] == 80
        assert as_json["predictions_per_class"] == {"cs.AI": 30, "cs.DB": 50}
        assert as_json["total_errors"] == 2
        assert as_json["average_confidence"] == pytest.approx(0.5)
        assert as_json["average_latency_ms"] == pytest.approx(10)
        assert samples(text, "prediction")["prediction_total", "cs.DB", "shelves", "v1.0.0"] == 50
        assert samples(text, "active_models")["active_models", "shelves", "v1.0.0"] == active
        assert samples(text, "model_served") == {
            ("model_served", "shelves", "v1.0.0"): 0,
            ("model_served", "shelves", "v1.1.0"): active,
        }
        assert samples(text, "model_swaps") == {("model_swaps_total", "shelves", "loaded"): 2}
