"""The version that answers, as the web page tells of it."""

from collections.abc import Mapping
from typing import Any

from classmark.models import Problem
from classmark.serving.page_markup import facts, problem
from classmark.serving.runtime import ServedModel

_ENDS = ("_low", "_high")


def headline(served: ServedModel) -> str:
    """Which version answers, in one sentence."""
    metadata = served.version.metadata
    accuracy = metadata["metrics"]["test"]["accuracy"]
    right = (
        "of its test part given all their labels and no other"
        if metadata.get("problem") == Problem.MULTI_LABEL
        else "right on its test part"
    )
    return (
        f"{metadata['name']} ({metadata['architecture']}), {len(metadata['labels'])} classes, "
        f"{accuracy:.1%} {right}."
    )


def description(served: ServedModel) -> str:
    """What is known of the version, and how good it is on its test part."""
    figures = served.version.metadata["metrics"]["test"]
    return (
        f"{_stand_in(served)}"
        f"{facts('The version that answers', _facts(served))}"
        f"{facts('Figures of its test part', _figures(figures))}"
    )


def _stand_in(served: ServedModel) -> str:
    fallback = served.fallback
    if fallback is None:
        return ""
    told = f"It stands in for {fallback.wanted}, which can't be loaded. {fallback.why}"
    return problem(told)


def _facts(served: ServedModel) -> dict[str, str]:
    version, classifier = served.version, served.classifier
    tokens = classifier.max_tokens
    several = classifier.problem is Problem.MULTI_LABEL
    return {
        "Model": version.model,
        "Version": str(version.version),
        "Architecture": str(version.metadata["architecture"]),
        "Gives": "any number of these labels" if several else "one of these labels",
        f"Labels ({len(classifier.labels)})": ", ".join(classifier.labels),
        "Reads": "the whole text" if tokens is None else f"{tokens:,} tokens at most",
        "Registered": f"{version.created_at:%Y-%m-%d %H:%M} UTC",
        "Loaded here": f"{served.loaded_at:%Y-%m-%d %H:%M} UTC",
    }


def _figures(found: Mapping[str, Any]) -> dict[str, str]:
    """The overall figures, each with its 95 % interval where it was measured."""
    numbers = {name: it for name, it in found.items() if isinstance(it, float | int)}
    return {
        name.replace("_", " ").replace("f1", "F1"): _figure(name, numbers)
        for name in numbers
        if not name.endswith(_ENDS)
    }


def _figure(name: str, numbers: Mapping[str, float]) -> str:
    value = numbers[name]
    if isinstance(value, int):
        return f"{value:,}"
    low, high = (numbers.get(f"{name}{end}") for end in _ENDS)
    within = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return f"{value:.3f}{within}"
