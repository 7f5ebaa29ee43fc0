"""What a tracker is told of a version's training."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from classmark.datasets import Dataset, TableDataset
from classmark.registry import RegisteredVersion
from classmark.training import (
    RunEnd,
    RunLink,
    RunStart,
    RunStatus,
    TrainingRecipe,
    git_commit,
    library_versions,
)

# Of a version's files those that tell of it; weights stay in the registry.
_SMALL_FILES = ("config.json", "label_map.json", "calibration.json", "metadata.json", "card.md")


def run_start(
    model: str,
    recipe: TrainingRecipe,
    parameters: Mapping[str, Any],
    dataset: Dataset | TableDataset,
) -> RunStart:
    """What is known before anything is learned.

    Args:
        model: Its name.
        recipe: What is to be trained.
        parameters: All of the family's, defaults too.
        dataset: What is learned from.
    """
    tags = {
        "dataset": dataset.name,
        "dataset_snapshot": dataset.snapshot_id,
        "dataset_fingerprint": dataset.fingerprint,
        "git_commit": git_commit() or "",
        **{f"library.{name}": version for name, version in library_versions().items()},
    }
    return RunStart(
        experiment=model,
        name=f"{recipe.family} on {dataset.name}",
        parameters={"family": recipe.family, "seed": recipe.seed, **dict(_flat(parameters))},
        tags={name: value for name, value in tags.items() if value},
    )


def finished(version: RegisteredVersion) -> RunEnd:
    """How a run ended that became a version."""
    return RunEnd(
        status=RunStatus.FINISHED,
        metrics=_final_metrics(version.metadata),
        name=version.name,
        files=[version.folder / name for name in _SMALL_FILES if (version.folder / name).is_file()],
    )


def described(link: RunLink | None) -> dict[str, Any] | None:
    """A link as metadata have it; None where nothing was to be kept."""
    return None if link is None else asdict(link)


def _flat(parameters: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Each parameter by itself; those of members behind their name and a point."""
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _final_metrics(metadata: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a version's metadata, as `test.accuracy`; those of single classes apart."""
    groups = {**metadata["metrics"], "baseline": metadata["baseline"] or {}}
    found = {
        f"{group}.{name}": float(value)
        for group, figures in groups.items()
        for name, value in figures.items()
        if isinstance(value, int | float)
    }
    return {**found, "training_seconds": metadata["training_seconds"]}
