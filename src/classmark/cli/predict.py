"""`classmark predict`."""

import io
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from classmark.assembly import Home, existing_home, utc_now
from classmark.cli.options import (
    HomeOption,
    JsonOption,
    LabelFieldOption,
    ReferenceArgument,
    TextFieldsOption,
    fields_for,
    parsed_fields,
    writable,
)
from classmark.cli.table_prediction import predict_rows
from classmark.cli.table_versions import check_no_engine, check_no_fields, predicts_tables
from classmark.cli.terminal import Bars, as_share, err, keep_result, say, say_table, say_warning
from classmark.documents import Fields, read_documents
from classmark.errors import SettingError
from classmark.models import Answer, Problem
from classmark.serving import BatchJob, BatchReport, ServedModel, load_served_model, run_batch

Engine = Literal["local", "ray"]
EngineOption = Annotated[
    Engine, typer.Option(help="What classifies a file: this machine, or a cluster by Ray Data.")
]
_BAR_WIDTH = 30
_SHOWN_CLASSES = 5


def run(
    reference: ReferenceArgument,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The text to classify.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Classify the documents of a file or folder.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the results of a file go: .jsonl, .csv or .parquet; of a table not .jsonl.",
            show_default="results/ in the home",
            callback=writable,
        ),
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Classify each line that you type.")
    ] = False,
    engine: EngineOption = "local",
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
    _check_for_file(out, file, engine)
    place = existing_home(home)
    if text is not None:
        check_text(text)
    if file is not None and predicts_tables(place, reference):
        check_no_fields(text_fields, label_field)
        check_no_engine(engine)
        keep_result(json, predict_rows(place, reference, file, out))
        return
    served = load_served_model(place.registry, reference)
    if file is not None:
        fields = parsed_fields(text_fields, label_field, label_required=False)
        out = out or _named_by_time(place, served)
        job = _job(place, (file, fields_for(served, fields), out), engine)
        result = _predict_file(served, job)
    elif text is not None:
        result = _predict_text(served, text)
    else:
        result = {"predictions": [_predict_text(served, line) for line in _typed_lines()]}
    keep_result(json, result)


def _check_for_file(out: Path | None, file: Path | None, engine: str) -> None:
    if engine != "local" and file is None:
        raise SettingError("--engine is for --file.", remedy="Leave it out, or give a file.")
    if out is not None and (file is None or out.absolute() == file.absolute()):
        raise SettingError(
            f"--out {out} is for the results of --file, beside it.", remedy="Name another file."
        )


def check_text(text: str) -> None:
    """Let a text pass that can be classified.

    Raises:
        SettingError: It is empty, or not UTF-8.
    """
    if not text.strip():
        raise SettingError("The text is empty.", remedy="Give the text to classify.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SettingError("The text is not UTF-8.", remedy="Convert it first.") from error


def _predict_text(served: ServedModel, text: str) -> dict[str, Any]:
    timed = served.classifier.classify_timed(text)
    answer = timed.answer
    say(f"  {as_share(answer.confidence)}", strong=_headline(served, answer))
    probabilities = dict(zip(served.classifier.labels, answer.probabilities, strict=True))
    ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])
    width = max(len(label) for label in probabilities)
    for label, probability in ranked[:_SHOWN_CLASSES]:
        bar = "█" * round(probability * _BAR_WIDTH)
        say(f"  {label:<{width}}  {probability:.3f}  {bar}")
    return {
        "label": answer.label,
        "labels": list(answer.labels),
        "confidence": answer.confidence,
        "abstained": answer.abstained,
        "probabilities": probabilities,
        "model": served.version.model,
        "model_version": str(served.version.version),
        "latency_ms": timed.seconds * 1000,
    }


def _headline(served: ServedModel, answer: Answer) -> str:
    """What stands before the confidence, which is that of the most probable label."""
    if served.classifier.problem is Problem.MULTI_LABEL:
        named = ", ".join(answer.labels) or "No label is probable enough"
        return f"{named}; most probable {answer.label}"
    return f"Not sure enough: best guess {answer.label}" if answer.abstained else answer.label


def _named_by_time(home: Home, served: ServedModel) -> Path:
    stamp = utc_now().strftime("%Y%m%dT%H%M%SZ")
    return home.results / f"{served.version.name}_{stamp}.jsonl"


def _job(home: Home, files: tuple[Path, Fields, Path], engine: Engine) -> BatchJob:
    source, fields, out = files
    return BatchJob(source, fields, out, home.results / "unfinished", home.threads, engine)


def _predict_file(served: ServedModel, job: BatchJob) -> dict[str, Any]:
    # A file that can't be read is told before a job of its own is begun.
    next(read_documents(job.source, job.fields), None)
    report = run_batch(served, job, now=utc_now, progress=Bars())
    show(report, several=served.classifier.problem is Problem.MULTI_LABEL)
    say(f"Results: {job.out}")
    return {"out": str(job.out), **asdict(report)}


def show(report: BatchReport, *, several: bool) -> None:
    """A batch report as a table, and a note where labels can't have been given.

    Args:
        report: Of the job.
        several: Whether a text may have several labels. Then none is abstained, and how probable
            the best one is says little of the others.
    """
    doubts = [
        ("not sure enough", f"{report.abstained:,}"),
        ("mean confidence", f"{report.mean_confidence:.3f}"),
        ("below 0.5", as_share(report.low_confidence_share)),
    ]
    used = ", ".join(f"{name}: {count:,}" for name, count in report.per_model.items())
    say_table(
        ("figure", "value"),
        [
            ("documents", f"{report.documents:,}"),
            ("of these done by an earlier start", f"{report.resumed_after:,}"),
            ("subset accuracy" if several else "accuracy", _accuracy(report)),
            *(() if several else doubts),
            ("mean latency", f"{report.mean_latency_ms:.1f} ms"),
            ("p95 latency", f"{report.p95_latency_ms:.1f} ms"),
            ("use per model", used),
        ],
    )
    if report.unknown:
        say_warning(
            f"{report.unknown:,} of {report.labelled:,} have labels that this model does not know,"
            " which counts as wrong."
        )


def _accuracy(report: BatchReport) -> str:
    if report.accuracy is None:
        return "not known: no labels"
    accuracy = f"{as_share(report.accuracy)} of {report.labelled:,} labelled"
    if not report.abstained or report.accuracy_answered is None:
        return accuracy
    return f"{accuracy}, {as_share(report.accuracy_answered)} of those it is sure enough of"


def _typed_lines() -> Iterator[str]:
    """The lines of standard input until its end; where somebody types, an empty one ends too."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        # Bytes that are no text are told like any other text that can't be read.
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    typed = sys.stdin.isatty()
    if typed:
        err.print("One text a line; an empty line ends.")
    while True:
        if typed:
            err.print("> ", end="")
        line = sys.stdin.readline()
        if not line or (typed and not line.strip()):
            return
        if line.strip():
            check_text(line)
            yield line.strip()
