"""What the page asks for people is bounded as the API is, and what goes wrong is a sentence."""

import asyncio
import logging
import time
from dataclasses import replace

import pytest
from tests.serving.conftest import now
from tests.serving.test_api import Broken, Slow

from classmark.errors import IntegrityError
from classmark.models import Classifier
from classmark.serving import (
    AnswerCache,
    Fallback,
    Predictor,
    Scheduler,
    ServedModel,
    ServingSettings,
)
from classmark.serving.page_desk import outcome, predicted
from classmark.serving.page_markup import bars, facts, problem, table
from classmark.serving.page_model import description

SETTINGS = ServingSettings(1, max_text_characters=50, max_waiting_texts=300, timeout_seconds=0.2)


def told(served: ServedModel, classifier: Classifier, texts: list[str]) -> object:
    """What comes of asking for texts."""
    scheduler = Scheduler(1, SETTINGS.queue)
    model = replace(served, classifier=classifier)
    predictor = Predictor(model, scheduler, [], AnswerCache(0), now=now)
    found = asyncio.run(outcome(predicted(predictor, texts, SETTINGS)))
    scheduler.close()
    return found


def test_too_much_is_told(served: ServedModel) -> None:
    told_of = {
        "There is no text. Type or paste one first.": [" "],
        "The text has 51 characters; 50 can be read. Give the part that says what it is about.": [
            "a" * 51
        ],
        "Text 2 has 51 characters; 50 can be read. Give the part that says what it is about.": [
            "a",
            "a" * 51,
        ],
        "0 texts wait already, and 301 more would be over 300. Ask again in a second, with fewer"
        " texts at a time.": ["a"] * 301,
    }
    for sentence, texts in told_of.items():
        assert told(served, served.classifier, texts) == sentence


def test_the_time_bounds_a_batch_and_what_was_not_begun_is_never_computed(
    served: ServedModel,
) -> None:
    slow = Slow()
    sentence = told(served, slow, ["late"] * 300)
    assert sentence == (
        "There was no answer within 0.2 s. Ask again later, or for fewer texts at a time."
    )
    computed = len(slow.asked)
    assert computed < 300
    time.sleep(0.05)
    assert len(slow.asked) == computed


def test_no_trace_and_no_path_is_told(
    served: ServedModel, caplog: pytest.LogCaptureFixture
) -> None:
    async def tampered() -> None:
        raise IntegrityError("/home/ada/model.onnx was changed.", remedy="Restore it.")

    with caplog.at_level(logging.WARNING):
        sentence = told(served, Broken(), ["a text"])
        assert sentence == (
            "This was not foreseen; the server's log has the details. Report it, with what the log"
            " says."
        )
        hidden = asyncio.run(outcome(tampered()))
    assert isinstance(hidden, str)
    assert "/home" not in hidden
    assert hidden.endswith("Ask again later; the server's log says more.")
    assert "secret detail" in caplog.text
    assert "/home/ada/model.onnx was changed." in caplog.text


def test_what_is_told_is_never_markup() -> None:
    odd = "<script>alert('&')</script>"
    for markup in (
        problem(odd),
        facts(odd, {odd: odd}),
        table(odd, [odd], [[odd]]),
        bars(odd, {odd: 1}),
    ):
        assert "<script" not in markup
        assert "&lt;script&gt;" in markup


def test_the_longest_bar_is_full_and_none_is_drawn_of_nothing() -> None:
    markup = bars("Labels", {"a": 4, "b": 1, "c": 0})
    assert [f"width: {it}%" in markup for it in ("100.0", "25.0", "0.0")] == [True] * 3
    assert "4 (80.0%)" in markup
    assert "0 (0.0%)" in bars("Labels", {"a": 0})


def test_a_model_is_told_of_with_its_intervals_and_what_it_stands_in_for(
    served: ServedModel,
) -> None:
    test = {"rows": 1200, "accuracy": 0.9, "accuracy_low": 0.881, "accuracy_high": 0.919}
    metadata = {**served.version.metadata, "metrics": {"test": {**test, "per_class": {}}}}
    changed = replace(served, version=replace(served.version, metadata=metadata))
    plain = description(changed)
    assert "<td>0.900 (0.881 to 0.919)</td>" in plain
    assert "<td>1,200</td>" in plain
    assert "accuracy low" not in plain
    assert "stands in" not in plain
    instead = replace(changed, fallback=Fallback("v2.0.0", "model.onnx was changed."))
    assert (
        "It stands in for v2.0.0, which can&#x27;t be loaded. model.onnx was changed."
        in description(instead)
    )
