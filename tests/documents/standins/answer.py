"""What a service is asked and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass

Parameters = Mapping[str, str]
# An API key that no service knows.
WRONG_KEY = "wrong-key-0123456789"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes over the wire.

    Attributes:
        is_garbled: Whether it is said to be compressed, which it is not.
    """

    body: bytes
    content_type: str
    status: int = 200
    is_garbled: bool = False


@dataclass(frozen=True, slots=True)
class Twist:
    """How an answer shall differ from the right one.

    Attributes:
        empty: No paper is in it, whatever its total says.
        more: How many more papers there are said to be.
    """

    empty: bool = False
    more: int = 0
