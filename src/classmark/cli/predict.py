"""`classmark predict`."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from classmark.assembly import Home, open_home, utc_now
from classmark.cli.options import (
    HomeOption,
    JsonOption,
    LabelFieldOption,
    ReferenceArgument,
    TextFieldsOption,
    parsed_fields,
)
from classmark.cli.terminal import Bars, as_share, err, keep_result, say, say_table
from classmark.documents import Fields
from classmark.errors import SettingError
from classmark.serving import BatchJob, BatchReport, ServedModel, load_served_model, run_batch

_BAR_WIDTH = 30
_SHOWN_CLASSES = 5


def run(
    reference: ReferenceArgument,
    text: Annotated[str | None, typer.Argument(help="The text to classify.")] = None,
    file: Annotated[Path | None, typer.Option(help="Classify the documents of a file.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where results go: .jsonl or .csv. [results/ in the home]")
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Classify each line that you type.")
    ] = False,
    text_fields: TextFieldsOption = None,
    label_field: LabelFieldOption = None,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Classify one text, the documents of a file, or what you type."""
    if (text is not None) + (file is not None) + interactive != 1:
        raise SettingError(
            "It is not clear what to classify.", remedy="Give a TEXT, or --file, or --interactive."
        )
    place = open_home(home)
    served = load_served_model(place.registry, reference)
    if file is not None:
        fields = parsed_fields(text_fields, label_field, label_required=False)
        keep_result(json, _predict_file(place, served, file, (out, fields)))
    elif interactive:
        for line in _typed_lines():
            _predict_text(served, line)
    else:
        keep_result(json, _predict_text(served, text or ""))


def _predict_text(served: ServedModel, text: str) -> dict[str, Any]:
    if not text.strip():
        raise SettingError("The text is empty.", remedy="Give the text to classify.")
    timed = served.classifier.classify_timed(text)
    answer = timed.answer
    say(f"[bold]{answer.label}[/]  {as_share(answer.confidence)}")
    probabilities = dict(zip(served.classifier.labels, answer.probabilities, strict=True))
    ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])
    width = max(len(label) for label in probabilities)
    for label, probability in ranked[:_SHOWN_CLASSES]:
        bar = "█" * round(probability * _BAR_WIDTH)
        say(f"  {label:<{width}}  {probability:.3f}  {bar}")
    return {
        "label": answer.label,
        "confidence": answer.confidence,
        "probabilities": probabilities,
        "model": served.version.model,
        "model_version": str(served.version.version),
        "latency_ms": timed.seconds * 1000,
    }


def _predict_file(
    home: Home, served: ServedModel, file: Path, options: tuple[Path | None, Fields]
) -> dict[str, Any]:
    given, fields = options
    stamp = utc_now().strftime("%Y%m%dT%H%M%SZ")
    out = given or home.results / f"{served.version.name}_{stamp}.jsonl"
    job = BatchJob(file, fields, out, home.results / "unfinished", home.threads)
    report = run_batch(served, job, now=utc_now, progress=Bars())
    show(report)
    say(f"Results: {out}")
    return {"out": str(out), **asdict(report)}


def show(report: BatchReport) -> None:
    """A batch report as a table."""
    used = ", ".join(f"{name}: {count:,}" for name, count in report.per_model.items())
    accuracy = "no labels" if report.accuracy is None else as_share(report.accuracy)
    say_table(
        ("figure", "value"),
        [
            ("documents", f"{report.documents:,}"),
            ("of these done by an earlier start", f"{report.resumed_after:,}"),
            ("accuracy", f"{accuracy} of {report.labelled:,} labelled"),
            ("mean confidence", f"{report.mean_confidence:.3f}"),
            ("below 0.5", as_share(report.low_confidence_share)),
            ("mean latency", f"{report.mean_latency_ms:.1f} ms"),
            ("p95 latency", f"{report.p95_latency_ms:.1f} ms"),
            ("use per model", used),
        ],
    )


def _typed_lines() -> Iterator[str]:
    """The lines that somebody types, until an empty one or the end."""
    if sys.stdin.isatty():
        err.print("One text a line; an empty line ends.")
    while True:
        if sys.stdin.isatty():
            err.print("> ", end="")
        line = sys.stdin.readline().strip()
        if not line:
            return
        yield line
