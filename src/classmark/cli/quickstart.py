"""`classmark quickstart`."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from classmark.assembly import Home, check_page_extra, open_home, utc_now
from classmark.cli import evaluate as evaluate_command
from classmark.cli import prepare as prepare_command
from classmark.cli import train as train_command
from classmark.cli.comparisons import describe_classes
from classmark.cli.options import HomeOption, JsonOption
from classmark.cli.serve import HostOption, PortOption
from classmark.cli.terminal import Bars, as_share, keep_result, say, say_table
from classmark.datasets import Dataset, DocumentSource, PreparationRecipe, prepare
from classmark.documents import Fields, QualityRules, english_detector, sample_documents
from classmark.durable import write_json
from classmark.evaluation import Comparison, ReportHeading, compare_any, write_report
from classmark.registry import ModelReference, RegisteredVersion
from classmark.retraining import NewVersion, VersionRequest, train_version
from classmark.serving import (
    Address,
    BatchJob,
    BatchReport,
    listening_socket,
    load_served_model,
    run_batch,
)
from classmark.training import Reliability, TrainingRecipe

NAME = "quickstart"
_FAMILIES = ("linear", "encoder")


def run(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop before serving.")] = False,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """All of it on 400 invented sample documents.

    Prepare, train a linear and an encoder version, evaluate, compare, promote the better one,
    predict the test part with it, write a report, then serve it.
    """
    place = open_home(home)
    if no_serve:
        keep_result(json, _whole_loop(place))
        return
    # What serving needs is looked for before the work, so that nobody waits for nothing.
    check_page_extra()
    with listening_socket(Address(host, port)) as listener:
        keep_result(json, _whole_loop(place))
        port = listener.getsockname()[1]
    _become_server(place, host, port)


def _become_server(place: Home, host: str, port: int) -> NoReturn:
    """Go on as `classmark serve`: a process of its own has none of training's gigabyte."""
    sys.stdout.flush()
    options = ["--model", NAME, "--home", str(place.folder), "--host", host, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, "-m", "classmark", "serve", *options])  # noqa: S606


def _whole_loop(place: Home) -> dict[str, Any]:
    """The steps one after the other, and what came of them."""
    dataset = _prepared(place)
    linear, encoder = (_trained(place, dataset, family) for family in _FAMILIES)
    reports = [_reported(place, new) for new in (linear, encoder)]
    comparison, verdict = _compared(linear, encoder)
    better = encoder if comparison.accuracy_b >= comparison.accuracy_a else linear
    promoted = _promoted(place, better, comparison)
    batch, results = _predicted(place, promoted)
    _show_summary(dataset, promoted, batch, verdict)
    result = {
        "dataset": prepare_command.describe(dataset, place.datasets.folder(NAME)),
        "versions": [_described(new) for new in (linear, encoder)],
        "comparison": verdict,
        "production_version": str(promoted.version),
        "batch": {"out": str(results), **asdict(batch)},
        "reports": [str(report) for report in reports],
    }
    metrics = place.reports / f"{promoted.name}_quickstart.json"
    write_json(metrics, result)
    say(f"Reports: {', '.join(str(report / 'report.html') for report in reports)}")
    say(f"Metrics: {metrics}")
    return result


def _prepared(home: Home) -> Dataset:
    say(" 400 sample documents, invented for demonstration", strong="1. Prepare")
    recipe = PreparationRecipe(rules=QualityRules(are_english=english_detector()))
    source = DocumentSource(sample_documents(), {"name": "classmark sample documents"})
    dataset = prepare(NAME, source, recipe, now=utc_now(), progress=Bars())
    home.datasets.save(dataset)
    prepare_command.show(dataset)
    return dataset


def _trained(home: Home, dataset: Dataset, family: str) -> NewVersion:
    say(f" the {family} family", strong="2. Train")
    # Of so few documents nothing can be promised.
    recipe = TrainingRecipe(family, reliability=Reliability(accuracy=None))
    new = train_version(
        dataset,
        VersionRequest(NAME, recipe, notes="quickstart", tracker=home.tracker),
        home.registry,
        threads=home.threads,
        progress=Bars(),
    )
    train_command.show(new)
    return new


def _reported(home: Home, new: NewVersion) -> Path:
    say(f" {new.version.name} on the test part", strong="3. Evaluate")
    assessment = new.trained.assessments["test"]
    evaluate_command.show(new.version.name, assessment.evaluation)
    heading = ReportHeading(new.version.name, f"{NAME}, test part", utc_now())
    return write_report(assessment, heading, home.reports)


def _compared(linear: NewVersion, encoder: NewVersion) -> tuple[Comparison, dict[str, Any]]:
    say(" both on the same documents", strong="4. Compare")
    a, b = (new.trained.assessments["test"] for new in (linear, encoder))
    comparison = compare_any(a, b)
    names = (linear.version.name, encoder.version.name)
    described = describe_classes(comparison, names, "documents")
    say(described["verdict"])
    return comparison, described


def _promoted(home: Home, better: NewVersion, comparison: Comparison) -> RegisteredVersion:
    say(f" {better.version.name}", strong="5. Promote")
    return home.registry.promote(
        ModelReference(NAME, better.version.version),
        f"quickstart: the more accurate of two, p = {comparison.p_value:.3g}",
    )


def _predicted(home: Home, version: RegisteredVersion) -> tuple[BatchReport, Path]:
    say(" the test part as a batch", strong="6. Predict")
    served = load_served_model(home.registry, ModelReference(NAME, version.version))
    out = home.results / f"{version.name}_{utc_now():%Y%m%dT%H%M%SZ}.jsonl"
    test = home.datasets.part_path(NAME, "test")
    job = BatchJob(test, Fields(), out, home.results / "unfinished", home.threads)
    return run_batch(served, job, now=utc_now, progress=Bars()), out


def _show_summary(
    dataset: Dataset, live: RegisteredVersion, batch: BatchReport, verdict: dict[str, Any]
) -> None:
    used = ", ".join(f"{name}: {count}" for name, count in batch.per_model.items())
    say_table(
        ("figure", "value"),
        [
            ("documents", f"{sum(dataset.sizes().values())}, of which {batch.documents} tested"),
            ("in production", live.name),
            ("accuracy", as_share(batch.accuracy or 0)),
            ("mean confidence", f"{batch.mean_confidence:.3f}"),
            ("mean latency", f"{batch.mean_latency_ms:.1f} ms"),
            ("use per model", used),
            ("A/B result", verdict["verdict"]),
            ("p-value", f"{verdict['p_value']:.3g}"),
        ],
        title="Summary",
    )


def _described(new: NewVersion) -> dict[str, Any]:
    evaluation = new.trained.assessments["test"].evaluation
    return train_command.describe(new) | {"test": evaluate_command.describe(evaluation)}
