"""Which way a text goes that is asked alone."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from classmark.models import Answer, Classifier, TimedAnswer
from classmark.serving.alone import Alone


class Way(Classifier):
    """Says that it took so long, without taking it."""

    labels = ("a", "b")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked = 0

    @classmethod
    def load(cls, folder: Path, config: object) -> "Way":
        del folder, config
        return cls(0.0)

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        raise AssertionError(text)

    def classify_timed(self, text: str) -> TimedAnswer:
        self.asked += 1
        return TimedAnswer(Answer("a", 1.0, (1.0, 0.0), ("a",)), self.seconds * len(text))


@pytest.mark.parametrize(("narrow", "wide"), [(2.0, 1.0), (1.0, 2.0)])
def test_the_faster_way_is_taken_and_the_other_tried_now_and_then(
    narrow: float, wide: float
) -> None:
    ways = Way(narrow), Way(wide)
    alone = Alone(*ways)
    for number in range(160):
        alone.classify_timed("a text" * (1 + number % 7))
    slower, faster = sorted(ways, key=lambda way: -way.seconds)
    assert 5 <= slower.asked <= 30
    assert faster.asked == 160 - slower.asked


def test_another_way_is_taken_once_it_has_become_faster() -> None:
    narrow, wide = Way(2.0), Way(1.0)
    alone = Alone(narrow, wide)
    for _ in range(50):
        alone.classify_timed("a text")
    wide.seconds = 4.0
    for _ in range(50):
        alone.classify_timed("a text")
    before = wide.asked
    for _ in range(48):
        alone.classify_timed("a text")
    assert wide.asked - before == 3
