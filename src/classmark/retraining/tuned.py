"""The best trial of a search becomes the next version of a model, once."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson

from classmark.durable import exclusive, write_json
from classmark.errors import SettingError
from classmark.retraining.cycle import NewVersion, VersionRequest
from classmark.training import TuningResult

_RECORD = "registered.json"


def register_best(
    result: TuningResult, model: str, train: Callable[[VersionRequest], NewVersion]
) -> NewVersion | str:
    """The version of a search's best trial: a new one, or the name of the one that is there.

    Processes that share a search register its best trial once, whoever comes first. The model is
    trained again, so that it is calibrated, measured and described as every other version.

    Args:
        result: Of the search.
        model: The model's name.
        train: Trains and registers a version.

    Raises:
        SettingError: No trial finished.
    """
    best = result.best
    if best is None:
        raise SettingError(
            f"No trial of {result.definition.name!r} finished, so that there is nothing to"
            " register.",
            remedy="Look at the trials' notes in its result.json.",
        )
    record = result.folder / _RECORD
    with exclusive(result.folder / f".{_RECORD}.lock"):
        known = _known(record)
        if (known.get("model"), known.get("trial")) == (model, best.number):
            return str(known["version"])
        notes = f"trial {best.number} of study {result.definition.name}"
        request = VersionRequest(model, result.definition.recipe_of(best), notes=notes)
        new = train(request)
        told = {"model": model, "trial": best.number, "version": new.version.name}
        write_json(record, told)
        return new


def _known(record: Path) -> dict[str, object]:
    with suppress(FileNotFoundError, orjson.JSONDecodeError):
        found = orjson.loads(record.read_bytes())
        return found if isinstance(found, dict) else {}
    return {}
