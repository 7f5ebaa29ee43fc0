"""The small files that every artifact has, whatever its family."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from classmark.durable import JSON_OPTIONS
from classmark.errors import TamperedVersionError
from classmark.models.problem import Problem

CONFIG = "config.json"
LABEL_MAP = "label_map.json"
# Only what predicts tables has one.
FEATURES = "features.skops"


@dataclass(frozen=True, slots=True)
class ArtifactConfig:
    """What must be known before the weights are read.

    Attributes:
        family: Its name in the catalogue.
        labels: The classes, in the order of the model's outputs.
        parameters: What it was trained with.
        cleaning: The steps that its training texts went through, as `name@version`; every text
            that it is asked about goes through the same.
        problem: Whether a text has one label or several.
        thresholds: The probability from which on each label is given, where there can be several;
            else empty.
    """

    family: str
    labels: tuple[str, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    cleaning: tuple[str, ...] = ()
    problem: Problem = Problem.SINGLE_LABEL
    thresholds: tuple[float, ...] = ()


def write_artifact_config(folder: Path, config: ArtifactConfig) -> None:
    """Write `config.json` and `label_map.json`."""
    values = {
        "family": config.family,
        "parameters": config.parameters,
        "cleaning": list(config.cleaning),
        "problem": config.problem.value,
        "thresholds": list(config.thresholds),
    }
    (folder / CONFIG).write_bytes(orjson.dumps(values, option=JSON_OPTIONS))
    label_map = {str(index): label for index, label in enumerate(config.labels)}
    (folder / LABEL_MAP).write_bytes(orjson.dumps(label_map, option=JSON_OPTIONS))


def read_artifact_config(folder: Path) -> ArtifactConfig:
    """Read them back.

    Raises:
        TamperedVersionError: One is missing or not what was written.
    """
    try:
        values = orjson.loads((folder / CONFIG).read_bytes())
        label_map = orjson.loads((folder / LABEL_MAP).read_bytes())
        labels = tuple(str(label_map[str(index)]) for index in range(len(label_map)))
        return _parsed(values, labels)
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise damaged(folder, f"{CONFIG} or {LABEL_MAP} is missing or damaged ({error})") from error


def _parsed(values: dict[str, Any], labels: tuple[str, ...]) -> ArtifactConfig:
    # Artifacts of earlier releases say nothing of it: each of their texts has one label.
    problem = Problem(values.get("problem", Problem.SINGLE_LABEL))
    thresholds = tuple(map(float, values.get("thresholds", ())))
    expected = len(labels) if problem is Problem.MULTI_LABEL else 0
    if len(thresholds) != expected or not all(0 <= one <= 1 for one in thresholds):
        raise ValueError("thresholds, labels and problem do not belong together")
    return ArtifactConfig(
        family=str(values["family"]),
        labels=labels,
        parameters=dict(values["parameters"]),
        cleaning=tuple(map(str, values["cleaning"])),
        problem=problem,
        thresholds=thresholds,
    )


def damaged(folder: Path, problem: str) -> TamperedVersionError:
    """The error that says what is wrong with an artifact."""
    return TamperedVersionError(
        f"{folder} is no whole artifact: {problem}.",
        remedy="Restore the folder from a backup, or train the version again.",
    )
