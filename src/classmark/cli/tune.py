"""`classmark tune`."""

import signal
import sys
from dataclasses import replace
from types import FrameType
from typing import Annotated, NoReturn

import typer

from classmark.assembly import Home, existing_home, utc_now
from classmark.cli import train as train_command
from classmark.cli.options import HomeOption, JsonOption, SeedOption, parsed_pairs
from classmark.cli.terminal import Bars, as_share, keep_result, say, say_table, say_warning
from classmark.datasets import Dataset
from classmark.errors import SettingError
from classmark.models import family_class
from classmark.naming import checked_name
from classmark.retraining import NewVersion, VersionRequest, register_best, train_version
from classmark.training import (
    Limits,
    Sampler,
    SearchRoom,
    StudyDefinition,
    TrainingRecipe,
    Trial,
    TuningResult,
    dealt_halves,
    default_study_name,
    problem_of,
    search_space,
    tune,
)

_SHOWN = 10


TimeoutOption = Annotated[
    float, typer.Option(help="Stop after so many seconds; 28800 are 8 hours.")
]
FixedOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Fix a parameter; one or several."),
]
SearchOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=SPEC",
        help="Search a parameter in low..high, low..high:log or a,b,c; one or several.",
    ),
]
StudyOption = Annotated[
    str | None, typer.Option(help="The study's name.", show_default="model, family and snapshot")
]


def run(
    dataset: Annotated[str, typer.Argument(help="A dataset that was prepared.")],
    model: Annotated[str, typer.Option(help="The model's name.")],
    family: Annotated[str, typer.Option(help="Whose parameters are searched.")],
    trials: Annotated[int, typer.Option(help="Of the study in all.")] = 20,
    timeout_seconds: TimeoutOption = 28_800,
    sampler: Annotated[Sampler, typer.Option(help="How to choose what comes next.")] = Sampler.TPE,
    set_: FixedOption = None,
    search: SearchOption = None,
    keep: Annotated[int, typer.Option(help="Keep the artifacts of so many of the best.")] = 1,
    study: StudyOption = None,
    seed: SeedOption = 42,
    register: Annotated[
        bool, typer.Option("--register", help="Train the best as the next version.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Search the best parameters of a family; the same command goes on where it was stopped."""
    place = existing_home(home)
    checked_name(model, of="model")
    limits = Limits(trials, timeout_seconds, keep)
    found = place.datasets.load(dataset)
    fixed = parsed_pairs(set_ or [], "--set", example="KEY=VALUE")
    searched = parsed_pairs(search or [], "--search", example="max_tokens=64,128")
    definition = StudyDefinition(
        name=checked_name(study or default_study_name(model, family, found), of="study"),
        dataset=dataset,
        snapshot=found.snapshot_id,
        recipe=TrainingRecipe(family, fixed, seed),
        space=search_space(family_class(family), fixed, searched, problem_of(found)),
        sampler=sampler,
    )
    signal.signal(signal.SIGTERM, _end)
    try:
        result = tune(definition, limits, _room(place, found, definition))
    except KeyboardInterrupt as error:
        error.add_note("The trials that ended are kept: the same command goes on.")
        raise
    told = {**result.describe(), "command": result.command(model), "version": None}
    keep_result(json, told)
    show(result, model)
    if register:
        version = _registered(place, found, result, model)
        keep_result(json, told | {"version": version})


def show(result: TuningResult, model: str) -> None:
    """The best trials as a table, and what to do with the first.

    Raises:
        SettingError: No trial finished.
    """
    best = result.best
    ended = [trial for trial in result.trials if trial.counts]
    if best is None:
        for note in dict.fromkeys(trial.note for trial in ended if trial.note):
            say_warning(note)
        raise SettingError(
            f"None of {len(ended)} trials finished.",
            remedy=f"{result.folder / 'result.json'} says why; mend it with --set or --search and"
            " begin another study with --study, or give it more time.",
        )
    names = list(result.definition.space)
    finished = sorted(ended, key=lambda trial: (-(trial.value or -1.0), trial.number))
    say_table(
        ("trial", "accuracy on val", *names, "seconds"),
        [
            (
                trial.number,
                trial.state.value if trial.value is None else as_share(trial.value),
                *(_written(trial.parameters.get(name)) for name in names),
                f"{trial.seconds:.1f}",
            )
            for trial in finished[:_SHOWN]
        ],
        title=f"The best trials of {result.definition.name}",
    )
    say(
        f"{len(ended)} trials in {result.seconds:.0f} s; the best is trial {best.number} with "
        f"{as_share(best.value or 0.0)} on val. Test was not looked at."
    )
    say(f"Plots, result.json and artifacts: {result.folder}")
    say(f"Next: {result.command(model)}")


def _room(place: Home, dataset: Dataset, definition: StudyDefinition) -> SearchRoom:
    selecting = len(dealt_halves(dataset.parts["val"]).selection)
    say(
        f" searches {', '.join(f'{name} in {it}' for name, it in definition.space.items())}"
        f" on {selecting:,} documents of val",
        strong=definition.name,
    )
    return SearchRoom(
        database=place.database,
        folder=place.studies,
        data=place.data,
        threads=place.threads,
        now=utc_now,
        heard=_tell,
    )


def _tell(trial: Trial) -> None:
    what = trial.state.value if trial.value is None else as_share(trial.value)
    tried = ", ".join(f"{name}={_written(value)}" for name, value in trial.parameters.items())
    note = f" ({trial.note})" if trial.note else ""
    say(f": {what} in {trial.seconds:.1f} s with {tried}{note}", strong=f"trial {trial.number}")


def _written(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _registered(place: Home, dataset: Dataset, result: TuningResult, model: str) -> str:
    """The name of the version of the best trial, which is trained unless it is there."""

    def train(request: VersionRequest) -> NewVersion:
        return train_version(
            dataset,
            replace(request, tracker=place.tracker, home=place.folder),
            place.registry,
            threads=place.threads,
            progress=Bars(),
        )

    new = register_best(result, model, train)
    if isinstance(new, str):
        say(" was registered from this trial before", strong=new)
        return new
    train_command.show(new)
    return new.version.name


def _end(number: int, _: FrameType | None) -> NoReturn:
    """End as after Ctrl+C: the trial that runs is put back, and its process ends."""
    sys.exit(128 + number)
