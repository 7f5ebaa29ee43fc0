"""An evaluation for people: a page, the same as PDF, plots as PNG, two analyses as CSV."""

import base64
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from classmark.durable import publishing, write_json
from classmark.errors import MissingExtraError
from classmark.evaluation.analysis import (
    ERROR_COLUMNS,
    PERFORMANCE_COLUMNS,
    Row,
    as_csv,
    error_rows,
    performance_rows,
)
from classmark.evaluation.assessment import AnyAssessment, LabelSetAssessment
from classmark.evaluation.findings import as_chance, weak_points
from classmark.evaluation.label_set_analysis import (
    LABEL_SET_ERROR_COLUMNS,
    label_set_error_rows,
    label_set_performance_rows,
)
from classmark.evaluation.slices import Slice, slices_of

if TYPE_CHECKING:
    from classmark.evaluation.plots import Plot

_ERRORS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ReportHeading:
    """What a report is about.

    Attributes:
        model: As `arxiv_v1.0.0`.
        source: Where the documents came from.
        evaluated_at: When, with its zone.
        facts: How the model came to be, each with its name.
        baseline: How it does beside the linear baseline, as a sentence; empty where not known.
    """

    model: str
    source: str
    evaluated_at: datetime
    facts: Sequence[tuple[str, str]] = ()
    baseline: str = ""

    @property
    def folder_name(self) -> str:
        """A name that no other report has: the model and the moment, in UTC."""
        return f"{self.model}_{self.evaluated_at.astimezone(UTC):%Y%m%dT%H%M%S_%fZ}"


def write_report(assessment: AnyAssessment, heading: ReportHeading, folder: Path) -> Path:
    """Write a report into a new folder, named after model and time, under `folder`.

    Returns:
        The new folder.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return write_report_at(assessment, heading, folder / heading.folder_name)


def write_report_at(assessment: AnyAssessment, heading: ReportHeading, target: Path) -> Path:
    """Write `report.html`, `report.pdf`, the plots, two CSV files and `metrics.json`.

    Where WeasyPrint, or Pango that it draws with, is missing, all is written but the PDF.

    Returns:
        The folder itself.

    Raises:
        MissingExtraError: matplotlib is not installed.
        FileExistsError: The folder is there already and not empty.
    """
    try:
        from classmark.evaluation.plots import draw  # noqa: PLC0415 (extra)
    except ModuleNotFoundError as error:
        raise MissingExtraError("Plotting", extra="train") from error
    slices = slices_of(assessment.documents, assessment.right)
    errors, error_columns, performance = _analyses(assessment, slices)
    told_first = weak_points(assessment, slices)
    plots = draw(assessment, slices)
    page = _page(
        plots,
        heading=heading,
        evaluation=assessment.evaluation,
        slices=slices,
        findings=told_first,
        errors=errors[:_ERRORS_SHOWN],
        error_count=len(errors),
        several=isinstance(assessment, LabelSetAssessment),
    )
    told = {
        **asdict(assessment.evaluation),
        "slices": [{**asdict(one), "rows": len(one.rows)} for one in slices],
        "findings": told_first,
    }
    with publishing(target) as draft:
        for name, plot in plots.items():
            (draft / name).write_bytes(plot.png)
        _write(draft / "errors.csv", as_csv(error_columns, errors))
        _write(draft / "performance.csv", as_csv(PERFORMANCE_COLUMNS, performance))
        write_json(draft / "metrics.json", told)
        _write(draft / "report.html", page)
        _write_pdf(draft / "report.pdf", page)
    return target


def _analyses(
    assessment: AnyAssessment, slices: Sequence[Slice]
) -> tuple[list[Row], Sequence[str], Iterable[Row]]:
    """The lines of the error analysis, their columns, and the lines of the other one."""
    if isinstance(assessment, LabelSetAssessment):
        errors, columns = label_set_error_rows(assessment), LABEL_SET_ERROR_COLUMNS
        return errors, columns, label_set_performance_rows(assessment, slices)
    return error_rows(assessment), ERROR_COLUMNS, performance_rows(assessment, slices)


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8", newline="")


def _page(plots: Mapping[str, "Plot"], **values: object) -> str:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 (extra)

    source = files("classmark.evaluation").joinpath("templates", "report.html").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    encoded = {name: base64.b64encode(plot.png).decode() for name, plot in plots.items()}
    template = environment.from_string(source)
    return template.render(plots=plots, encoded=encoded, as_chance=as_chance, **values)


def _write_pdf(path: Path, page: str) -> None:
    """Write the page as PDF, or nothing where that can't be done."""
    try:
        from weasyprint import HTML  # noqa: PLC0415 (extra)
        from weasyprint.urls import URLFetcher  # noqa: PLC0415 (extra)
    except (ModuleNotFoundError, OSError):
        # Pango is no Python package: where it is missing, loading it is an OSError.
        return
    # It tells its own users which styles of a screen it leaves out.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    # The page holds all that it shows; whatever address a text may smuggle in is not asked.
    HTML(string=page, url_fetcher=URLFetcher(allowed_protocols={"data"})).write_pdf(path)
