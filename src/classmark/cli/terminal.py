"""What people see: results on standard output, everything else on standard error."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Table

from classmark.durable import write_json
from classmark.errors import ClassmarkError

T = TypeVar("T")

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Bars:
    """A progress bar for each piece of long work, where somebody watches."""

    def track(self, items: Iterable[T], doing: str, total: int | None = None) -> Iterator[T]:
        """The items, one by one, behind a bar."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with RichProgress(*columns, console=err, disable=not err.is_terminal) as bars:
            yield from bars.track(items, total=total, description=doing)


def say(line: str) -> None:
    """A line on standard output; it may hold rich markup."""
    out.print(line)


def say_table(headings: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """A table on standard output."""
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    out.print(table)


def say_error(error: ClassmarkError) -> None:
    """What went wrong and what to do next, on standard error."""
    err.print(f"[bold red]Error:[/] {escape(error.message)}")
    err.print(f"[bold]Next:[/] {escape(error.remedy)}")


def say_warning(text: str) -> None:
    """Something to look at, on standard error."""
    err.print(f"[bold yellow]Note:[/] {escape(text)}")


def keep_result(path: Path | None, result: Mapping[str, Any]) -> None:
    """Write a command's result as one JSON object, if it is asked for."""
    if path is not None:
        write_json(path, result)


def as_share(value: float) -> str:
    """A share as people read it: `83.1 %`."""
    return f"{value * 100:.1f} %"
