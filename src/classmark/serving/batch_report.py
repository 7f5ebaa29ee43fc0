"""What a batch job amounts to."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

_LOW_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The figures of a finished job.

    Attributes:
        documents: How many were classified.
        resumed_after: How many of them an earlier, interrupted start had done.
        abstained: How many the model was not sure enough of.
        labelled: How many came with a label.
        accuracy: The share of these that was given it, guesses too; None where none has one.
        accuracy_answered: The same among those that were not abstained.
        mean_confidence: Of the given labels.
        low_confidence_share: Given with less than 0.5.
        mean_latency_ms: In the model, for one text.
        p95_latency_ms: Likewise.
        per_model: Documents by model version.
        per_label: Documents by given label.
    """

    documents: int
    resumed_after: int
    abstained: int
    labelled: int
    accuracy: float | None
    accuracy_answered: float | None
    mean_confidence: float
    low_confidence_share: float
    mean_latency_ms: float
    p95_latency_ms: float
    per_model: dict[str, int]
    per_label: dict[str, int]


def report_on(rows: Iterable[dict[str, Any]], *, resumed_after: int) -> BatchReport:
    """The figures of result rows."""
    # Eight bytes a figure: a file may have many millions of documents.
    confidences, latencies = array("d"), array("d")
    models: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    # Each by whether it was abstained.
    given, labelled, right = Counter[bool](), Counter[bool](), Counter[bool]()
    for row in rows:
        confidences.append(row["confidence"])
        latencies.append(row["latency_ms"])
        models[f"{row['model']}_{row['model_version']}"] += 1
        labels[row["label"]] += 1
        given[row["abstained"]] += 1
        labelled[row["abstained"]] += row["true_label"] is not None
        right[row["abstained"]] += row["true_label"] == row["label"]
    confidence = np.asarray(confidences)
    return BatchReport(
        documents=len(confidences),
        resumed_after=resumed_after,
        abstained=given[True],
        labelled=labelled.total(),
        accuracy=_share(right.total(), labelled.total()),
        accuracy_answered=_share(right[False], labelled[False]),
        mean_confidence=float(confidence.mean()),
        low_confidence_share=float((confidence < _LOW_CONFIDENCE).mean()),
        mean_latency_ms=float(np.mean(latencies)),
        p95_latency_ms=float(np.quantile(latencies, 0.95)),
        per_model=dict(sorted(models.items())),
        per_label=dict(sorted(labels.items())),
    )


def _share(right: int, labelled: int) -> float | None:
    return right / labelled if labelled else None
