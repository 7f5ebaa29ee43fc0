"""An evaluation for people: one HTML page, its plots as PNG, the errors as CSV."""

import base64
import csv
import io
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from classmark.durable import publishing, write_json
from classmark.errors import MissingExtraError
from classmark.evaluation.assessment import Assessment
from classmark.spreadsheet import safe_cell

_ERRORS_SHOWN = 20
_ERROR_COLUMNS = ("id", "true", "given", "confidence", "title", "text")


@dataclass(frozen=True, slots=True)
class ReportHeading:
    """What a report is about.

    Attributes:
        model: As `arxiv_v1.0.0`.
        source: Where the documents came from.
        evaluated_at: When, with its zone.
    """

    model: str
    source: str
    evaluated_at: datetime


def write_report(assessment: Assessment, heading: ReportHeading, folder: Path) -> Path:
    """Write `report.html`, `confusion.png`, `per_class.png`, `errors.csv`, `metrics.json`.

    Returns:
        The new folder, named after model and time, under `folder`.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from classmark.evaluation.plots import (  # noqa: PLC0415 (extra)
            plot_confusion,
            plot_per_class,
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("Plotting", extra="train") from error
    stamp = heading.evaluated_at.astimezone(UTC).strftime("%Y%m%dT%H%M%S_%fZ")
    target = folder / f"{heading.model}_{stamp}"
    errors = _errors(assessment)
    with publishing(target) as draft:
        plot_confusion(assessment.evaluation, draft / "confusion.png")
        plot_per_class(assessment.evaluation, draft / "per_class.png")
        (draft / "errors.csv").write_text(_as_csv(errors), "utf-8", newline="")
        write_json(draft / "metrics.json", asdict(assessment.evaluation))
        (draft / "report.html").write_text(_page(assessment, heading, errors, draft), "utf-8")
    return target


def _errors(assessment: Assessment) -> list[dict[str, Any]]:
    """The wrong answers, the surest first."""
    rows = [
        {
            "id": document.id,
            "true": document.label,
            "given": answer.label,
            "confidence": round(answer.confidence, 6),
            "title": document.title or document.text[:80],
            "text": document.text,
        }
        for document, answer in zip(assessment.documents, assessment.answers, strict=True)
        if document.label != answer.label
    ]
    return sorted(rows, key=lambda row: -row["confidence"])


def _as_csv(errors: list[dict[str, Any]]) -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, _ERROR_COLUMNS)
    writer.writeheader()
    writer.writerows({key: safe_cell(value) for key, value in row.items()} for row in errors)
    return file.getvalue()


def _page(
    assessment: Assessment, heading: ReportHeading, errors: list[dict[str, Any]], folder: Path
) -> str:
    source = files("classmark.evaluation").joinpath("templates", "report.html").read_text("utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    return template.render(
        title=f"Evaluation of {heading.model}",
        source=heading.source,
        evaluated_at=heading.evaluated_at.isoformat(timespec="seconds"),
        evaluation=assessment.evaluation,
        errors=errors[:_ERRORS_SHOWN],
        error_count=len(errors),
        confusion_png=_encoded(folder / "confusion.png"),
        per_class_png=_encoded(folder / "per_class.png"),
    )


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
