"""`classmark explain`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from classmark.assembly import existing_home
from classmark.cli.options import (
    HomeOption,
    JsonOption,
    ReferenceArgument,
    SeedOption,
    takes_files,
)
from classmark.cli.predict import check_text
from classmark.cli.terminal import Bars, as_share, keep_result, say, say_table, say_warning
from classmark.errors import SettingError
from classmark.evaluation import (
    FEWEST_SAMPLES,
    MOST_SAMPLES,
    Explanation,
    ExplanationRequest,
    Method,
    WordWeight,
    check_explanation_folder,
    explain,
    explanation_figures,
    write_explanation,
)
from classmark.serving import load_served_model

_WORDS_SHOWN = 10
_LONGEST_WORD = 60
_BAR_WIDTH = 20


def writable_folder(path: Path | None) -> Path | None:
    """The path itself, if an explanation can be written there; asked before the work.

    Raises:
        SettingError: It is no folder, or can't be made or written to, or holds other things of
            the same names.
        MissingExtraError: What draws an explanation is not installed.
    """
    if path is None:
        return None
    if not takes_files(path):
        raise SettingError(
            f"No folder can be written at {path}.",
            remedy="Name a folder that can be made or written to.",
        )
    check_explanation_folder(path)
    return path


def run(
    reference: ReferenceArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text to explain.")],
    method: Annotated[Method, typer.Option(help="How words get their weights.")] = Method.SHAP,
    label: Annotated[
        str | None,
        typer.Option(help="The label to explain.", show_default="the answer"),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Explain why LABEL and not this one.", show_default="none"),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            min=FEWEST_SAMPLES,
            max=MOST_SAMPLES,
            help="Shortened texts to ask the model about, at most; by shap and lime.",
        ),
    ] = 1000,
    seed: SeedOption = 42,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder of a page, a plot and the figures.",
            show_default="none",
            callback=writable_folder,
        ),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """What the answer for one text rests on: the words for and against it, with weights."""
    place = existing_home(home)
    check_text(text)
    served = load_served_model(place.registry, reference)
    request = ExplanationRequest(method, label, against, samples, seed, place.threads)
    found = explain(served.classifier, served.version.folder, text, request, Bars())
    show(found)
    if out is not None:
        say(f"Page: {write_explanation(found, served.version.name, out)}")
    version = {"model": served.version.model, "model_version": str(served.version.version)}
    keep_result(json, version | explanation_figures(found))


def show(found: Explanation) -> None:
    """The answer, the strongest words for and against it, and what to be wary of."""
    say(f"  {as_share(found.answer.confidence)}", strong=found.answer.label)
    both = (*found.speaking_for, *found.speaking_against)
    strongest = max((abs(word.weight) for word in both), default=0.0)
    if found.method is Method.ATTENTION:
        say("Where the model looked: shares of its attention, whatever the label.")
        _show_words("most looked at", found.speaking_for, strongest)
    else:
        against = f" less that of {found.against}" if found.against else ""
        say(
            f"The probability of {found.label}{against} is {found.value:.3f}: {found.base:.3f} and "
            "what the words add."
        )
        _show_words(f"for {found.label}", found.speaking_for, strongest)
        _show_words(f"against {found.label}", found.speaking_against, strongest)
    for caveat in _caveats(found):
        say_warning(caveat)


def _show_words(heading: str, words: Sequence[WordWeight], strongest: float) -> None:
    if not words:
        return
    shown = words[:_WORDS_SHOWN]
    say_table(
        (heading, "times", "weight", ""),
        [
            (
                _printable(word.text),
                word.times,
                f"{word.weight:+.4f}",
                "█" * round(abs(word.weight) / strongest * _BAR_WIDTH),
            )
            for word in shown
        ],
    )
    if len(words) > len(shown):
        say(f"and {len(words) - len(shown):,} weaker")


def _printable(text: str) -> str:
    """A word as a terminal can show it."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return plain if len(plain) <= _LONGEST_WORD else plain[: _LONGEST_WORD - 1] + "…"


def _caveats(found: Explanation) -> list[str]:
    fidelity = found.fidelity
    caveats = []
    if found.words_read < found.words:
        caveats.append(
            f"The model reads {found.words_read:,} of {found.words:,} words; the others play no "
            "part."
        )
    if found.words_a_piece > 1:
        caveats.append(
            f"The text is long: up to {found.words_a_piece} words in a row are weighed as one. "
            "More --samples weigh fewer together."
        )
    if fidelity.r2 is not None:
        caveats.append(f"LIME's linear model has an R² of {fidelity.r2:.2f} here; 1 is perfect.")
    if len(found.pieces) > 1 and fidelity.without_strongest >= fidelity.without_random:
        caveats.append(
            "Without the words of highest weight the value falls no further than without random "
            "ones: don't rely on these weights."
        )
    return caveats
