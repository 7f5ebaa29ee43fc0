"""What a comparison of two versions says, as JSON has it and as a sentence."""

from typing import Any

from classmark.cli.terminal import as_share
from classmark.evaluation import Comparison, Estimate, NumberComparison, PairedFigure


def describe_any(
    comparison: Comparison | NumberComparison, names: tuple[str, str], of: str
) -> dict[str, Any]:
    """A comparison of classes or of predicted numbers."""
    if isinstance(comparison, NumberComparison):
        return describe_numbers(comparison, names)
    return describe_classes(comparison, names, of)


def describe_classes(comparison: Comparison, names: tuple[str, str], of: str) -> dict[str, Any]:
    """A comparison of classes, of `documents` or `rows`."""
    a, b = names
    winner = _winner(comparison, names)
    return {
        "n": comparison.rows,
        "a": {"version": a, "accuracy": comparison.accuracy_a},
        "b": {"version": b, "accuracy": comparison.accuracy_b},
        **_difference(comparison.difference),
        "p_value": comparison.p_value,
        "only_a_right": comparison.only_a_right,
        "only_b_right": comparison.only_b_right,
        "winner": winner,
        "verdict": _verdict(_of_classes(comparison, names, of), winner),
        "agreement": comparison.agreement,
        "per_class": {
            change.label: {
                "n": change.rows,
                "recall_a": change.recall_a,
                "recall_b": change.recall_b,
                "only_a_right": change.only_a_right,
                "only_b_right": change.only_b_right,
                "p_value": change.p_value,
                "p_adjusted": change.adjusted,
            }
            for change in comparison.per_class
        },
        "regressions": [change.label for change in comparison.regressions],
        **({"micro_f1": _figure(comparison.micro_f1)} if comparison.micro_f1 else {}),
    }


def describe_numbers(comparison: NumberComparison, names: tuple[str, str]) -> dict[str, Any]:
    """A comparison of predicted numbers."""
    a, b = names
    winner = _winner(comparison, names)
    return {
        "n": comparison.rows,
        "a": {"version": a, "mae": comparison.mae_a},
        "b": {"version": b, "mae": comparison.mae_b},
        **_difference(comparison.difference),
        "p_value": comparison.p_value,
        "winner": winner,
        "verdict": _verdict(_of_numbers(comparison, names), winner),
    }


def _winner(comparison: Comparison | NumberComparison, names: tuple[str, str]) -> str | None:
    return {"a": names[0], "b": names[1], None: None}[comparison.winner]


def _difference(difference: Estimate) -> dict[str, Any]:
    return {"difference": difference.value, "interval": [difference.low, difference.high]}


def _figure(figure: PairedFigure) -> dict[str, Any]:
    return {"a": figure.a, "b": figure.b, **_difference(figure.difference)}


def _verdict(figures: str, winner: str | None) -> str:
    return f"{figures}. " + (f"{winner} wins." if winner else "Not shown to differ.")


def _of_classes(comparison: Comparison, names: tuple[str, str], of: str) -> str:
    a, b = names
    difference = comparison.difference
    figure = "Subset accuracy: " if comparison.micro_f1 else ""
    return (
        f"{figure}{a} {as_share(comparison.accuracy_a)}, {b} {as_share(comparison.accuracy_b)} on "
        f"{comparison.rows:,} {of}: {difference.value * 100:+.1f} points "
        f"({difference.low * 100:+.1f} to {difference.high * 100:+.1f}), "
        f"p = {comparison.p_value:.3g}"
    )


def _of_numbers(comparison: NumberComparison, names: tuple[str, str]) -> str:
    a, b = names
    difference = comparison.difference
    return (
        f"{a} MAE {comparison.mae_a:.4g}, {b} MAE {comparison.mae_b:.4g} on "
        f"{comparison.rows:,} rows: {difference.value:+.3g} ({difference.low:+.3g} to "
        f"{difference.high:+.3g})"
    )
