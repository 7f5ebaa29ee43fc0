"""An explanation and its parts."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from classmark.models import Answer

FEWEST_SAMPLES, MOST_SAMPLES = 50, 20_000


class Method(StrEnum):
    """How an answer is explained."""

    SHAP = "shap"
    LIME = "lime"
    ATTENTION = "attention"


@dataclass(frozen=True, slots=True)
class ExplanationRequest:
    """What is to be explained, and how.

    Attributes:
        method: By which words get their weights.
        label: Whose probability is explained; None for that of the answer.
        against: The label whose probability is subtracted from it; None for none.
        samples: Shortened texts that the model is asked about, at most; not by attention.
        seed: Everything random follows from it.
        threads: In which the model is asked.
    """

    method: Method = Method.SHAP
    label: str | None = None
    against: str | None = None
    samples: int = 1000
    seed: int = 42
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A word of the text, or several in a row where there are too many for each to be weighed.

    Attributes:
        text: As it stands there.
        start: Where it begins in the cleaned text.
        end: Where it ends.
        weight: What it adds to the explained value; by attention, its share of the attention.
    """

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class WordWeight:
    """A word, wherever in the text it stands.

    Attributes:
        text: As it is written the first time.
        weight: The sum over its places.
        times: How many these are.
    """

    text: str
    weight: float
    times: int


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How far an explanation can be trusted for this text.

    Attributes:
        gap: The explained value, minus the base value and all weights; None by attention.
        r2: The share of the variance between shortened texts that LIME's model explains, weighted
            by how close they are; None by other methods.
        on_words: The share of the attention that lies on words, and not on punctuation and special
            tokens; None by other methods.
        removed: How many pieces were removed for the next two: a tenth.
        without_strongest: The explained value without those of the highest weights.
        without_random: The mean without as many drawn at random.
    """

    gap: float | None
    r2: float | None
    on_words: float | None
    removed: int
    without_strongest: float
    without_random: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one answer rests on.

    Attributes:
        method: By which it was found.
        text: As it was cleaned.
        answer: Of the model.
        label: Whose probability is explained.
        against: The label whose probability is subtracted from it, or None.
        value: What is explained: the probability of `label`, less that of `against`.
        base: The value that the weights add to: by SHAP that of a text without any of its words, by
            LIME the intercept of its model; by attention there is none.
        pieces: In the order of the text; what the model does not read is not among them.
        words: In the whole text.
        words_read: Of these, by the model.
        words_a_piece: At most.
        asked: Texts that the model was asked about.
        fidelity: How far it can be trusted.
    """

    method: Method
    text: str
    answer: Answer
    label: str
    against: str | None
    value: float
    base: float | None
    pieces: tuple[Piece, ...]
    words: int
    words_read: int
    words_a_piece: int
    asked: int
    fidelity: Fidelity

    @property
    def speaking_for(self) -> list[WordWeight]:
        """The words of positive weight, the strongest first."""
        return sorted((one for one in self._joined() if one.weight > 0), key=_strength)

    @property
    def speaking_against(self) -> list[WordWeight]:
        """The words of negative weight, the strongest first."""
        return sorted((one for one in self._joined() if one.weight < 0), key=_strength)

    def _joined(self) -> Iterable[WordWeight]:
        joined: dict[str, WordWeight] = {}
        for piece in self.pieces:
            key = piece.text.casefold()
            seen = joined.get(key, WordWeight(piece.text, 0.0, 0))
            joined[key] = WordWeight(seen.text, seen.weight + piece.weight, seen.times + 1)
        return joined.values()


def _strength(word: WordWeight) -> float:
    return -abs(word.weight)
