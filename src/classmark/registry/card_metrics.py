"""The figures of a model card: how good a version is, and where it is weak."""

from collections.abc import Iterator, Mapping
from typing import Any

from classmark.registry.markdown import (
    NOT_MEASURED,
    escaped,
    number,
    share,
    stated,
    table,
    within,
)

Metadata = Mapping[str, Any]

# Of the weakest classes and the worst confusions, so many are told.
_TOLD = 3
# An interval of accuracy that is wider than this says little.
_WIDE = 0.1


def metrics(metadata: Metadata) -> str:
    """The section on figures: each part, each class, calibration, abstaining, the baseline."""
    found = metadata.get("metrics") or {}
    texts = [_label_sets(found) if is_multi_label(metadata) else _parts(found)]
    for name, figures in _by_target("test", found.get("test") or {}):
        per_class = figures.get("per_class")
        told = f"Each class on the {name} part:\n\n{_classes(per_class or {})}"
        texts.append(told if per_class else "")
    if not _is_table(metadata):
        texts.append(f"Calibration: {_calibration(metadata)}")
        texts.append(f"Abstaining: {_abstaining(metadata)}")
    texts.append(f"Beside the baseline: {_baseline(metadata)}")
    return "\n\n".join(text for text in texts if text)


def limits(metadata: Metadata) -> Iterator[str]:
    """What is known of a version's weaknesses, one sentence each."""
    found = metadata.get("metrics") or {}
    for _, test in _by_target("test", found.get("test") or {}):
        yield from _weakest(test.get("per_class") or {})
        yield from _confusions(test.get("confusions") or [])
        yield from _uncertainty(test)
    yield from _learned_by_heart(found)
    if not _is_table(metadata):
        yield from _reading(metadata)


def _by_target(part: str, figures: Metadata) -> Iterator[tuple[str, Metadata]]:
    """The figures of a part; of a table with classes those of each target, behind its name."""
    targets = figures.get("targets") or {}
    if not targets or "mae" in figures:
        yield part, figures
        return
    for target, found in targets.items():
        name = part if len(targets) == 1 else f"{part}, {target}"
        yield name, {"rows": figures.get("rows"), **found}


def _is_table(metadata: Metadata) -> bool:
    return (metadata.get("dataset") or {}).get("kind") == "table"


def is_multi_label(metadata: Metadata) -> bool:
    """Whether a text may be given several labels."""
    return metadata.get("problem") == "multi-label"


def _label_sets(found: Metadata) -> str:
    headings = ("part", "rows", "subset accuracy", "Hamming loss", "micro F1", "macro F1")
    names = ("accuracy", "hamming_loss", "micro_f1", "macro_f1")
    rows = [
        [
            escaped(part),
            number(figures.get("rows"), 0),
            *(
                within(*(figures.get(f"{it}{end}") for end in ("", "_low", "_high")))
                for it in names
            ),
        ]
        for part, figures in found.items()
    ]
    return table(headings, rows)


def _parts(found: Metadata) -> str:
    if not found:
        return f"Figures: {NOT_MEASURED}."
    if any("mae" in figures for figures in found.values()):
        rows = [
            [part, f"{figures['rows']:,}", *(number(figures.get(key)) for key in _ERRORS)]
            for part, figures in found.items()
        ]
        return table(("part", "rows", "MAE", "RMSE", "R²"), rows)
    headings = (
        "part",
        "rows",
        "accuracy",
        "macro F1",
        "calibration error",
        "latency p50",
        "latency p95",
    )
    rows = [
        [escaped(name), *_part(figures)]
        for part, told in found.items()
        for name, figures in _by_target(part, told)
    ]
    return table(headings, rows)


_ERRORS = ("mae", "rmse", "r2")


def _part(figures: Metadata) -> list[str]:
    latencies = (figures.get("latency_p50_ms"), figures.get("latency_p95_ms"))
    return [
        number(figures.get("rows"), 0),
        within(*(figures.get(key) for key in ("accuracy", "accuracy_low", "accuracy_high"))),
        within(*(figures.get(key) for key in ("macro_f1", "macro_f1_low", "macro_f1_high"))),
        number(figures.get("calibration_error")),
        *(NOT_MEASURED if value is None else f"{value:,.1f} ms" for value in latencies),
    ]


def _classes(per_class: Mapping[str, Metadata]) -> str:
    rows = [
        [
            escaped(label),
            number(figures.get("support"), 0),
            within(*(figures.get(key) for key in ("recall", "recall_low", "recall_high"))),
            share(figures.get("precision")),
            number(figures.get("f1")),
        ]
        for label, figures in per_class.items()
    ]
    return table(("class", "documents", "recall", "precision", "F1"), rows)


