"""Each prediction once, with the labels that came later."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from classmark.errors import UnknownPredictionError
from classmark.predictions import Feedback, Prediction, PredictionLog

Make = Callable[..., Prediction]
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


def test_a_prediction_is_found_as_it_was_logged(log: PredictionLog, make_prediction: Make) -> None:
    prediction = replace(
        make_prediction("a", text='né \N{GRINNING FACE} "quoted"\r\n\t'), user_id="ada"
    )
    log.add([prediction, make_prediction("b")])
    assert log.find("a") == prediction
    assert log.find("b").user_id is None
    assert log.count() == 2


def test_several_labels_are_kept_none_of_them_too(
    log: PredictionLog, make_prediction: Make
) -> None:
    both = replace(make_prediction("a"), labels=("cs.DB", "cs.AI"))
    none = replace(make_prediction("b"), labels=())
    log.add([both, none, make_prediction("c")])
    assert [log.find(name).labels for name in "abc"] == [("cs.DB", "cs.AI"), (), None]
    assert [log.find(name).given for name in "abc"] == [("cs.DB", "cs.AI"), (), ("cs.DB",)]
    log.add_feedback(Feedback("a", "cs.AI", None, NOON, ("cs.AI", "cs.DB")))
    log.add_feedback(Feedback("c", "cs.AI", None, NOON))
    assert log.feedback("a")[0].true == ("cs.AI", "cs.DB")
    assert log.feedback("c")[0].true == ("cs.AI",)


def test_a_moment_is_kept_whatever_its_zone(log: PredictionLog, make_prediction: Make) -> None:
    at = NOON.astimezone(timezone(timedelta(hours=9)))
    log.add([replace(make_prediction("a"), at=at)])
    assert log.find("a").at == NOON


def test_what_is_logged_twice_is_there_once_and_stays_as_it_was(
    log: PredictionLog, make_prediction: Make
) -> None:
    first = make_prediction("a")
    log.add([first])
    log.add([replace(first, label="cs.AI"), make_prediction("b"), make_prediction("b")])
    assert log.count() == 2
    assert log.find("a") == first


def test_nothing_can_be_logged(log: PredictionLog) -> None:
    log.add([])
    assert log.count() == 0


def test_an_unknown_id_is_not_found(log: PredictionLog) -> None:
    with pytest.raises(UnknownPredictionError, match="'a'") as told:
        log.find("a")
    assert "/predict" in told.value.remedy


def test_late_labels_are_joined_to_their_prediction_in_their_order(
    log: PredictionLog, make_prediction: Make
) -> None:
    log.add([make_prediction("a"), make_prediction("b")])
    given = [Feedback("a", "cs.AI", "ada", NOON), Feedback("a", "cs.DB", None, NOON)]
    for feedback in given:
        log.add_feedback(feedback)
    log.add_feedback(Feedback("b", "cs.RO", None, NOON))
    assert log.feedback("a") == given
    assert [feedback.label for feedback in log.feedback("b")] == ["cs.RO"]
    assert log.feedback("c") == []


def test_a_late_label_of_an_unknown_prediction_is_refused(log: PredictionLog) -> None:
    with pytest.raises(UnknownPredictionError):
        log.add_feedback(Feedback("a", "cs.AI", None, NOON))
    assert log.feedback("a") == []
