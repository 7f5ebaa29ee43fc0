"""The answers of a batch job by Ray Data, on as many machines as there are. It needs the extra ray.

One task reads the source, on the machine of who asks; actors, one a core, load the version once
each and answer. Texts go to them, the columns of the answer come back, in the texts' order.
"""

import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset

from classmark.documents import Fields, read_documents
from classmark.errors import ClassmarkError, UnavailableError
from classmark.registry import RegisteredVersion
from classmark.serving.batch_answers import Answering, Given
from classmark.serving.batch_job import BatchJob

_CONNECT_SECONDS = 5
_TEXTS_AT_ONCE = 64
# What goes from one process to the next at once: little enough that answering begins at once.
_BLOCK_BYTES = 2**18
_GIVEN = pa.schema(
    [
        ("label", pa.string()),
        ("labels", pa.list_(pa.string())),
        ("confidence", pa.float64()),
        ("abstained", pa.bool_()),
        ("latency_ms", pa.float64()),
    ]
)


def answered_on_ray(version: RegisteredVersion, job: BatchJob, done: int) -> Iterator[Given]:
    """What a version gives for each text of a job but the first ones, in their order.

    Args:
        version: Its folder lies at the same path on every machine; each checks every byte.
        job: What is read, and on how many cores of this machine where there is no cluster. One is
            asked where Ray's own variable `RAY_ADDRESS` says so.
        done: How many texts are left out, at the beginning.

    Raises:
        TamperedVersionError: The version's files are not what was registered, or not there.
        UnavailableError: Ray can't be reached, or ended.
    """
    with _told(), _connected(job.threads):
        for batch in _answers(version, job, done).iter_batches(
            batch_size=None, batch_format="pyarrow"
        ):
            yield from batch.to_pylist()


def _answers(version: RegisteredVersion, job: BatchJob, done: int) -> Dataset:
    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    context.execution_options.verbose_progress = False
    context.enable_progress_bars = False
    context.target_max_block_size = _BLOCK_BYTES
    source = job.source.absolute() if job.source.exists() else job.source
    here = {"ray.io/node-id": ray.get_runtime_context().get_node_id()}
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    texts = ray.data.from_items([0]).map_batches(
        _read_texts, fn_args=(source, job.fields, done), num_cpus=0, label_selector=here
    )
    return texts.map_batches(
        _Actor,
        fn_constructor_args=(version,),
        batch_size=_TEXTS_AT_ONCE,
        batch_format="pyarrow",
        num_cpus=1,
        compute=ActorPoolStrategy(min_size=1, max_size=cores),
    )


def _read_texts(_: object, source: Path, fields: Fields, done: int) -> Iterator[dict[str, Any]]:
    texts = (document.text for document in _readable(source, fields))
    left = islice(texts, done, None)
    while lot := list(islice(left, _TEXTS_AT_ONCE)):
        yield {"text": lot}


def _readable(source: Path, fields: Fields) -> Iterator[Any]:
    """The documents up to the first that can't be read: who asked reads them too, and tells."""
    try:
        yield from read_documents(source, fields)
    except ClassmarkError:
        return


class _Actor:
    """A version in a process of the cluster."""

    def __init__(self, version: RegisteredVersion) -> None:
        self._answering = Answering(version)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The answers for the texts of a batch."""
        answers = self._answering.answered(batch.column("text").to_pylist())
        return pa.Table.from_pylist(answers, _GIVEN)


@contextmanager
def _connected(threads: int) -> Iterator[None]:
    """A cluster that is there already, or one of this machine alone while the job runs."""
    address = os.environ.get("RAY_ADDRESS", "")
    is_there = address not in {"", "local"}
    _check_reachable(address)
    # What it does when is no news to who waits for results; errors come as errors.
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Sockets lie there, whose paths can't be long.
    short = "/tmp"  # noqa: S108 (a folder of its own in it, of the owner alone)
    with tempfile.TemporaryDirectory(
        prefix="ray-", dir=short, ignore_cleanup_errors=True
    ) as folder:
        own: dict[str, Any] = {
            "num_cpus": threads,
            "include_dashboard": False,
            "_temp_dir": folder,
            "_node_ip_address": "127.0.0.1",
            # Else whatever else the machine does goes before.
            "_system_config": {"worker_niceness": 0},
        }
        ray.init(log_to_driver=False, logging_level="ERROR", **({} if is_there else own))
        try:
            yield
        finally:
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Fail at once where nobody listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (ray.exceptions.RayError, ConnectionError, RuntimeError, OSError) as error:
        raise _cause(error) or UnavailableError(
            f"Ray did not answer ({str(error).strip().splitlines()[-1]}).",
            remedy="Look at the cluster (ray status), then start the same job again: it goes on"
            " where it stopped.",
        ) from error


def _cause(error: BaseException | None) -> ClassmarkError | None:
    """Our own error in a chain of Ray's."""
    while error is not None:
        if isinstance(error, ClassmarkError):
            return error
        error = getattr(error, "cause", None) or error.__cause__
    return None
