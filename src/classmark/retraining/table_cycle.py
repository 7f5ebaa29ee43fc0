"""The ring for tables: a table becomes a measured, registered version."""

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from classmark.datasets import PreparedTable, TableDataset, Task
from classmark.evaluation import TableAssessment, TargetMetrics
from classmark.models import table_family_class
from classmark.naming import checked_name
from classmark.progress import Progress
from classmark.registry import Lineage, RegisteredVersion, Registry, VersionDraft
from classmark.retraining.cycle import VersionRequest, check_kind, registered
from classmark.retraining.metadata import dataset_facts, figures, training_facts
from classmark.retraining.record import described, finished, run_start
from classmark.training import (
    RunLink,
    TableBaseline,
    TrainedTable,
    Workshop,
    tracked,
    train_table,
)


@dataclass(frozen=True, slots=True)
class NewTableVersion:
    """A version and the training it came from.

    Attributes:
        version: As it was registered.
        trained: What came of training.
        run: Where its record is to be found; None where none was to be kept.
    """

    version: RegisteredVersion
    trained: TrainedTable
    run: RunLink | None


def train_table_version(
    prepared: PreparedTable, request: VersionRequest, registry: Registry, *, progress: Progress
) -> NewTableVersion:
    """Train a model of a table, measure it and register it as the next version.

    Raises:
        SettingError: The family or one of its parameters does not exist, or the model's name can't
            be one.
        RecordError: There is too little to learn from.
        ParityError: The loaded model does not answer as the trained one does; nothing is
            registered.
    """
    checked_name(request.model, of="model")
    check_kind(registry, request.model, of_table=True)
    table, recipe = prepared.table, request.recipe
    family = table_family_class(recipe.family).with_parameters(recipe.parameters)
    start = run_start(request.model, recipe, family.parameters, table)
    with (
        tracked(request.tracker, start) as run,
        TemporaryDirectory(prefix="classmark-version-") as folder,
    ):
        artifact = Path(folder)
        trained = train_table(prepared, recipe, artifact, Workshop(1, progress, run.record))
        draft = VersionDraft(
            model=request.model,
            artifact=artifact,
            lineage=Lineage(trained.outcome.architecture, _answers(table), table.fingerprint),
            metadata=_metadata(prepared, request, trained) | {"tracking": described(run.link())},
            reason=request.notes or f"trained {recipe.family} on table {table.name}",
        )
        version = registered(registry, draft, request.bump)
        run.end(finished(version))
    return NewTableVersion(version, trained, run.link())


def _answers(table: TableDataset) -> tuple[str, ...]:
    """What can be answered: classes, with their target where there are several; or the targets.

    It stands where the labels of texts do: a version that answers otherwise is a major one.
    """
    names = tuple(target.name for target in table.targets)
    if table.task is Task.REGRESSION:
        return names
    classes = table.counts()["train"]
    if len(names) == 1:
        return tuple(classes[names[0]])
    return tuple(f"{name}={label}" for name in names for label in classes[name])


def _metadata(
    prepared: PreparedTable, request: VersionRequest, trained: TrainedTable
) -> dict[str, Any]:
    table = prepared.table
    facts = {
        "kind": "table",
        "read": table.read,
        "dropped": dict(table.dropped),
        "counts": _class_counts(table),
        "task": table.task.value,
        "targets": [target.name for target in table.targets],
        "columns": [column.name for column in table.used],
        "features": len(prepared.pipeline.names),
    }
    baseline = trained.baseline
    return {
        **training_facts(trained),
        "dataset": dataset_facts(table) | facts,
        "metrics": {part: _figures(it) for part, it in trained.assessments.items()},
        "baseline": _beside(baseline) if baseline else None,
        "notes": request.notes,
    }


def _class_counts(table: TableDataset) -> dict[str, dict[str, int]] | None:
    """By part and class, of a single target: with several a class does not say which is meant."""
    if table.task is Task.REGRESSION or len(table.targets) > 1:
        return None
    return {part: dict(*found.values()) for part, found in table.counts().items()}


def _figures(assessment: TableAssessment) -> dict[str, Any]:
    """The main figures, means over targets, and those of each."""
    numbers = assessment.numbers
    if numbers is None:
        per_target = {name: figures(it) for name, it in assessment.classes.items()}
        shares = [found["accuracy"] for found in per_target.values()]
        return {
            "rows": len(assessment.truth),
            "accuracy": sum(shares) / len(shares),
            "targets": per_target,
        }
    return {
        "rows": numbers.rows,
        "mae": numbers.mae.value,
        "rmse": numbers.rmse.value,
        "r2": numbers.r2.value if numbers.r2 else None,
        "targets": {it.name: _number_figures(it) for it in numbers.per_target},
    }


def _number_figures(metrics: TargetMetrics) -> dict[str, Any]:
    return {name: value for name, value in asdict(metrics).items() if name != "name"}


def _beside(baseline: TableBaseline) -> dict[str, Any]:
    return {
        "family": "linear",
        "metrics": {part: _figures(it) for part, it in baseline.assessments.items()},
        "comparisons": {
            name: {
                "difference": asdict(comparison.difference),
                "winner": {"a": "baseline", "b": "version", None: None}[comparison.winner],
            }
            for name, comparison in baseline.comparisons.items()
        },
    }
