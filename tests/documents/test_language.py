"""A real language detector tells English from its neighbours."""

from collections.abc import Callable

import pytest

from classmark.documents import english_detector

ENGLISH = [
    "A small model trained on few documents is as good as a large one if classes are far apart.",
    "The robot learns to grasp objects it has never seen before it touches the first real cup.",
    "Où est la gare? is the first sentence that most learners of French remember; we ask why.",
]
OTHERS = [
    "Ein kleines Modell ist so gut wie ein großes, wenn die Klassen gut getrennt sind.",
    "Der Roboter lernt, Gegenstände zu greifen, die er noch nie zuvor gesehen hat.",
    "Nous montrons qu'un petit modèle vaut un grand lorsque les classes sont bien séparées.",
    "Le robot apprend à saisir des objets qu'il n'a jamais vus auparavant.",
    "Un modelo pequeño es tan bueno como uno grande cuando las clases están bien separadas.",
    "Небольшая модель не хуже большой, когда классы хорошо разделены.",
    "文書が少ない場合でも、小さなモデルは大きなモデルと同じくらい良いことを示します。",
]


@pytest.fixture(scope="module")
def is_english() -> Callable[[str], bool]:
    are_english = english_detector()

    def is_english(text: str) -> bool:
        (answer,) = are_english([text])
        return answer

    return is_english


def test_many_texts_are_answered_in_their_order() -> None:
    mixed = [text for pair in zip(ENGLISH, OTHERS, strict=False) for text in pair] * 50
    assert english_detector()(mixed) == [True, False] * (3 * 50)


def test_no_texts_have_no_answers() -> None:
    assert english_detector()([]) == []


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_english(text: str, is_english: Callable[[str], bool]) -> None:
    assert is_english(text)


@pytest.mark.parametrize("text", OTHERS)
def test_other_languages_are_not(text: str, is_english: Callable[[str], bool]) -> None:
    assert not is_english(text)


@pytest.mark.parametrize("text", ["", "12345 67890", "$ % &"])
def test_a_text_without_words_is_not_english(text: str, is_english: Callable[[str], bool]) -> None:
    assert not is_english(text)
