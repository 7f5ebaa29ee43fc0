"""What is wrong with what was given, as a person says it."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

# By the kind of error, as pydantic names them; {expected} and the like stand in its context.
_REASONS = {
    "bool_parsing": "it must be true or false",
    "bool_type": "it must be true or false",
    "dataclass_type": "it must have names with values",
    "dict_type": "it must have names with values",
    "enum": "it must be {expected}",
    "extra_forbidden": "there is no such field",
    "finite_number": "it must be a finite number",
    "float_parsing": "it must be a number",
    "float_type": "it must be a number",
    "greater_than": "it must be above {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "int_from_float": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_type": "it must be a whole number",
    "json_invalid": "it is no JSON: {error}",
    "less_than": "it must be below {lt}",
    "less_than_equal": "it must be at most {le}",
    "list_type": "it must be a list",
    "literal_error": "it must be {expected}",
    "missing": "it is missing",
    "model_attributes_type": "it must be one JSON object",
    "string_pattern_mismatch": "it must match {pattern}",
    "string_too_long": "it must have at most {max_length} characters",
    "string_too_short": "it must have {min_length} or more characters",
    "string_type": "it must be a text",
    "too_long": "it must have at most {max_length} items",
    "too_short": "it must have {min_length} or more items",
    "value_error": "{error}",
}


def reason(problem: Mapping[str, Any]) -> str:
    """Why a value can't be, from one of the errors of a pydantic `ValidationError`."""
    known = _REASONS.get(problem["type"])
    context = {key: _shortly(value) for key, value in problem.get("ctx", {}).items()}
    return known.format(**context) if known else str(problem["msg"])


def meant(given: str, known: Iterable[str]) -> str:
    """Which of the known names was most likely meant, as a question; empty if none is like it."""
    found = get_close_matches(given, list(known), n=1)
    return f" Did you mean {found[0]!r}?" if found else ""


def absent(what: str, name: str, known: Sequence[str]) -> str:
    """That there is nothing of that name, what there is, and what was most likely meant."""
    listed = ", ".join(known) or "none yet"
    return f"There is no {what} {name!r} (known: {listed}).{meant(name, known)}"


def one_line(text: str) -> str:
    """A text that is safe to keep and to show: no control characters, nothing but UTF-8."""
    plain = "".join(" " if unicodedata.category(one) == "Cc" else one for one in text)
    return " ".join(plain.split()).encode(errors="replace").decode()


def _shortly(value: object) -> object:
    """Whole numbers without a point: a bound is 0, and pydantic has 0.0."""
    return f"{value:g}" if isinstance(value, float) else value
