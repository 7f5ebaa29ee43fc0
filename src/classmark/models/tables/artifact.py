"""The small file that every artifact of a table has, whatever its family.

`config.json` also holds the SHA-256 of every other file: libraries take damaged files in ways of
their own, and one ends the process.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from classmark.datasets import Task
from classmark.durable import JSON_OPTIONS
from classmark.models.artifact import CONFIG, FEATURES, damaged
from classmark.models.tables.targets import Target


@dataclass(frozen=True, slots=True)
class TableConfig:
    """What must be known before the weights are read.

    Attributes:
        family: Its name in the catalogue of tables.
        parameters: What it was trained with.
        task: Classification or regression.
        targets: What is predicted, in the order of the model's outputs.
        left_out: Columns of the table that no feature is made of.
        keeps_missing: Whether the family sees what is missing as missing.
    """

    family: str
    parameters: Mapping[str, Any]
    task: Task
    targets: tuple[Target, ...]
    left_out: tuple[str, ...] = ()
    keeps_missing: bool = False


def write_table_config(folder: Path, config: TableConfig) -> None:
    """Write `config.json`, when every other file is there."""
    values = {
        "family": config.family,
        "parameters": dict(config.parameters),
        "task": config.task.value,
        "targets": [target.described() for target in config.targets],
        "left_out": list(config.left_out),
        "keeps_missing": config.keeps_missing,
        "files": {path.name: _digest(path) for path in sorted(folder.iterdir())},
    }
    (folder / CONFIG).write_bytes(orjson.dumps(values, option=JSON_OPTIONS))


def read_table_config(folder: Path) -> TableConfig:
    """Read it back, and check every other file.

    Raises:
        TamperedVersionError: It is missing or not what was written, or a file is not.
    """
    try:
        values = orjson.loads((folder / CONFIG).read_bytes())
        changed = _changed(folder, dict(values["files"]))
        config = TableConfig(
            str(values["family"]),
            dict(values["parameters"]),
            Task(values["task"]),
            tuple(Target.of(target) for target in values["targets"]),
            tuple(map(str, values["left_out"])),
            bool(values["keeps_missing"]),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise damaged(folder, f"{CONFIG} is missing or damaged ({error})") from error
    if changed:
        raise damaged(folder, f"{', '.join(changed)} is missing or not what was written")
    return config


def _changed(folder: Path, digests: Mapping[str, str]) -> list[str]:
    """The files that are missing or changed; those that all artifacts have among them."""
    return [
        name
        for name in sorted({*digests, FEATURES})
        if not (folder / name).is_file() or _digest(folder / name) != digests.get(name)
    ]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
