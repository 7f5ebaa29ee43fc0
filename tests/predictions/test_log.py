"""Each prediction once, with the labels that came later."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from classmark.database import Database
from classmark.errors import InputError, UnknownPredictionError
from classmark.predictions import Feedback, Prediction, PredictionLog, RequestMark

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


def test_a_request_that_is_sent_again_is_kept_once(
    log: PredictionLog, make_prediction: Make
) -> None:
    log.add([make_prediction("a")])
    first = Feedback("a", "cs.AI", "ada", NOON)
    mark = RequestMark.of("desk", "7", "body")
    log.add_feedback(first, mark)
    log.add_feedback(replace(first, at=NOON + timedelta(days=1)), mark)
    assert log.feedback("a") == [first]


def test_another_request_with_the_same_key_is_refused(
    log: PredictionLog, make_prediction: Make
) -> None:
    log.add([make_prediction("a")])
    first = Feedback("a", "cs.AI", "ada", NOON)
    log.add_feedback(first, RequestMark.of("desk", "7", "body"))
    with pytest.raises(InputError, match="Idempotency-Key"):
        log.add_feedback(replace(first, label="cs.DB"), RequestMark.of("desk", "7", "other"))
    assert log.feedback("a") == [first]


def test_who_asks_tells_keys_apart(log: PredictionLog, make_prediction: Make) -> None:
    log.add([make_prediction("a")])
    for caller, key in (("desk", "7"), ("shelf", "7"), ("", "7"), ("desk", "8")):
        log.add_feedback(Feedback("a", "cs.AI", None, NOON), RequestMark.of(caller, key, "body"))
    assert len(log.feedback("a")) == 4


def test_a_marked_request_about_nothing_leaves_its_key_free(
    log: PredictionLog, make_prediction: Make
) -> None:
    mark = RequestMark.of("desk", "7", "body")
    with pytest.raises(UnknownPredictionError):
        log.add_feedback(Feedback("a", "cs.AI", None, NOON), mark)
    log.add([make_prediction("a")])
    log.add_feedback(Feedback("a", "cs.AI", None, NOON), mark)
    assert len(log.feedback("a")) == 1


def test_the_same_request_from_several_workers_at_once_is_kept_once(
    database: Database, database_url: str, make_prediction: Make
) -> None:
    PredictionLog(database).add([make_prediction("a")])
    workers = [Database(database_url) for _ in range(4)]
    mark, told = RequestMark.of("desk", "7", "body"), Feedback("a", "cs.AI", None, NOON)
    with ThreadPoolExecutor(8) as pool:
        sent = [
            pool.submit(PredictionLog(workers[number % 4]).add_feedback, told, mark)
            for number in range(24)
        ]
    assert [one.result() for one in sent] == [None] * 24
    assert PredictionLog(database).feedback("a") == [told]
    for worker in workers:
        worker.close()


def test_what_was_said_is_told_with_the_newest_label_of_each(
    log: PredictionLog, make_prediction: Make
) -> None:
    hours = [datetime(2024, 5, 6, hour, tzinfo=UTC) for hour in range(5)]
    said = [replace(make_prediction(f"p{hour.hour}"), at=hour) for hour in hours]
    other = replace(make_prediction("other"), model="boxes")
    log.add([*reversed(said), other])
    for label in ("cs.CV", "cs.DB"):
        log.add_feedback(Feedback("p2", label, None, hours[-1]))
    found = list(log.told("shelves"))
    assert [prediction for prediction, _ in found] == said
    assert [true.label if true else None for _, true in found] == [None, None, "cs.DB", None, None]
    between = [it.id for it, _ in log.told("shelves", since=hours[1], until=hours[3])]
    assert between == ["p1", "p2"]
    assert list(log.told("lenses")) == []


def test_whatever_many_were_said_each_is_told_once(
    log: PredictionLog, make_prediction: Make
) -> None:
    said = [make_prediction(f"p{number:05}") for number in range(2_500)]
    log.add(said)
    assert [prediction.id for prediction, _ in log.told("shelves")] == [it.id for it in said]
