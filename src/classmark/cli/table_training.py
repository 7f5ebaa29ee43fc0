"""`classmark train` where the dataset is a table."""

from collections.abc import Iterator, Mapping
from typing import Any

from classmark.assembly import Home
from classmark.cli.terminal import Bars, as_share, say, say_warning
from classmark.errors import SettingError
from classmark.registry import RegisteredVersion
from classmark.retraining import NewTableVersion, VersionRequest, train_table_version
from classmark.training import Reliability


def train_on_table(place: Home, name: str, request: VersionRequest) -> NewTableVersion:
    """A table becomes the next version of a model, and what came of it is said.

    Raises:
        SettingError: The family, a parameter or the model's name can't be, or an option is for
            texts only.
    """
    if request.recipe.reliability != Reliability():
        raise SettingError(
            "--calibration, --promise and --risk are for models of texts.",
            remedy="Leave them out for a table.",
        )
    prepared = place.tables.load(name)
    new = train_table_version(prepared, request, place.registry, progress=Bars())
    version = new.version
    for line in _told(version):
        say(line)
    _warn(version)
    reference = f"{version.model}@{version.version}"
    say(f"Next: classmark evaluate {reference} {name}, then classmark promote {reference}")
    return new


def describe_table_version(version: RegisteredVersion) -> dict[str, Any]:
    """A new version of a table as the JSON result has it."""
    metadata = version.metadata
    kept = ("family", "architecture", "metrics", "baseline", "parity", "training_seconds")
    return {
        "model": version.model,
        "version": str(version.version),
        "name": version.name,
        "status": version.status.value,
        "path": str(version.folder),
        "task": metadata["dataset"]["task"],
        "targets": metadata["dataset"]["targets"],
        **{key: metadata[key] for key in kept},
        "size_mb": metadata["size_mb"],
    }


def _told(version: RegisteredVersion) -> Iterator[str]:
    metadata = version.metadata
    parity, metrics = metadata["parity"], metadata["metrics"]
    yield (
        f"{version.name} is registered ({metadata['architecture']}, {metadata['size_mb']:.1f} MB, "
        f"{metadata['training_seconds']:.0f} s)"
    )
    for target in metadata["dataset"]["targets"]:
        on_val, on_test = (_figure(metrics[part]["targets"][target]) for part in ("val", "test"))
        yield f"{target}: {on_val} on val, {on_test} on test{_beside(metadata, target)}"
    yield (
        f"Predicts as trained on {parity['rows']:,} validation rows, largest gap "
        f"{parity['largest_gap']:.2g}"
    )


def _figure(found: Mapping[str, Any]) -> str:
    if "accuracy" in found:
        return f"accuracy {as_share(found['accuracy'])}"
    r2 = f", R² {found['r2']['value']:.3f}" if found["r2"] else ""
    return f"MAE {found['mae']['value']:.4g}{r2}"


def _beside(metadata: Mapping[str, Any], target: str) -> str:
    baseline = metadata["baseline"]
    if baseline is None:
        return ""
    figure = _figure(baseline["metrics"]["test"]["targets"][target])
    return f" (linear baseline: {figure} on test)"


def _warn(version: RegisteredVersion) -> None:
    details, baseline = version.metadata["details"], version.metadata["baseline"]
    unfinished = [name for name, done in details.get("converged", {}).items() if not done]
    if unfinished:
        say_warning(
            f"The solver stopped early for {', '.join(unfinished)}: raise max_iterations or "
            "regularisation."
        )
    for name, compared in (baseline or {}).get("comparisons", {}).items():
        match compared["winner"]:
            case "version":
                say(f"{name}: better than the linear baseline")
            case "baseline":
                say_warning(f"The linear baseline is better for {name}.")
            case _:
                say(f"{name}: not shown to differ from the linear baseline")
