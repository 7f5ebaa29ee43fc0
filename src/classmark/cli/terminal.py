"""What people see: results on standard output, everything else on standard error."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from classmark.durable import write_json
from classmark.errors import SettingError
from classmark.progress import Note

T = TypeVar("T")

# In a pipe or a file nothing is wrapped: no table is as wide as this.
_UNWRAPPED = 1000


def _console(stream: TextIO, *, stderr: bool = False) -> Console:
    """A console that shows every text as it is: names and labels may hold brackets and colons."""
    width = None if stream.isatty() else _UNWRAPPED
    return Console(
        stderr=stderr, width=width, highlight=False, soft_wrap=True, markup=False, emoji=False
    )


out = _console(sys.stdout)
err = _console(sys.stderr, stderr=True)


class _NoteColumn(ProgressColumn):
    """What there is to say beside the bar."""

    def __init__(self, note: Note) -> None:
        super().__init__()
        self._note = note

    def render(self, task: Task) -> Text:
        """The note as it is now."""
        del task
        return Text(self._note())


class Bars:
    """A progress bar for each piece of long work, where somebody watches."""

    def track(
        self, items: Iterable[T], doing: str, total: int | None = None, note: Note | None = None
    ) -> Iterator[T]:
        """The items, one by one, behind a bar."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            *([_NoteColumn(note)] if note else []),
        )
        with RichProgress(*columns, console=err, disable=not err.is_terminal) as bars:
            yield from bars.track(items, total=total, description=doing)

    def tell(self, text: str) -> None:
        """A note on standard error."""
        say_warning(text)


def say(line: str, *, strong: str = "") -> None:
    """A line on standard output, its beginning in bold."""
    out.print(Text.assemble((strong, "bold"), line))


def say_table(headings: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """A table on standard output."""
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    out.print(table)


def say_error(message: str, remedy: str) -> None:
    """What went wrong and what to do next, on standard error."""
    err.print(Text.assemble(("Error:", "bold red"), f" {message}"))
    err.print(Text.assemble(("Next:", "bold"), f" {remedy}"))


def say_warning(text: str) -> None:
    """Something to look at, on standard error."""
    err.print(Text.assemble(("Note:", "bold yellow"), f" {text}"))


def keep_result(path: Path | None, result: Mapping[str, Any]) -> None:
    """Write a command's result as one JSON object, if it is asked for."""
    if path is None:
        return
    try:
        write_json(path, result)
    except OSError as error:
        raise SettingError(
            f"The work is done, and its result could not be written to {path} ({error.strerror}).",
            remedy="Name another file with --json next time; what was done stays.",
        ) from error


def as_share(value: float) -> str:
    """A share as people read it: `83.1 %`."""
    return f"{value * 100:.1f} %"


def as_moment(at: datetime) -> str:
    """A moment as people read it, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
