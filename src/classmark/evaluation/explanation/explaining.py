"""From a model and a text to an explanation."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from classmark.documents import clean
from classmark.errors import MissingExtraError, SettingError
from classmark.evaluation.explanation import by_attention
from classmark.evaluation.explanation.asking import Asking, Attribution, ShortenedTexts
from classmark.evaluation.explanation.explanation import (
    FEWEST_SAMPLES,
    MOST_SAMPLES,
    Explanation,
    ExplanationRequest,
    Fidelity,
    Method,
    Piece,
)
from classmark.evaluation.explanation.pieces import CutText, cut_text
from classmark.models import Answer, Classifier, read_spans
from classmark.progress import Progress, Silent

# A linear model of more weights than a quarter of its samples says nothing, and an order of words
# takes twice as many samples as it has words.
_SAMPLES_A_PIECE = 4
_MOST_PIECES = 500
_REMOVED_SHARE = 0.1
_DRAWS = 20
_GIVE_WORDS = "Give a text with words in it."


def explain(
    classifier: Classifier,
    folder: Path,
    text: str,
    request: ExplanationRequest,
    progress: Progress | None = None,
) -> Explanation:
    """What the answer for one text, as it came, rests on.

    Args:
        classifier: Has answered.
        folder: Where its artifact lies.
        text: Is cleaned as the classifier cleans it.
        request: What to explain, and how.
        progress: Is told how many of the shortened texts were answered.

    Raises:
        SettingError: Nothing is left of the text, there is no such label, or the model can't be
            explained by that method.
        MissingExtraError: What the method needs is not installed.
    """
    _check(request)
    answer, cleaned = classifier.classify(text), clean(text, classifier.steps)
    if not cleaned.strip():
        raise SettingError("Nothing is left of the text once it is cleaned.", remedy=_GIVE_WORDS)
    label = answer.label if request.label is None else request.label
    signs = _signs(classifier, label, request.against)
    if request.method is Method.ATTENTION:
        _check_attention(request, answer)
    cut = cut_text(cleaned, read_spans(folder, cleaned), _most_pieces(request, cleaned))
    asking = Asking(request.threads, progress or Silent())
    texts = ShortenedTexts(classifier, cut, signs, asking)
    attribution = (
        by_attention.attribute(folder, cleaned, cut)
        if request.method is Method.ATTENTION
        else _module(request.method).attribute(texts, request.samples, request.seed)
    )
    value = float(signs @ np.array(answer.probabilities))
    fidelity = _fidelity(texts, attribution, value, request.seed)
    return Explanation(
        method=request.method,
        text=cleaned,
        answer=answer,
        label=label,
        against=request.against,
        value=value,
        base=attribution.base,
        pieces=_pieces(cleaned, cut, attribution),
        words=cut.words,
        words_read=cut.words_read,
        words_a_piece=cut.words_a_piece,
        asked=texts.asked,
        fidelity=fidelity,
    )


def _check(request: ExplanationRequest) -> None:
    if not FEWEST_SAMPLES <= request.samples <= MOST_SAMPLES:
        raise SettingError(
            f"samples is {request.samples}.",
            remedy=f"Set it between {FEWEST_SAMPLES} and {MOST_SAMPLES:,}.",
        )


def _signs(classifier: Classifier, label: str, against: str | None) -> NDArray[np.float64]:
    for name in (label, against):
        if name is not None and name not in classifier.labels:
            raise SettingError(
                f"The model has no label {name!r}.",
                remedy=f"Name one of: {', '.join(classifier.labels)}.",
            )
    if label == against:
        raise SettingError(
            f"{label!r} can't be explained against itself.", remedy="Name another label."
        )
    signs = np.zeros(len(classifier.labels))
    signs[classifier.labels.index(label)] = 1
    if against is not None:
        signs[classifier.labels.index(against)] = -1
    return signs


def _check_attention(request: ExplanationRequest, answer: Answer) -> None:
    if request.against is not None or request.label not in {None, answer.label}:
        raise SettingError(
            "Attention is the same for all labels: it says where the model looked, and not for "
            "which answer.",
            remedy="Leave the label out, or explain it by shap or lime.",
        )


def _most_pieces(request: ExplanationRequest, text: str) -> int:
    if request.method is Method.ATTENTION:
        return len(text)
    return min(_MOST_PIECES, request.samples // _SAMPLES_A_PIECE)


def _fidelity(texts: ShortenedTexts, attribution: Attribution, value: float, seed: int) -> Fidelity:
    """The figures that say how far an attribution can be trusted; asks about a few more texts."""
    pieces = texts.pieces
    removed = max(1, round(_REMOVED_SHARE * pieces))
    generator = np.random.default_rng(seed)
    kept = np.ones((1 + _DRAWS, pieces), bool)
    kept[0, np.argsort(-attribution.weights, kind="stable")[:removed]] = False
    for row in kept[1:]:
        row[generator.choice(pieces, removed, replace=False)] = False
    values = texts.values(kept)
    base = attribution.base
    return Fidelity(
        gap=None if base is None else value - base - float(attribution.weights.sum()),
        r2=attribution.r2,
        on_words=attribution.on_words,
        removed=removed,
        without_strongest=float(values[0]),
        without_random=float(values[1:].mean()),
    )


def _pieces(text: str, cut: CutText, attribution: Attribution) -> tuple[Piece, ...]:
    weighed = zip(cut.spans, attribution.weights.tolist(), strict=True)
    return tuple(Piece(text[start:end], start, end, weight) for (start, end), weight in weighed)


def _module(method: Method) -> ModuleType:
    name = method.value.upper()
    try:
        return import_module(f"classmark.evaluation.explanation.by_{method}")
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"Explaining by {name}", extra="explain") from error
