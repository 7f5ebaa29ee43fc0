"""How long work tells that it goes on, without knowing who watches."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")
# Asked for a few words beside the bar, whenever it is drawn.
Note = Callable[[], str]


class Progress(Protocol):
    """Somebody who watches long work."""

    def track(
        self, items: Iterable[T], doing: str, total: int | None = None, note: Note | None = None
    ) -> Iterator[T]:
        """The items, one by one, while `doing` is shown with how many of `total` are done."""
        ...

    def tell(self, text: str) -> None:
        """Show a sentence."""
        ...


class Silent:
    """Nobody watches."""

    def track(
        self, items: Iterable[T], doing: str, total: int | None = None, note: Note | None = None
    ) -> Iterator[T]:
        """The items, one by one."""
        del doing, total, note
        yield from items

    def tell(self, text: str) -> None:
        """Nothing."""
