"""A text that is asked alone: on one core or on several, whichever is faster now."""

from classmark.models import Classifier, TimedAnswer

# How much the newest time counts beside those before.
_WEIGHT = 0.2
# So often the slower way is tried: another process may have left a core, or come to it.
_TRIED_EVERY = 16


class Alone:
    """Finds the faster of two ways to the same answer by taking their times.

    On a quiet machine several cores answer sooner. Where a neighbour holds one of them, the others
    wait for it again and again, and one core alone is faster. What tells is how long it takes.

    Args:
        narrow: Computes a text on one core.
        wide: Gives the same answers, each computed on several.
    """

    def __init__(self, narrow: Classifier, wide: Classifier) -> None:
        self._ways = (narrow, wide)
        self._seconds: list[float | None] = [None, None]
        self._asked = 0

    def classify_timed(self, text: str) -> TimedAnswer:
        """The answer, and how long it took."""
        way = self._next_way()
        timed = self._ways[way].classify_timed(text)
        self._note(way, timed.seconds / max(len(text), 1))
        return timed

    def _next_way(self) -> int:
        self._asked += 1
        narrow, wide = self._seconds
        faster = int(narrow is None or wide is None or wide <= narrow)
        is_try = self._asked % _TRIED_EVERY == 0
        return 1 - faster if is_try else faster

    def _note(self, way: int, seconds_a_character: float) -> None:
        before = self._seconds[way]
        if before is None:
            self._seconds[way] = seconds_a_character
        else:
            self._seconds[way] = before + _WEIGHT * (seconds_a_character - before)
