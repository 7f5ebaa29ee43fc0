"""Labels out of a field: one, or several as a list or in one text."""

import re
from typing import Any

_BETWEEN_LABELS = re.compile(r"[;|,]")


def label_problem(field: str, value: object, *, several: bool) -> str | None:
    """Why a field's value can be no label, or several if that may be; None if it can."""
    if isinstance(value, dict | list) and not (several and isinstance(value, list)):
        return f"'{field}' is a {type(value).__name__}, not a label"
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict | list):
            return f"'{field}' holds a {type(item).__name__}, not labels"
        if not str(item).strip().isprintable():
            return f"'{field}' has characters that don't print"
    return None


def read_label(value: object) -> str | None:
    """The label that a value is, as text; None if it is empty."""
    return None if value is None else str(value).strip() or None


def read_labels(value: Any) -> tuple[str, ...]:
    """All labels of a value, in its order: a list's, or a text's that is cut at `;`, `|`, `,`."""
    items = _BETWEEN_LABELS.split(value) if isinstance(value, str) else value
    listed = items if isinstance(items, list) else [items]
    return tuple(label for item in listed if (label := read_label(item)))
