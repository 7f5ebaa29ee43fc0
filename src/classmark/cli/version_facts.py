"""How a version came to be, as its metadata tells it, for people."""

from collections.abc import Mapping
from typing import Any

from classmark.cli.terminal import as_share
from classmark.models import Problem
from classmark.registry import RegisteredVersion


def training_facts(version: RegisteredVersion) -> tuple[tuple[str, str], ...]:
    """What is known of a version's training, each fact with its name."""
    told, dataset = version.metadata, version.metadata["dataset"]
    facts = {
        "status": version.status.value,
        "registered": f"{version.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "family": told.get("family"),
        "architecture": told.get("architecture"),
        "base model": told.get("base_model"),
        "teacher": told.get("teacher"),
        "parameters": _listed(told.get("hyperparameters", {})),
        "seed": told.get("seed"),
        "dataset": f"{dataset['name']}, snapshot {dataset.get('snapshot') or 'not known'}",
        "documents": _listed(dataset.get("split", {})),
        "parity": _parity(told) if told.get("parity") else None,
        "training": f"{told['training_seconds']:.1f} s" if "training_seconds" in told else None,
        "size": f"{told['size_mb']:.1f} MB" if "size_mb" in told else None,
        "commit": told.get("git_commit"),
    }
    return tuple((name, str(value)) for name, value in facts.items() if value not in {None, ""})


def baseline_sentence(version: RegisteredVersion) -> str:
    """How a version did beside the baseline when it was trained; empty where nobody looked."""
    told: Mapping[str, Any] | None = version.metadata.get("baseline")
    if not told:
        return ""
    named = f"the {told.get('family', 'linear')} baseline"
    if "accuracy" not in told:
        return f"There is no figure of {named}: {told.get('problem', 'it was not measured')}"
    low, high = (value * 100 for value in told["interval"])
    return (
        f"When it was trained, {named} had an accuracy of {as_share(told['accuracy'])} on the test "
        f"part; this version differed by {told['difference'] * 100:+.1f} points "
        f"({low:+.1f} to {high:+.1f}, p = {told['p_value']:.3g})."
    )


def _parity(told: Mapping[str, Any]) -> str:
    """How far what serves answers as what was trained."""
    parity = told["parity"]
    compared = "label sets" if told.get("problem") == Problem.MULTI_LABEL else "labels"
    chosen = parity["exports"][parity["chosen"]]
    larger = "".join(
        f"; {as_share(agreement['label_share'])} of them as {name} answers"
        for name, agreement in parity.get("larger", {}).items()
    )
    return (
        f"serves as {parity['chosen']}: {as_share(chosen['label_share'])} of {parity['rows']:,} "
        f"validation {compared} as trained, largest probability gap {chosen['largest_gap']:.2g}"
        f"{larger}"
    )


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
