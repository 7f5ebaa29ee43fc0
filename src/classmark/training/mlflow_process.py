"""The process that talks with MLflow: one JSON object a line, in and out.

In come `begin`, any number of `milestone`, and `end`; out go a `run_id` or a `problem` after the
first, and a `problem`, empty if there was none, after the last. Input that stops without `end`
means that whoever trained was killed, and so the run is.

It is run as a file, so that nothing of the rooms is imported with it.
"""

import fcntl
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from classmark.conversation import heard, own_channel, tell
from classmark.mlflow_server import described

_PAUSE_SECONDS = 60


class Run:
    """One run in MLflow.

    Args:
        client: An `MlflowClient`.
        begin: Experiment, name, parameters and tags.
    """

    def __init__(self, client: Any, begin: Mapping[str, Any]) -> None:
        experiment = _experiment_id(client, begin["experiment"], begin["artifacts"])
        run = client.create_run(experiment, tags=begin["tags"], run_name=begin["name"])
        self._client = client
        self._milestones = 0
        self._pause_until = 0.0
        self.run_id: str = run.info.run_id
        self._log(parameters=begin["parameters"])

    def keep(self, message: Mapping[str, Any]) -> None:
        """Keep a milestone, or how the run ended."""
        if "end" in message:
            self.end(message["end"])
        elif time.monotonic() >= self._pause_until:
            self._milestone(message["milestone"])

    def end(self, end: Mapping[str, Any]) -> None:
        """Keep final figures, name and files; the status is kept even where these can't be."""
        try:
            self._log(end["metrics"])
            if end["name"]:
                self._client.update_run(self.run_id, name=end["name"])
            for path in end["files"]:
                self._client.log_artifact(self.run_id, path)
        finally:
            self._client.set_terminated(self.run_id, end["status"])

    def _milestone(self, metrics: Mapping[str, float]) -> None:
        self._milestones += 1
        try:
            self._log(metrics, self._milestones)
        except Exception:
            # Where nobody answers, waiting for each of many milestones would take hours.
            self._pause_until = time.monotonic() + _PAUSE_SECONDS
            raise

    def _log(
        self,
        metrics: Mapping[str, float] | None = None,
        step: int = 0,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        from mlflow.entities import Metric, Param  # noqa: PLC0415 (heavy)

        now = round(time.time() * 1000)
        self._client.log_batch(
            self.run_id,
            metrics=[Metric(key, value, now, step) for key, value in (metrics or {}).items()],
            params=[Param(key, value) for key, value in (parameters or {}).items()],
            synchronous=True,
        )


def main(given: TextIO, told: TextIO) -> None:
    """Record one run."""
    messages = heard(given)
    begin = next(messages)["begin"]
    try:
        with _alone(begin["lock"]):
            run = Run(_client(begin["uri"]), begin)
    except Exception as error:  # noqa: BLE001 (each store has errors of its own)
        tell(told, problem=described(error))
        return
    tell(told, run_id=run.run_id)
    problem = ""
    for message in messages:
        try:
            run.keep(message)
        except Exception as error:  # noqa: BLE001 (what comes later may be kept)
            problem = problem or described(error)
        if "end" in message:
            tell(told, problem=problem)
            return
    run.end({"metrics": {}, "files": [], "name": None, "status": "KILLED"})


@contextmanager
def _alone(lock: str | None) -> Iterator[None]:
    """Hold a lock file: of two processes that make the tables of one database, one would fail."""
    if lock is None:
        yield
        return
    with Path(lock).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _client(uri: str) -> Any:
    from mlflow import MlflowClient  # noqa: PLC0415 (heavy)

    return MlflowClient(tracking_uri=uri)


def _experiment_id(client: Any, name: str, artifacts: str | None) -> str:
    from mlflow import MlflowException  # noqa: PLC0415 (heavy)

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException:
            # Another training of the same model was faster.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


if __name__ == "__main__":
    main(sys.stdin, own_channel())
