"""Which documents are good enough, and the reason of each that is not."""

from collections.abc import Sequence

import pytest

from classmark.documents import Document, DropReason, QualityRules

FIFTY_WORDS = " ".join(["word"] * 50)


def are_english(texts: Sequence[str]) -> list[bool]:
    return ["wort" not in text for text in texts]


def reason_to_drop(document: Document, rules: QualityRules) -> DropReason | None:
    (reason,) = rules.reasons_to_drop([document])
    return reason


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (Document("1", FIFTY_WORDS, "a"), None),
        (Document("1", "", "a"), DropReason.EMPTY_TEXT),
        (Document("1", FIFTY_WORDS, None), DropReason.NO_LABEL),
        (Document("1", FIFTY_WORDS, ""), DropReason.NO_LABEL),
        (Document("1", FIFTY_WORDS, "z"), DropReason.UNKNOWN_LABEL),
        (Document("1", FIFTY_WORDS.removesuffix(" word"), "a"), DropReason.TOO_SHORT),
        (Document("1", FIFTY_WORDS + " wort", "a"), DropReason.NOT_ENGLISH),
    ],
)
def test_each_flaw_has_its_reason(document: Document, reason: DropReason | None) -> None:
    rules = QualityRules(labels=frozenset({"a", "b"}), are_english=are_english)
    assert reason_to_drop(document, rules) == reason


def test_without_expected_labels_any_label_will_do() -> None:
    assert reason_to_drop(Document("1", FIFTY_WORDS, "z"), QualityRules()) is None


def test_a_label_of_zero_is_a_label() -> None:
    assert reason_to_drop(Document("1", "word", "0"), QualityRules(min_words=1)) is None


def test_no_words_need_be_asked_for() -> None:
    assert reason_to_drop(Document("1", "word", "a"), QualityRules(min_words=0)) is None
    assert reason_to_drop(Document("1", "", "a"), QualityRules(min_words=0)) == "empty_text"


def test_only_texts_that_would_be_kept_are_shown_to_the_detector_and_all_at_once() -> None:
    asked: list[Sequence[str]] = []

    def remember(texts: Sequence[str]) -> list[bool]:
        asked.append(texts)
        return [text.startswith("yes") for text in texts]

    rules = QualityRules(min_words=3, are_english=remember)
    texts = ("two words", "no three words", "yes three words", "", "yes four words here")
    documents = [Document(text, text, "a") for text in texts]
    assert rules.reasons_to_drop(documents) == [
        *("too_short", "not_english", None, "empty_text", None)
    ]
    assert asked == [["no three words", "yes three words", "yes four words here"]]


def test_reasons_are_spelt_as_they_are_counted() -> None:
    assert [reason.value for reason in DropReason] == [reason.name.lower() for reason in DropReason]
