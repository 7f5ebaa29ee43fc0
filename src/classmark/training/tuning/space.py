"""What a search may try: a family's own space, with `--set` and `--search` of its user."""

import itertools
import random
import re
from collections.abc import Mapping, Sequence
from math import prod
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from classmark.errors import SettingError
from classmark.models import Choices, Family, Problem, Range, SearchSpace, Value
from classmark.training.tuning.trial import as_setting

_RANGE = re.compile(r"\s*(?P<low>[^:,]+?)\s*\.\.\s*(?P<high>[^:,]+?)\s*(?P<log>:log)?\s*")
_LARGEST_GRID = 100_000

Point = dict[str, Value]


def search_space(
    family: type[Family],
    fixed: Mapping[str, str],
    given: Mapping[str, str],
    problem: Problem = Problem.SINGLE_LABEL,
) -> dict[str, Range | Choices]:
    """The space of a search.

    Args:
        family: Whose own space is taken where nothing else is given.
        fixed: As `--set`: these are not searched.
        given: As `--search`: `low..high`, `low..high:log` or `a,b,c`.
        problem: What is to be learned.

    Raises:
        SettingError: The family can't learn the problem, a parameter is unknown, can't have a value
            that would be tried, is both fixed and searched, or nothing is left to search.
    """
    both = sorted(set(fixed) & set(given))
    if both:
        raise SettingError(
            f"Fixed and searched at once: {', '.join(both)}.",
            remedy="Give a parameter with --set or with --search, not with both.",
        )
    begun = family.with_parameters(fixed)
    begun.check_problem(problem)
    known = begun.parameter_types
    usual = family.search_space_for(problem)
    own = {name: tried for name, tried in usual.items() if name not in fixed}
    space = own | {name: parsed_search(family, fixed, name, text) for name, text in given.items()}
    if not space:
        raise SettingError(
            f"There is nothing to search of family {family.name!r}.",
            remedy="Name a parameter with --search NAME=low..high or NAME=a,b,c: "
            f"{', '.join(name for name in known if name not in fixed)}.",
        )
    _check(family, fixed, space, problem)
    return space


def parsed_search(
    family: type[Family], fixed: Mapping[str, str], name: str, text: str
) -> Range | Choices:
    """What `--search NAME=TEXT` lets try; a member's parameter is named `<family>.<parameter>`.

    Raises:
        SettingError: The family has no such parameter, or the text says neither a range nor
            choices.
    """
    known = family.with_parameters(fixed).parameter_types
    if name not in known:
        raise SettingError(f"Unknown parameter: {name}.", remedy=f"Known are: {', '.join(known)}.")
    found = _RANGE.fullmatch(text)
    try:
        if found and "," not in text:
            return _range(name, known[name], found)
        return Choices(tuple(_value(family, fixed, name, item) for item in text.split(",")))
    except ValueError as error:
        raise SettingError(
            f"--search {name}={text} can't be searched ({error}).",
            remedy="Write NAME=low..high, NAME=low..high:log or NAME=a,b,c, low below high;"
            " fix one value with --set.",
        ) from error


def grid_points(space: SearchSpace, seed: int) -> list[Point]:
    """All points of a grid over the space, in an order that the seed decides.

    The order is drawn, so that a search that ends early has not seen one corner alone.

    Raises:
        SettingError: There are more than 100,000.
    """
    values = {name: tried.grid() for name, tried in sorted(space.items())}
    size = prod(len(tried) for tried in values.values())
    if size > _LARGEST_GRID:
        raise SettingError(
            f"The grid has {size:,} points; {_LARGEST_GRID:,} can be searched at most.",
            remedy="Fix parameters with --set, or use --sampler tpe.",
        )
    points = [
        dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())
    ]
    random.Random(seed).shuffle(points)  # noqa: S311 (nothing secret)
    return points


def _range(name: str, hint: object, found: re.Match[str]) -> Range:
    kinds = set(_plain_types(hint))
    is_whole = int in kinds and float not in kinds
    low, high = (float(found[end]) for end in ("low", "high"))
    if is_whole and not (low.is_integer() and high.is_integer()):
        raise ValueError(f"{name} takes whole numbers")
    return Range(low, high, is_log=bool(found["log"]), is_whole=is_whole)


def _plain_types(hint: object) -> Sequence[object]:
    if get_origin(hint) is Annotated:
        return _plain_types(get_args(hint)[0])
    if get_origin(hint) in {Union, UnionType}:
        return [plain for part in get_args(hint) for plain in _plain_types(part)]
    return [hint]


def _value(family: type[Family], fixed: Mapping[str, str], name: str, text: str) -> Value:
    """One choice, of the type that the parameter has."""
    value: Any = family.with_parameters({**fixed, name: text.strip()}).parameters
    for part in name.split("."):
        value = value[part]
    chosen: Value = value
    return chosen


def _check(
    family: type[Family], fixed: Mapping[str, str], space: SearchSpace, problem: Problem
) -> None:
    """Refuse a space with a value that the parameter can't have, before anything is tried."""
    for name, tried in space.items():
        for value in tried.grid():
            family.with_parameters({**fixed, name: as_setting(value)}).check_problem(problem)
