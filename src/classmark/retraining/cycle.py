"""The ring, as far as it goes today: a dataset becomes a measured, registered version."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from classmark.datasets import Dataset
from classmark.evaluation import Evaluation
from classmark.naming import checked_name
from classmark.progress import Progress
from classmark.registry import Bump, Lineage, RegisteredVersion, Registry, VersionDraft
from classmark.training import (
    TrainedModel,
    TrainingRecipe,
    git_commit,
    library_versions,
    train,
)


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version and the training it came from."""

    version: RegisteredVersion
    trained: TrainedModel


@dataclass(frozen=True, slots=True)
class VersionRequest:
    """What is asked for.

    Attributes:
        model: The model's name.
        recipe: What is to be trained.
        bump: Which number rises; None takes what differs from the latest version.
        notes: For the metadata.
    """

    model: str
    recipe: TrainingRecipe
    bump: Bump | None = None
    notes: str = ""


def train_version(
    dataset: Dataset,
    request: VersionRequest,
    registry: Registry,
    *,
    threads: int,
    progress: Progress,
) -> NewVersion:
    """Train a model, measure it and register it as the next version.

    Raises:
        SettingError: The family or one of its parameters does not exist, or the model's name can't
            be one.
        ParityError: The exported model does not answer as the trained one does; nothing is
            registered.
    """
    checked_name(request.model, of="model")
    with TemporaryDirectory(prefix="classmark-version-") as folder:
        artifact = Path(folder)
        trained = train(dataset, request.recipe, artifact, threads=threads, progress=progress)
        draft = VersionDraft(
            model=request.model,
            artifact=artifact,
            lineage=Lineage(trained.outcome.architecture, dataset.labels, dataset.fingerprint),
            metadata=_metadata(dataset, request, trained),
            reason=request.notes or f"trained {request.recipe.family} on {dataset.name}",
        )
        return NewVersion(registry.register(draft, request.bump), trained)


def _metadata(dataset: Dataset, request: VersionRequest, trained: TrainedModel) -> dict[str, Any]:
    return {
        "family": request.recipe.family,
        "base_model": trained.parameters.get("backbone"),
        "dataset": {
            "name": dataset.name,
            "snapshot": dataset.snapshot_id,
            "fingerprint": dataset.fingerprint,
            "source": dict(dataset.source),
            "samples": sum(dataset.sizes().values()),
            "categories": list(dataset.labels),
            "split": dataset.sizes(),
            "recipe": dict(dataset.recipe),
        },
        "hyperparameters": dict(trained.parameters),
        "seed": request.recipe.seed,
        "metrics": {part: _figures(it.evaluation) for part, it in trained.assessments.items()},
        "training_seconds": round(trained.seconds, 3),
        "parity": asdict(trained.outcome.parity),
        "details": dict(trained.outcome.details),
        "git_commit": git_commit(),
        "libraries": library_versions(),
        "notes": request.notes,
    }


def _figures(evaluation: Evaluation) -> Mapping[str, float]:
    return {
        "rows": evaluation.rows,
        "accuracy": evaluation.accuracy.value,
        "accuracy_low": evaluation.accuracy.low,
        "accuracy_high": evaluation.accuracy.high,
        "macro_f1": evaluation.macro_f1.value,
        "mean_confidence": evaluation.mean_confidence,
        "latency_p50_ms": evaluation.latency.p50_ms,
        "latency_p95_ms": evaluation.latency.p95_ms,
    }
