"""What a model reads of a text, and where each of its tokens stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from classmark.models.artifact import read_artifact_config
from classmark.models.members import MEMBERS
from classmark.models.windows import LongTexts, WindowCutter

TOKENIZER = "tokenizer.json"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """One input of a model.

    Attributes:
        ids: Of its tokens, special ones too.
        spans: Where each token begins and ends in the text; None for special ones.
    """

    ids: tuple[int, ...]
    spans: tuple[Span | None, ...]


def read_windows(folder: Path, text: str) -> list[Window]:
    """The inputs that stand for a clean text, of an artifact with a tokenizer.

    Raises:
        TamperedVersionError: The folder is no whole artifact.
    """
    cutter = _cutter(folder)
    encoded = cutter.tokenizer.encode(text, add_special_tokens=False)
    ids, spans = encoded.ids, encoded.offsets
    if not ids:
        return [_window(cutter, cutter.blank, [None] * len(cutter.blank))]
    return [
        _window(cutter, [ids[place] for place in places], [spans[place] for place in places])
        for places in cutter.cut(range(len(ids)))
    ]


def read_spans(folder: Path, text: str) -> list[Span]:
    """The parts of a clean text that a model reads, in their order, where some may be cut off.

    A composite reads what any of its members reads.

    Raises:
        TamperedVersionError: The folder is no whole artifact.
    """
    members = sorted(path for path in (folder / MEMBERS).glob("*") if path.is_dir())
    if members:
        return sorted({span for member in members for span in read_spans(member, text)})
    if not (folder / TOKENIZER).is_file():
        return [(0, len(text))]
    cutter = _cutter(folder)
    spans = cutter.tokenizer.encode(text, add_special_tokens=False).offsets
    if not spans:
        return [(0, len(text))]
    places = [place for piece in cutter.cut(range(len(spans))) for place in piece]
    # Where one token is read and the next one is not, or the other way round.
    ends = [at for at in range(1, len(places)) if places[at] != places[at - 1] + 1]
    return [
        (spans[places[start]][0], spans[places[end - 1]][1])
        for start, end in pairwise((0, *ends, len(places)))
    ]


def _cutter(folder: Path) -> WindowCutter:
    from tokenizers import Tokenizer  # noqa: PLC0415 (not every family has tokens)

    parameters = read_artifact_config(folder).parameters
    long_texts = LongTexts(parameters.get("long_texts", LongTexts.HEAD))
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    return WindowCutter.of(tokenizer, int(parameters["max_tokens"]), long_texts)


def _window(cutter: WindowCutter, ids: Sequence[int], spans: Sequence[Span | None]) -> Window:
    before, after = cutter.before, cutter.after
    nowhere = ([None] * len(before), [None] * len(after))
    return Window((*before, *ids, *after), (*nowhere[0], *spans, *nowhere[1]))
