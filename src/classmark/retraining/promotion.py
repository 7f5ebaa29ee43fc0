"""A candidate beside production, on rows that neither of them has met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

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
    Registry,
    Verdict,
    judged,
)
from classmark.retraining.exposure import Exposure, met_documents, met_rows
from classmark.retraining.lineage import trace_version
from classmark.retraining.table_lineage import trace_table_version
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
        left_out: Rows that were not used: one of the two has met them, or production does not know
            their class.
        comparisons: Production first, the candidate second; by target, of texts under "accuracy".
        untold: Versions of which it can't be told whether they have met the rows, and why.
    """

    production: RegisteredVersion
    verdict: Verdict
    rows: int = 0
    left_out: int = 0
    comparisons: Mapping[str, Comparison | NumberComparison] = field(default_factory=dict)
    untold: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """Judges candidates.

    Attributes:
        settings: How much worse than production is let pass.
        registry: Where to look up who taught a version.
        datasets: Where to look up what versions of texts learned from.
        tables: The same for versions of tables.
        threads: Texts that are computed at once.
        progress: Shows long work.
        assume_new: Whether rows are taken as new to a version of which that can't be told.
    """

    settings: PromotionSettings
    registry: Registry
    datasets: DatasetStore
    tables: TableStore
    threads: int
    progress: Progress
    assume_new: bool = False

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
        pair = (production.version, candidate.version)
        exposure = met_documents(pair, self.registry, self.datasets, documents)
        # Production can't be right about these.
        unfair = {*new.labels} - {*now.labels}
        used = [
            document
            for document, is_met in zip(documents, exposure.met, strict=True)
            if not is_met and unfair.isdisjoint(labels_of(document))
        ]
        if hindrance := self._hindrance(production.version, exposure, len(used)):
            return hindrance
        a, b = (
            assess_any(one, used, threads=self.threads, progress=self.progress)
            for one in (now, new)
        )
        found = {"accuracy": compare_any(a, b)}
        return self._judged(production.version, found, len(used), exposure)

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
        exposure = met_rows((production.version, candidate.version), self.tables, rows)
        used = rows[[not is_met for is_met in exposure.met]]
        if hindrance := self._hindrance(production.version, exposure, len(used)):
            return hindrance
        a, b = (assess_table(one, used, progress=self.progress) for one in (now, new))
        return self._judged(production.version, compare_tables(a, b), len(used), exposure)

    def _hindrance(
        self, production: RegisteredVersion, exposure: Exposure, used: int
    ) -> Judgement | None:
        """The judgement where nothing can be measured; None where something can."""
        rows = len(exposure.met)
        if exposure.untold and rows and not self.assume_new:
            why = f"it can't be told whether the rows are new to {_listed(exposure.untold)}"
            return Judgement(
                production, Verdict(Decision.MORE_DATA, (why,)), 0, rows, untold=exposure.untold
            )
        return None if used else _nothing_to_measure_on(production, rows)

    def _judged(
        self,
        production: RegisteredVersion,
        comparisons: Mapping[str, Comparison | NumberComparison],
        used: int,
        exposure: Exposure,
    ) -> Judgement:
        verdict = judged([_evidence(*item) for item in comparisons.items()], self.settings)
        untold, left_out = exposure.untold, len(exposure.met) - used
        if untold:
            assumed = f"the rows are taken as new to {_listed(untold)}"
            verdict = replace(verdict, reasons=(*verdict.reasons, assumed))
        return Judgement(production, verdict, used, left_out, comparisons, untold)


def _evidence(name: str, found: Comparison | NumberComparison) -> Evidence:
    if isinstance(found, Comparison):
        losses = tuple(
            (change.label, change.recall_a - change.recall_b) for change in found.regressions
        )
        difference = found.difference
        return Evidence(name, found.rows, difference.value, difference.low, difference.high, losses)
    # Less error is a gain.
    gain, low, high = (-one for one in (found.share.value, found.share.high, found.share.low))
    measure = f"mean absolute error of {name}, less"
    return Evidence(measure, found.rows, gain, low, high, of_numbers=True)


def _rejected(production: RegisteredVersion, reason: str) -> Judgement:
    return Judgement(production, Verdict(Decision.REJECT, (reason,)))


def _nothing_to_measure_on(production: RegisteredVersion, left_out: int) -> Judgement:
    why = (
        "one of the two has met every row, or production does not know its class"
        if left_out
        else "the rows that it was tested on are not kept"
    )
    return Judgement(production, Verdict(Decision.MORE_DATA, (why,)), left_out=left_out)


def _listed(untold: Sequence[str]) -> str:
    return ", and to ".join(untold)
