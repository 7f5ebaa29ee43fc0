"""`classmark predictions`."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, writable
from classmark.cli.terminal import Bars, keep_result, say
from classmark.errors import SettingError
from classmark.predictions import Feedback, Prediction, Spool
from classmark.row_files import check_row_file, write_rows

_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
_COLUMNS = (
    "id",
    "model",
    "model_version",
    "predicted_at",
    "user_id",
    "text",
    "label",
    "labels",
    "confidence",
    "latency_ms",
    "true_label",
    "true_labels",
    "is_right",
    "labelled_by",
    "labelled_at",
)


class Action(StrEnum):
    """What to do."""

    EXPORT = "export"


def run(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    model: Annotated[str, typer.Argument(help="Whose predictions.")],
    out: Annotated[
        Path, typer.Option(help="JSONL, CSV or Parquet, by its name.", callback=writable)
    ],
    since: Annotated[
        datetime | None,
        typer.Option(formats=_DATES, metavar="TIME", help="The first moment (UTC)."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=_DATES, metavar="TIME", help="The first moment after (UTC)."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Export what a server answered, each with the newest label that somebody sent for it."""
    del action
    check_row_file(out)
    if since is not None and until is not None and since >= until:
        raise SettingError(
            f"Nothing lies between --since {since} and --until {until}.",
            remedy="Name a first moment that is before the other one.",
        )
    place = existing_home(home)
    place.registry.versions(model)
    # What a server that was killed left there was answered, too.
    with closing(Spool(place.folder / "spool", place.log)) as spool:
        spool.drain()
    counted = _Counted(place.log.told(model, _utc(since), _utc(until)))
    write_rows(Bars().track(counted, "Exporting"), out, _COLUMNS)
    found = {"predictions": counted.predictions, "labelled": counted.labelled}
    told = f" has {counted.predictions:,} predictions, {counted.labelled:,} of them with a label."
    say(told, strong=str(out))
    keep_result(json, {"out": str(out)} | found)


class _Counted:
    """The rows of an export, counted as they pass."""

    def __init__(self, told: Iterator[tuple[Prediction, Feedback | None]]) -> None:
        self._told = told
        self.predictions = self.labelled = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for prediction, feedback in self._told:
            self.predictions += 1
            self.labelled += feedback is not None
            yield _row(prediction, feedback)


def _row(prediction: Prediction, feedback: Feedback | None) -> dict[str, Any]:
    return {
        "id": prediction.id,
        "model": prediction.model,
        "model_version": prediction.version,
        "predicted_at": _moment(prediction.at),
        "user_id": prediction.user_id,
        "text": prediction.text,
        "label": prediction.label,
        "labels": list(prediction.given),
        "confidence": prediction.confidence,
        "latency_ms": round(prediction.latency_ms, 3),
        "true_label": feedback and feedback.label,
        "true_labels": feedback and list(feedback.true),
        "is_right": feedback and set(feedback.true) == set(prediction.given),
        "labelled_by": feedback and feedback.user_id,
        "labelled_at": feedback and _moment(feedback.at),
    }


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _utc(at: datetime | None) -> datetime | None:
    return at and at.replace(tzinfo=UTC)
