"""What a killed training leaves, so that the same one goes on from there.

::

    <folder>/<what is trained>/      checkpoints of a family that keeps some; gone when it is done
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson

from classmark.durable import exclusive
from classmark.errors import ConflictError, DivergedError
from classmark.models import is_resumable
from classmark.progress import Progress
from classmark.training.provenance import library_versions
from classmark.training.reliability import DEALING
from classmark.training.teacher import ASKED

_LOCK = "running.lock"
_GOING_ON = "An earlier training kept what it had done; this one goes on from there."
_KEPT = "What was done is kept: the same command goes on from there."
_DIGITS = 16


def training_key(family: str, parameters: Mapping[str, Any], seed: int, snapshot: str) -> str:
    """What two trainings have in common that come to the same weights.

    Args:
        family: Its name in the catalogue.
        parameters: All that decide what is learned.
        seed: Everything random follows from it.
        snapshot: What is learned from: its rows in their order.
    """
    # Another release of a library may number its parameters otherwise.
    facts = [family, parameters, seed, snapshot, DEALING, library_versions()]
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:_DIGITS]


@contextmanager
def checkpoints_of(key: str, unfinished: Path | None, progress: Progress) -> Iterator[Path | None]:
    """The folder of a training's checkpoints, for this process alone; gone if the block ends well.

    An error that leaves some behind has a note that says so.

    Raises:
        ConflictError: Another process trains the same at this moment.
    """
    if unfinished is None:
        yield None
        return
    folder = unfinished / key
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(folder / _LOCK, wait=False))
        except BlockingIOError as error:
            raise ConflictError(
                "The same training runs already.",
                remedy="Wait for it, or train with another --seed or other parameters.",
            ) from error
        if _holds_some(folder):
            progress.tell(_GOING_ON)
        try:
            yield folder
        except DivergedError:
            # From there it would diverge again.
            shutil.rmtree(folder)
            raise
        except BaseException as error:
            # Where nothing was kept there is nothing to go on with.
            if _holds_some(folder):
                error.add_note(_KEPT)
            else:
                shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)


def _holds_some(folder: Path) -> bool:
    return is_resumable(folder) or (folder / ASKED).is_dir()
