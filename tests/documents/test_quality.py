"""Which documents are good enough, and the reason of each that is not."""

import pytest

from classmark.documents import Document, DropReason, QualityRules

FIFTY_WORDS = " ".join(["word"] * 50)


def is_english(text: str) -> bool:
    return "wort" not in text


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
    rules = QualityRules(labels=frozenset({"a", "b"}), is_english=is_english)
    assert rules.reason_to_drop(document) == reason


def test_without_expected_labels_any_label_will_do() -> None:
    assert QualityRules().reason_to_drop(Document("1", FIFTY_WORDS, "z")) is None


def test_a_label_of_zero_is_a_label() -> None:
    assert QualityRules(min_words=1).reason_to_drop(Document("1", "word", "0")) is None


def test_no_words_need_be_asked_for() -> None:
    assert QualityRules(min_words=0).reason_to_drop(Document("1", "word", "a")) is None
    assert QualityRules(min_words=0).reason_to_drop(Document("1", "", "a")) == "empty_text"


def test_a_text_that_is_too_short_anyway_is_not_shown_to_the_detector() -> None:
    asked: list[str] = []

    def remember(text: str) -> bool:
        asked.append(text)
        return True

    rules = QualityRules(min_words=3, is_english=remember)
    rules.reason_to_drop(Document("1", "two words", "a"))
    assert asked == []
    rules.reason_to_drop(Document("1", "these three words", "a"))
    assert asked == ["these three words"]


def test_reasons_are_spelt_as_they_are_counted() -> None:
    assert [reason.value for reason in DropReason] == [reason.name.lower() for reason in DropReason]
