"""Markdown out of values: whatever a label or a name holds, it is shown and never obeyed."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

NOT_STATED = "not stated"
NOT_MEASURED = "not measured"

# An underscore inside a word means nothing to Markdown.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~&]|(?<![^\W_])_|_(?![^\W_])")


def escaped(value: object) -> str:
    """A value as one line of text."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", " ".join(str(value).split()))


def code(value: object) -> str:
    """A value as it is typed."""
    text = " ".join(str(value).split())
    # A fence must be longer than any run of backticks in it.
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return (
        f"{fence} {text} {fence}"
        if longest
        else f"{fence}{text.replace('|', chr(92) + '|')}{fence}"
    )


def stated(value: object) -> str:
    """A value as text, or that nobody told it."""
    return NOT_STATED if value in (None, "", [], {}) else escaped(value)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(items: Iterable[str]) -> str:
    """A list of lines that are Markdown already."""
    return "\n".join(f"- {item}" for item in items)


def share(value: Any) -> str:
    """A share as people read it: `83.1 %`."""
    return NOT_MEASURED if value is None else f"{value * 100:.1f} %"


def within(value: Any, low: Any, high: Any) -> str:
    """A share with its interval, where there is one."""
    if value is None or low is None or high is None:
        return share(value)
    return f"{share(value)} ({low * 100:.1f} to {high * 100:.1f})"


def number(value: Any, digits: int = 3) -> str:
    """A figure with so many digits behind the point."""
    return NOT_MEASURED if value is None else f"{value:,.{digits}f}"
