"""What every scholarly service is to a harvest: two pure functions.

A service turns a query and a cursor into one request, and the answer into a page with the next
cursor. Everything else, pace, retries, storing, going on after a kill, is done once for all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from classmark.documents.collecting.paper import Paper

# Where a harvest stands: what JSON can hold.
Cursor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for.

    Attributes:
        terms: The words or query in the service's own language; empty for arXiv.
        categories: Of arXiv; empty elsewhere.
        per_category: At most so many papers of each category.
        total: At most so many papers in all; None takes what there is.
        since: The first day of publication or submission.
        until: The last day.
        redact: Whether personal data is replaced before anything is stored.
    """

    terms: str = ""
    categories: tuple[str, ...] = ()
    per_category: int | None = None
    total: int | None = None
    since: date | None = None
    until: date | None = None
    redact: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One GET.

    Attributes:
        url: Without its query.
        parameters: The query.
        headers: Beside the usual ones; keys of an API are here and nowhere else.
    """

    url: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer gave.

    Attributes:
        papers: In the service's order; none where the answer only counts.
        cursor: What to ask next; None at the end.
        total: How many papers the service says there are.
    """

    papers: tuple[Paper, ...]
    cursor: Cursor | None
    total: int | None = None


class BrokenAnswerError(Exception):
    """An answer that is not what the service promises; the next try may be better."""


class Source(Protocol):
    """A scholarly service."""

    name: str
    seconds_between_requests: float

    def begin(self, query: Query) -> Cursor:
        """The first cursor of a query.

        Raises:
            SettingError: The service can't be asked that.
        """
        ...

    def request(self, query: Query, cursor: Cursor) -> Request:
        """What to ask at a cursor."""
        ...

    def read(self, query: Query, cursor: Cursor, answer: bytes) -> Page:
        """What the answer says.

        Raises:
            BrokenAnswerError: It is cut short, empty where more was promised, or another format.
        """
        ...

    def after_refusal(self, cursor: Cursor, answer: bytes) -> Cursor | None:
        """Where to go on when the service refused a request for good; None if there is no way."""
        ...
