"""What MLflow keeps of a run, read from its database: MLflow itself is not imported here."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Recorded:
    """One run, whoever keeps it.

    Attributes:
        experiment: Its experiment's name.
        name: Its own.
        status: In lower case.
        parameters: As texts.
        tags: Ours and others.
        milestones: The metrics of each step.
        metrics: The final ones.
        files: Names of what is kept with it.
    """

    experiment: str
    name: str
    status: str
    parameters: dict[str, str]
    tags: dict[str, str]
    milestones: list[dict[str, float]]
    metrics: dict[str, float]
    files: set[str]


def recorded(database: Path, run_id: str, artifacts: Path | None = None) -> Recorded:
    """A run by its id.

    Args:
        database: SQLite, as MLflow writes it.
        run_id: The run's.
        artifacts: Where a server keeps files of runs; else the run tells.
    """
    with closing(sqlite3.connect(database)) as connection:

        def asked(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(f"{query} WHERE run_uuid=?", (run_id,)).fetchall()

        ((name, status, uri, experiment),) = asked(
            "SELECT runs.name, status, artifact_uri, experiments.name FROM runs"
            " JOIN experiments USING (experiment_id)"
        )
        steps: dict[int, dict[str, float]] = {}
        for key, value, is_nan, step in asked("SELECT key, value, is_nan, step FROM metrics"):
            steps.setdefault(step, {})[key] = float("nan") if is_nan else value
        parameters = dict(asked("SELECT key, value FROM params"))
        tags = dict(asked("SELECT key, value FROM tags"))
    final = steps.pop(0, {})
    folder = artifacts or Path(unquote(urlsplit(uri).path))
    files = {path.name for path in folder.rglob("*") if path.is_file() and run_id in str(path)}
    milestones = [steps[step] for step in sorted(steps)]
    return Recorded(experiment, name, status.lower(), parameters, tags, milestones, final, files)


def run_ids(database: Path) -> list[str]:
    """All runs, in the order they began."""
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT run_uuid FROM runs ORDER BY rowid")]
