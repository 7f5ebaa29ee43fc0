"""Answers that were given before, by version and text: the same text gets the same answer again."""

import hashlib
import sys
from collections import OrderedDict
from collections.abc import Sequence

from classmark.models import Answer

# What an entry costs beside its answer: the key, the place in the order and in the table.
_ENTRY_BYTES = 300


class AnswerCache:
    """The answers that were asked for last, as many as there is room for.

    Args:
        max_bytes: Of memory that they may take; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()

    def keys(self, version_digest: str, texts: Sequence[str]) -> list[bytes]:
        """What the answers of a version to texts are found by; none where nothing is kept."""
        return [_key(version_digest, text) for text in texts] if self._max_bytes else []

    def get(self, key: bytes) -> Answer | None:
        """What was answered, if that is still known."""
        found = self._answers.get(key)
        if found is not None:
            self._answers.move_to_end(key)
        return found

    def put(self, key: bytes, answer: Answer) -> None:
        """Keep an answer; those that were not asked for the longest make room."""
        if key in self._answers or _bytes(answer) > self._max_bytes:
            return
        self._answers[key] = answer
        self._bytes += _bytes(answer)
        while self._bytes > self._max_bytes:
            _, oldest = self._answers.popitem(last=False)
            self._bytes -= _bytes(oldest)


def _key(version_digest: str, text: str) -> bytes:
    """What an answer is found by; texts themselves are not kept."""
    return hashlib.sha256(f"{version_digest}\n{text}".encode()).digest()


def _bytes(answer: Answer) -> int:
    """What an answer costs; its labels are those of the model."""
    number = sys.getsizeof(1.0)
    probabilities = sys.getsizeof(answer.probabilities) + number * len(answer.probabilities)
    labels = sys.getsizeof(answer.labels)
    return _ENTRY_BYTES + sys.getsizeof(answer) + number + probabilities + labels
