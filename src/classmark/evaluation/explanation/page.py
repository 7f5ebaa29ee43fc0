"""An explanation for people: one HTML page that needs nothing else, its plot, its figures."""

import base64
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from math import ceil
from pathlib import Path
from typing import Any

from classmark.durable import write_bytes, write_json
from classmark.errors import MissingExtraError, SettingError
from classmark.evaluation.explanation.explanation import Explanation, Method

_PAGE, _PLOT, _FIGURES = "explanation.html", "explanation.png", "explanation.json"
# By this a page that we wrote, and may replace, is known again.
_MARK = b'<meta name="generator" content="classmark explain">'
_BYTES_MARKED = 1000
_SHADES = 4
_WORDS_LISTED = 20


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the text that is shown in one way.

    Attributes:
        text: As it stands there.
        kind: `for`, `against`, `look`, `unread`, or empty.
        shade: 1 to 4 by strength; 0 without one.
        weight: Of the piece; None where it is none.
    """

    text: str
    kind: str = ""
    shade: int = 0
    weight: float | None = None


def write_explanation(explanation: Explanation, model: str, folder: Path) -> Path:
    """Write `explanation.html`, `explanation.png` and `explanation.json`; earlier ones give way.

    Args:
        explanation: What is shown.
        model: As `arxiv_v1.0.0`.
        folder: Made where it is not there.

    Returns:
        The page.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
        SettingError: Files there have these names and belong to no explanation.
    """
    check_explanation_folder(folder)
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 (extra)

    from classmark.evaluation.explanation.plot import draw_words  # noqa: PLC0415 (extra)

    plot = draw_words(explanation)
    source = files("classmark.evaluation").joinpath("templates", _PAGE).read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.from_string(source).render(
        explanation=explanation,
        attention=explanation.method is Method.ATTENTION,
        model=model,
        plot=plot,
        encoded=base64.b64encode(plot.png).decode(),
        stretches=list(stretches(explanation)),
        listed=_WORDS_LISTED,
    )
    write_bytes(folder / _PLOT, plot.png)
    write_json(folder / _FIGURES, {"model": model, **explanation_figures(explanation)})
    write_bytes(folder / _PAGE, page.encode())
    return folder / _PAGE


def check_explanation_folder(folder: Path) -> None:
    """Let a folder pass into which an explanation can be written, without loss.

    Raises:
        MissingExtraError: matplotlib or jinja2 is not installed.
        SettingError: Files there have the names of an explanation's and belong to none.
    """
    try:
        import jinja2  # noqa: F401, PLC0415 (extra)
        import matplotlib as mpl  # noqa: F401, PLC0415 (extra)
    except ModuleNotFoundError as error:
        raise MissingExtraError("An explanation's page", extra="train") from error
    taken = [name for name in (_PAGE, _PLOT, _FIGURES) if (folder / name).exists()]
    if taken and not _is_ours(folder / _PAGE):
        raise SettingError(
            f"{folder / taken[0]} is there already and belongs to no explanation.",
            remedy="Name another folder, or move that file away.",
        )


def explanation_figures(explanation: Explanation) -> dict[str, Any]:
    """An explanation as JSON has it."""
    values = asdict(explanation)
    answer = values.pop("answer")
    return {
        **{name: values.pop(name) for name in ("method", "label", "against", "value", "base")},
        "answer": answer["label"],
        "confidence": answer["confidence"],
        "speaking_for": [asdict(word) for word in explanation.speaking_for],
        "speaking_against": [asdict(word) for word in explanation.speaking_against],
        **values,
    }


def stretches(explanation: Explanation) -> Iterator[Stretch]:
    """The whole text in order: its pieces, and what stands between them."""
    strongest = max((abs(piece.weight) for piece in explanation.pieces), default=0.0)
    looked = explanation.method is Method.ATTENTION
    reached = 0
    for piece in explanation.pieces:
        yield _between(explanation.text[reached : piece.start])
        kind = "look" if looked else "for" if piece.weight > 0 else "against"
        shade = _shade(abs(piece.weight), strongest)
        yield Stretch(piece.text, kind if shade else "", shade, piece.weight)
        reached = piece.end
    yield _between(explanation.text[reached:])


def _shade(strength: float, strongest: float) -> int:
    """0 below a twentieth of the strongest, else 1 to 4."""
    if strength <= 0.05 * strongest:
        return 0
    return ceil(_SHADES * strength / strongest)


def _between(text: str) -> Stretch:
    """What stands between two pieces: punctuation, or words that the model does not read."""
    return Stretch(text, "unread" if any(char.isalnum() for char in text) else "")


def _is_ours(page: Path) -> bool:
    if not page.is_file():
        return False
    with page.open("rb") as file:
        return _MARK in file.read(_BYTES_MARKED)
