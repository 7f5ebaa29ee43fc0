"""What a batch job amounts to."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable
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
        unknown: How many of these with one that the model does not know, so that it can't be right.
        accuracy: The share of these that was given it, guesses too; None where none has one. Of
            several labels: that was given all of them and no other.
        accuracy_answered: The same among those that were not abstained.
        mean_confidence: Of the given labels.
        low_confidence_share: Given with less than 0.5.
        mean_latency_ms: In the model, for one text.
        p95_latency_ms: Likewise.
        per_model: Documents by model version.
        per_label: Documents by given label; one of several labels counts for each.
    """

    documents: int
    resumed_after: int
    abstained: int
    labelled: int
    unknown: int
    accuracy: float | None
    accuracy_answered: float | None
    mean_confidence: float
    low_confidence_share: float
    mean_latency_ms: float
    p95_latency_ms: float
    per_model: dict[str, int]
    per_label: dict[str, int]


def report_on(
    rows: Iterable[dict[str, Any]], known: Collection[str], *, resumed_after: int
) -> BatchReport:
    """The figures of result rows.

    Args:
        rows: As they are published.
        known: All labels that the model can give.
        resumed_after: How many of the rows an earlier start had done.
    """
    # Eight bytes a figure: a file may have many millions of documents.
    confidences, latencies = array("d"), array("d")
    models: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    # Each by whether it was abstained.
    given, labelled, right = Counter[bool](), Counter[bool](), Counter[bool]()
    unknown = 0
    for row in rows:
        confidences.append(row["confidence"])
        latencies.append(row["latency_ms"])
        models[f"{row['model']}_{row['model_version']}"] += 1
        labels.update(row["labels"])
        given[row["abstained"]] += 1
        true = _true_labels(row)
        labelled[row["abstained"]] += true is not None
        right[row["abstained"]] += true == set(row["labels"])
        unknown += bool(true and not true.issubset(known))
    confidence = np.asarray(confidences)
    return BatchReport(
        documents=len(confidences),
        resumed_after=resumed_after,
        abstained=given[True],
        labelled=labelled.total(),
        unknown=unknown,
        accuracy=_share(right.total(), labelled.total()),
        accuracy_answered=_share(right[False], labelled[False]),
        mean_confidence=float(confidence.mean()),
        low_confidence_share=float((confidence < _LOW_CONFIDENCE).mean()),
        mean_latency_ms=float(np.mean(latencies)),
        p95_latency_ms=float(np.quantile(latencies, 0.95)),
        per_model=dict(sorted(models.items())),
        per_label=dict(sorted(labels.items())),
    )


def _true_labels(row: dict[str, Any]) -> set[str] | None:
    """All that a document came with; None where it came with none."""
    if "true_labels" in row:
        return None if row["true_labels"] is None else set(row["true_labels"])
    return None if row["true_label"] is None else {row["true_label"]}


def _share(right: int, labelled: int) -> float | None:
    return right / labelled if labelled else None
