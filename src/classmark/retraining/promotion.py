"""A candidate beside production, on rows that neither of them learned from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from classmark.datasets import Dataset, DatasetStore, TableDataset, TableStore, labels_of
from classmark.documents import Document
from classmark.evaluation import (
    Comparison,
    NumberComparison,
    assess_any,
    assess_table,
    compare_any,
    compare_tables,
)
from classmark.progress import Progress
from classmark.registry import (
    Decision,
    Evidence,
    PromotionSettings,
    RegisteredVersion,
    Verdict,
    judged,
)
from classmark.retraining.lineage import learned_before, trace_version
from classmark.retraining.table_lineage import learned_rows, trace_table_version
from classmark.serving import LoadedTableVersion, ServedModel

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a candidate's promotion rests on.

    Attributes:
        production: What it was measured beside.
        verdict: Promote, reject, or need more data.
        rows: On how many rows both were measured.
        left_out: Rows that were not used: one of the two learned from them, or production does not
            know their class.
        comparisons: Production first, the candidate second; by target, of texts under "accuracy".
    """

    production: RegisteredVersion
    verdict: Verdict
    rows: int = 0
    left_out: int = 0
    comparisons: Mapping[str, Comparison | NumberComparison] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """Judges candidates.

    Attributes:
        settings: How much worse than production is let pass.
        datasets: Where to look up what versions of texts learned from.
        tables: The same for versions of tables.
        threads: Texts that are computed at once.
        progress: Shows long work.
    """

    settings: PromotionSettings
    datasets: DatasetStore
    tables: TableStore
    threads: int
    progress: Progress

    def own_documents(self, candidate: RegisteredVersion) -> Sequence[Document]:
        """The test part that a candidate was made with; empty where it is not kept."""
        found = trace_version(candidate, self.datasets).dataset
        return list(found.parts["test"]) if isinstance(found, Dataset) else []

    def own_rows(self, candidate: RegisteredVersion) -> "pd.DataFrame | None":
        """The same for a version of a table; None where it is not kept."""
        found = trace_table_version(candidate, self.tables).dataset
        return found.parts["test"] if isinstance(found, TableDataset) else None

    def of_texts(
        self, candidate: ServedModel, production: ServedModel, documents: Sequence[Document]
    ) -> Judgement:
        """Judge a candidate that classifies texts.

        Args:
            candidate: What may go live.
            production: What is live.
            documents: Labelled.

        Raises:
            RecordError: They have labels that neither of the two knows.
        """
        now, new = production.classifier, candidate.classifier
        if now.problem is not new.problem:
            return _rejected(
                production.version, f"it is {new.problem}, and production is {now.problem}"
            )
        if lost := sorted({*now.labels} - {*new.labels}):
            return _rejected(production.version, f"it no longer knows {', '.join(lost)}")
        learned = self._learned_documents((production.version, candidate.version), documents)
        # Production can't be right about these.
        unfair = {*new.labels} - {*now.labels}
        used = [
            document
            for document, is_learned in zip(documents, learned, strict=True)
            if not is_learned and unfair.isdisjoint(labels_of(document))
        ]
        if not used:
            return _nothing_to_measure_on(production.version, len(documents))
        a, b = (
            assess_any(one, used, threads=self.threads, progress=self.progress)
            for one in (now, new)
        )
        found = {"accuracy": compare_any(a, b)}
        return self._judged(production.version, found, len(used), len(documents))

    def of_rows(
        self,
        candidate: LoadedTableVersion,
        production: LoadedTableVersion,
        rows: "pd.DataFrame | None",
    ) -> Judgement:
        """Judge a candidate that predicts the rows of tables.

        Args:
            candidate: What may go live.
            production: What is live.
            rows: With their targets; None where there are none.

        Raises:
            RecordError: A column or target is missing, or a class is not known.
        """
        now, new = production.predictor, candidate.predictor
        if now.questions != new.questions:
            return _rejected(production.version, "it predicts other targets or classes")
        if rows is None:
            return _nothing_to_measure_on(production.version, 0)
        learned = np.logical_or(
            learned_rows(production.version, self.tables, rows),
            learned_rows(candidate.version, self.tables, rows),
        )
        used = rows[~learned]
        if not len(used):
            return _nothing_to_measure_on(production.version, len(rows))
        a, b = (assess_table(one, used, progress=self.progress) for one in (now, new))
        return self._judged(production.version, compare_tables(a, b), len(used), len(rows))

    def _learned_documents(
        self, versions: Sequence[RegisteredVersion], documents: Sequence[Document]
    ) -> list[bool]:
        flags = [learned_before(one, self.datasets, documents) for one in versions]
        return [any(row) for row in zip(*flags, strict=True)]

    def _judged(
        self,
        production: RegisteredVersion,
        comparisons: Mapping[str, Comparison | NumberComparison],
        used: int,
        rows: int,
    ) -> Judgement:
        verdict = judged([_evidence(*item) for item in comparisons.items()], self.settings)
        return Judgement(production, verdict, used, rows - used, comparisons)


def _evidence(name: str, found: Comparison | NumberComparison) -> Evidence:
    if isinstance(found, Comparison):
        losses = tuple(
            (change.label, change.recall_a - change.recall_b) for change in found.regressions
        )
        difference = found.difference
        return Evidence(name, found.rows, difference.value, difference.low, difference.high, losses)
    # As shares of production's error; less error is a gain.
    unit = found.mae_a or found.mae_b or 1
    gain, low, high = (
        -value / unit
        for value in (found.difference.value, found.difference.high, found.difference.low)
    )
    return Evidence(f"mean absolute error of {name}, less", found.rows, gain, low, high)


def _rejected(production: RegisteredVersion, reason: str) -> Judgement:
    return Judgement(production, Verdict(Decision.REJECT, (reason,)))


def _nothing_to_measure_on(production: RegisteredVersion, left_out: int) -> Judgement:
    why = (
        "one of the two learned from every row, or production does not know its class"
        if left_out
        else "the rows that it was tested on are not kept"
    )
    return Judgement(production, Verdict(Decision.MORE_DATA, (why,)), left_out=left_out)