def _calibration(metadata: Metadata) -> str:
    found = metadata.get("calibration")
    if not found:
        return f"{NOT_MEASURED}."
    temperature, rows = found.get("temperature"), found.get("selection_rows")
    if temperature is None or rows is None:
        return f"{stated(found.get('method'))}."
    return f"a temperature of {temperature:.3g}, fitted on {rows:,} documents of val."


def _abstaining(metadata: Metadata) -> str:
    found = metadata.get("calibration") or {}
    promise, below = found.get("promise"), found.get("abstain_below")
    if promise is None or below is None:
        reasons = " ".join(map(escaped, found.get("shortcomings") or []))
        return f"never; every text is answered. {reasons}".strip()
    test = (metadata.get("metrics") or {}).get("test") or {}
    return (
        f"below a confidence of {below:.3f}. At least {share(promise['accuracy'])} of the other"
        f" answers are right, with a risk of {share(promise['risk'])} that this does not hold. On"
        f" the test part {share(test.get('coverage'))} are answered, of which"
        f" {share(test.get('accuracy_answered'))} are right."
    )


def _baseline(metadata: Metadata) -> str:
    found = metadata.get("baseline")
    if metadata.get("family") == "linear":
        return "this is the baseline's family."
    if not found:
        return f"{NOT_MEASURED}."
    if "verdict" in found:
        accuracy = within(found["accuracy"], *found["accuracy_interval"])
        return (
            f"{escaped(found['verdict'])} Its accuracy on the same rows is {accuracy}, p ="
            f" {found['p_value']:.3g}."
        )
    if "problem" in found:
        return f"{NOT_MEASURED}: {escaped(found['problem'])}"
    return " ".join(_targets(found.get("comparisons") or {})) or f"{NOT_MEASURED}."


def _targets(comparisons: Mapping[str, Metadata]) -> Iterator[str]:
    for name, compared in comparisons.items():
        winner = compared.get("winner")
        told = f"the {winner} is better" if winner else "not shown to differ"
        yield f"{escaped(name)}: {told}{_gap(compared.get('difference'))}."


def _gap(difference: Metadata | None) -> str:
    """Version minus baseline: accuracy, or the mean absolute error in the target's unit."""
    if difference is None:
        return ""
    value, low, high = (number(difference[key]) for key in ("value", "low", "high"))
    return f"; version minus baseline {value} ({low} to {high})"


def _weakest(per_class: Mapping[str, Metadata]) -> Iterator[str]:
    worst = sorted(per_class.items(), key=lambda one: one[1]["recall"])[:_TOLD]
    told = [
        f"{escaped(label)} ({share(figures['recall'])} of {figures['support']:,})"
        for label, figures in worst
        if figures["recall"] < 1 and figures["support"]
    ]
    if told:
        yield f"Found least often: {', '.join(told)}."


def _confusions(confusions: list[Metadata]) -> Iterator[str]:
    told = [
        f"{escaped(one['true'])} for {escaped(one['given'])} ({one['rows']:,} of"
        f" {one['support']:,})"
        for one in confusions[:_TOLD]
    ]
    if told:
        yield f"Taken for another class most often: {', '.join(told)}."


def _uncertainty(test: Metadata) -> Iterator[str]:
    low, high = test.get("accuracy_low"), test.get("accuracy_high")
    if low is None or high is None:
        return
    if high - low > _WIDE:
        yield (
            f"The test part is small ({test.get('rows', 0):,} rows): accuracy may be anything from"
            f" {share(low)} to {share(high)}."
        )


def _learned_by_heart(found: Metadata) -> Iterator[str]:
    train = (found.get("train") or {}).get("accuracy")
    test = found.get("test") or {}
    if train is not None and train > test.get("accuracy_high", 1):
        yield (
            f"It knows what it learned from better than what is new: {share(train)} against"
            f" {share(test['accuracy'])}."
        )


def _reading(metadata: Metadata) -> Iterator[str]:
    parameters = metadata.get("hyperparameters") or {}
    if "max_tokens" in parameters:
        yield (
            f"At most {parameters['max_tokens']} tokens are read at once"
            f"{_long_texts(parameters.get('long_texts'))}."
        )
    recipe = (metadata.get("dataset") or {}).get("recipe") or {}
    languages = {"en": "English alone"}.get(str(recipe.get("language")), "any; not told apart")
    yield f"Languages of the training texts: {languages if recipe else 'not stated'}."


def _long_texts(how: object) -> str:
    if how is None:
        return "; what is behind them is not looked at"
    return f"; longer texts: {escaped(how)}"
