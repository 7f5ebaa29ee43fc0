"""`classmark cross-validate`."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, SeedOption, parsed_pairs
from classmark.cli.terminal import Bars, as_share, keep_result, say, say_table
from classmark.errors import SettingError
from classmark.evaluation import Estimate, Evaluation
from classmark.training import (
    CrossValidation,
    Dealing,
    FamilyScore,
    Pairing,
    TrainingRecipe,
    cross_validate,
)


def run(
    dataset: Annotated[str, typer.Argument(help="A dataset that was prepared.")],
    family: Annotated[list[str], typer.Option(help="A family to compare; repeatable.")],
    folds: Annotated[
        int, typer.Option(help="In how many parts documents are held out, one after the other.")
    ] = 5,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FAMILY.KEY=VALUE", help="A parameter of a family; one or several."
        ),
    ] = None,
    seed: SeedOption = 42,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Compare families on the same folds of a dataset's train and val parts."""
    place = existing_home(home)
    given = parameters_by_family(set_ or [], family)
    recipes = [TrainingRecipe(name, given.get(name, {}), seed) for name in family]
    found = place.datasets.load(dataset)
    start = time.perf_counter()
    result = cross_validate(
        found, recipes, Dealing(folds, seed), threads=place.threads, progress=Bars()
    )
    show(result)
    told = {
        "dataset": dataset,
        "snapshot": found.snapshot_id,
        **describe(result),
        "seconds": round(time.perf_counter() - start, 3),
    }
    keep_result(json, told)


def parameters_by_family(given: list[str], families: list[str]) -> dict[str, dict[str, str]]:
    """The parameters of `--set FAMILY.KEY=VALUE ...`, by family.

    Raises:
        SettingError: One of them names no family that is compared.
    """
    found: dict[str, dict[str, str]] = {}
    example = "encoder.max_tokens=128"
    for key, value in parsed_pairs(given, "--set", example=example).items():
        family, separator, name = key.partition(".")
        if not separator or family not in families:
            raise SettingError(
                f"--set {key}={value} names none of the families {', '.join(families)}.",
                remedy=f"Write the family before it, as --set {families[0]}.{name or key}={value}.",
            )
        found.setdefault(family, {})[name] = value
    return found


def describe(result: CrossValidation) -> dict[str, Any]:
    """A cross-validation as the JSON result has it."""
    return {
        "documents": result.documents,
        "folds": result.folds,
        "families": [_described(score) for score in result.scores],
        "pairings": [_described_pairing(pairing) for pairing in result.pairings],
        "leader": result.leader,
        "best": result.best,
        "verdict": verdict(result),
    }


def verdict(result: CrossValidation) -> str:
    """Which family is best, as a sentence."""
    if len(result.scores) == 1:
        return f"{result.leader} was measured alone."
    if result.best:
        return f"{result.best} is best."
    beaten = [it for it in result.pairings if it.winner == result.leader]
    others = {
        name
        for pairing in result.pairings
        for name in (pairing.a, pairing.b)
        if result.leader in {pairing.a, pairing.b} and pairing not in beaten
    }
    rivals = ", ".join(sorted(others - {result.leader}))
    return f"Not shown to differ: {result.leader}, which leads, and {rivals}."


def show(result: CrossValidation) -> None:
    """The figures of each family as a table, and which is best."""
    say_table(
        ("family", "accuracy", "95 % interval", "macro F1", "95 % interval", "lowest", "highest"),
        [_row(score) for score in result.scores],
        title=f"{result.documents:,} documents in {result.folds} folds",
    )
    for pairing in result.pairings:
        found = pairing.comparison.difference
        say(
            f"{pairing.b} minus {pairing.a}: {found.value * 100:+.1f} points "
            f"({found.low * 100:+.1f} to {found.high * 100:+.1f}), p = {pairing.adjusted:.3g}"
        )
    say(f"{verdict(result)} Test was not looked at.")


def _row(score: FamilyScore) -> tuple[str, ...]:
    overall = score.overall
    shares = [fold.accuracy.value for fold in score.folds]
    return (
        score.recipe.family,
        as_share(overall.accuracy.value),
        _interval(overall.accuracy),
        f"{overall.macro_f1.value:.3f}",
        f"{overall.macro_f1.low:.3f} to {overall.macro_f1.high:.3f}",
        as_share(min(shares)),
        as_share(max(shares)),
    )


def _interval(estimate: Estimate) -> str:
    return f"{as_share(estimate.low)} to {as_share(estimate.high)}"


def _described(score: FamilyScore) -> dict[str, Any]:
    return {
        "family": score.recipe.family,
        "parameters": dict(score.recipe.parameters),
        **_figures(score.overall),
        "latency_p50_ms": score.overall.latency.p50_ms,
        "folds": [_figures(fold) for fold in score.folds],
    }


def _figures(evaluation: Evaluation) -> Mapping[str, Any]:
    accuracy, macro_f1 = evaluation.accuracy, evaluation.macro_f1
    return {
        "rows": evaluation.rows,
        "accuracy": accuracy.value,
        "accuracy_interval": [accuracy.low, accuracy.high],
        "macro_f1": macro_f1.value,
        "macro_f1_interval": [macro_f1.low, macro_f1.high],
    }


def _described_pairing(pairing: Pairing) -> dict[str, Any]:
    found = pairing.comparison
    return {
        "a": pairing.a,
        "b": pairing.b,
        "difference": found.difference.value,
        "interval": [found.difference.low, found.difference.high],
        "p_value": found.p_value,
        "p_adjusted": pairing.adjusted,
        "only_a_right": found.only_a_right,
        "only_b_right": found.only_b_right,
        "winner": pairing.winner,
    }
