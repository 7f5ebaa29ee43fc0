"""`classmark train`."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from classmark.assembly import Home, existing_home
from classmark.cli.caveats import warn_of_taught
from classmark.cli.options import HomeOption, JsonOption, SeedOption, parsed_pairs
from classmark.cli.table_training import describe_table_version, train_on_table
from classmark.cli.table_versions import DatasetKind, is_table, predicts_tables
from classmark.cli.terminal import Bars, as_share, keep_result, say, say_warning
from classmark.datasets import Dataset
from classmark.errors import SettingError
from classmark.models import Problem
from classmark.naming import checked_name
from classmark.registry import Bump, ModelReference
from classmark.retraining import NewVersion, VersionRequest, train_version
from classmark.serving import load_served_model
from classmark.training import Reliability, RunLink, TeachingModel, TrainingRecipe

SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the family; one or several."),
]
CalibrationOption = Annotated[
    str, typer.Option(help="How probabilities are mended: temperature, isotonic or none.")
]
PromiseOption = Annotated[
    str, typer.Option(help="Share of the answers that is to be right; none abstains never.")
]
RiskOption = Annotated[float, typer.Option(help="Probability that the promise does not hold.")]
NoBaselineOption = Annotated[
    bool, typer.Option("--no-baseline", help="Leave out the cheap family beside.")
]
TeacherOption = Annotated[
    ModelReference | None,
    typer.Option(
        parser=ModelReference.parse,
        metavar="MODEL@REF",
        help="A version whose answers are learned beside the labels.",
        show_default="none",
    ),
]


def run(
    dataset: Annotated[str, typer.Argument(help="A dataset that was prepared.")],
    model: Annotated[str, typer.Option(help="The model's name.")],
    family: Annotated[
        str, typer.Option(help="As linear or encoder for texts, linear or boosted for tables.")
    ],
    set_: SetOption = None,
    bump: Annotated[
        Bump | None, typer.Option(help="Which number rises.", show_default="what differs decides")
    ] = None,
    seed: SeedOption = 42,
    kind: Annotated[
        DatasetKind | None,
        typer.Option(help="Which is meant where texts and a table have the name."),
    ] = None,
    calibration: CalibrationOption = "temperature",
    promise: PromiseOption = "0.9",
    risk: RiskOption = 0.05,
    no_baseline: NoBaselineOption = False,
    teacher: TeacherOption = None,
    notes: Annotated[str, typer.Option(help="For the metadata and the history.")] = "",
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """A dataset becomes the next version of a model: trained, exported, checked, registered."""
    place = existing_home(home)
    checked_name(model, of="model")
    request = VersionRequest(
        model,
        TrainingRecipe(
            family,
            parsed_parameters(set_ or []),
            seed,
            with_baseline=not no_baseline,
            reliability=Reliability(calibration, parsed_promise(promise), risk),
        ),
        bump,
        notes,
        place.tracker,
        place.folder,
    )
    if is_table(place, dataset, kind):
        if teacher:
            raise SettingError("--teacher is for models of texts.", remedy="Leave it out.")
        of_table = train_on_table(place, dataset, request)
        warn_of_tracking(of_table.run)
        keep_result(json, describe_table_version(of_table.version))
        return
    keep_result(json, describe(_train_on_texts(place, dataset, request, teacher)))


def _train_on_texts(
    place: Home, name: str, request: VersionRequest, teacher: ModelReference | None
) -> NewVersion:
    """A dataset becomes the next version of a model, and what came of it is said."""
    prepared = place.datasets.load(name)
    new = train_version(
        prepared,
        replace(request, teacher=_teacher(place, teacher, prepared)) if teacher else request,
        place.registry,
        threads=place.threads,
        progress=Bars(),
    )
    show(new)
    reference = f"{new.version.model}@{new.version.version}"
    say(f"Next: classmark evaluate {reference} {name}, then classmark promote {reference}")
    return new


def _teacher(place: Home, reference: ModelReference, dataset: Dataset) -> TeachingModel:
    """The version that is to teach; a note where it knows what its pupil is measured on.

    Raises:
        SettingError: It predicts tables.
    """
    if predicts_tables(place, reference):
        raise SettingError(
            f"{reference} predicts the rows of tables and can't teach: a teacher must be a version"
            " of texts.",
            remedy="Name another one with --teacher, or leave it out.",
        )
    model = load_served_model(place.registry, reference)
    version = model.version
    warn_of_taught(place, version, [*dataset.parts["val"], *dataset.parts["test"]])
    return TeachingModel(f"{version.model}@{version.version}", model.classifier)


def parsed_parameters(given: list[str]) -> dict[str, str]:
    """The parameters of `--set KEY=VALUE ...`."""
    return parsed_pairs(given, "--set", example="KEY=VALUE")


def parsed_promise(given: str) -> float | None:
    """The promised share of `--promise`; None where nothing is to be promised."""
    if given.strip().lower() == "none":
        return None
    try:
        return float(given)
    except ValueError as error:
        raise SettingError(
            f"--promise {given!r} is no share.", remedy="Write it as --promise 0.9, or none."
        ) from error


def describe(new: NewVersion) -> dict[str, Any]:
    """A new version as the JSON result has it."""
    version, metadata = new.version, new.version.metadata
    return {
        "model": version.model,
        "version": str(version.version),
        "name": version.name,
        "status": version.status.value,
        "path": str(version.folder),
        "family": metadata["family"],
        "problem": metadata["problem"],
        "architecture": metadata["architecture"],
        "metrics": metadata["metrics"],
        "parity": metadata["parity"],
        "calibration": metadata["calibration"],
        "baseline": metadata["baseline"],
        "tracking": asdict(new.run) if new.run else None,
        "training_seconds": metadata["training_seconds"],
        "size_mb": metadata["size_mb"],
    }


def show(new: NewVersion) -> None:
    """A new version in a few lines."""
    version, metadata = new.version, new.version.metadata
    parity, metrics = metadata["parity"], metadata["metrics"]
    several = metadata["problem"] == Problem.MULTI_LABEL
    say(
        f" is registered ({metadata['architecture']}, {metadata['size_mb']:.1f} MB, "
        f"{metadata['training_seconds']:.0f} s): {'subset accuracy' if several else 'accuracy'} "
        f"{as_share(metrics['val']['accuracy'])} on val, "
        f"{as_share(metrics['test']['accuracy'])} on test",
        strong=version.name,
    )
    chosen = parity["exports"][parity["chosen"]]
    compared = "label sets" if several else "labels"
    say(
        f"Serves as {parity['chosen']}: {as_share(chosen['label_share'])} of {parity['rows']} "
        f"validation {compared} as trained, largest probability gap {chosen['largest_gap']:.2g}"
    )
    for name, agreement in parity["larger"].items():
        say(f"Answers {as_share(agreement['label_share'])} of them as {name} does")
    show_reliability(metadata["calibration"])
    show_baseline(metadata["baseline"])
    warn_of_tracking(new.run)


def show_baseline(baseline: Mapping[str, Any] | None) -> None:
    """How a new version does beside the baseline: a note where it does worse."""
    if baseline is None:
        return
    if "problem" in baseline:
        say_warning(f"There is no {baseline['family']} baseline: {baseline['problem']}")
    elif baseline["winner"] == "baseline":
        say_warning(baseline["verdict"])
    else:
        say(baseline["verdict"])


def warn_of_tracking(run: RunLink | None) -> None:
    """Say so if the record of a training is not whole."""
    if run is not None and run.problem:
        say_warning(
            f"MLflow at {run.uri} does not have the whole record of this run: {run.problem}."
        )


def show_reliability(calibration: Mapping[str, Any]) -> None:
    """What is promised of the answers, or what could not be."""
    promise = calibration["promise"]
    if promise:
        rest = (
            f"Abstains below a confidence of {calibration['abstain_below']:.3f}: of the other "
            f"{as_share(promise['coverage'])}"
            if calibration["abstain_below"]
            else "Abstains never: of all answers"
        )
        say(
            f"{rest} at least {as_share(promise['accuracy'])} are right, with a risk of "
            f"{as_share(promise['risk'])}"
        )
    for shortcoming in calibration["shortcomings"]:
        say_warning(shortcoming)
