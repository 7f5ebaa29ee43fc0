"""Errors are a drawn tree, and every leaf knows its exit code and its HTTP status."""

import ast
import re
from collections.abc import Mapping
from inspect import isclass
from multiprocessing import Pipe
from pathlib import Path
from typing import TypeVar

import pytest

from classmark import errors
from classmark.errors import ClassmarkError, FieldError, MissingExtraError

TREE = [
    thing for thing in vars(errors).values() if isclass(thing) and issubclass(thing, ClassmarkError)
]
BRANCHES = [error for error in TREE if error.__base__ is ClassmarkError]
LEAVES = [
    error
    for error in TREE
    if error is not ClassmarkError and not any(other.__base__ is error for other in TREE)
]
DRAWING = errors.__doc__ or ""
Raised = TypeVar("Raised", bound=ClassmarkError)


def raised(error: type[ClassmarkError]) -> ClassmarkError:
    if issubclass(error, MissingExtraError):
        return error("Detecting the language", extra="train")
    if issubclass(error, FieldError):
        return error("texts.3", "it is odd", remedy="Mend it.")
    return error("Line 17 is odd.", remedy="Mend it.")


def handed_on(error: Raised) -> Raised:
    """What another process gets."""
    here, there = Pipe()
    with here, there:
        here.send(error)
        found: Raised = there.recv()
    return found


def drawn_parents() -> dict[str, str]:
    """Each drawn class and the one it hangs from."""
    above: list[str] = []
    parents: dict[str, str] = {}
    for indent, name in re.findall(r"^ {4}([ │├└─]*)(\w+Error)\b", DRAWING, re.MULTILINE):
        depth = len(indent) // 4
        parents[name] = above[depth - 1] if depth else "Exception"
        above[depth:] = [name]
    return parents


def test_the_drawing_shows_the_tree_that_exists() -> None:
    assert drawn_parents() == {
        error.__name__: error.__base__.__name__ if error.__base__ else "" for error in TREE
    }


@pytest.mark.parametrize("branch", BRANCHES)
def test_the_drawing_tells_each_branch_s_codes(branch: type[ClassmarkError]) -> None:
    line = next(line for line in DRAWING.splitlines() if branch.__name__ in line)
    assert re.findall(r"exit (\d+) +HTTP (\d+)$", line) == [
        (str(branch.exit_code), str(branch.http_status))
    ]


@pytest.mark.parametrize("error", TREE)
def test_every_error_can_be_handed_to_another_process(error: type[ClassmarkError]) -> None:
    told = raised(error)
    found = handed_on(told)
    assert type(found) is error
    assert (found.message, found.remedy, str(found)) == (told.message, told.remedy, str(told))


def test_a_field_at_fault_is_handed_on_with_its_error() -> None:
    told = FieldError("texts.3", "it is odd", remedy="Mend it.")
    found = handed_on(told)
    assert (found.field, found.why) == ("texts.3", "it is odd")
    assert str(found) == "texts.3: it is odd. Mend it."


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_leaf_has_an_exit_code_and_a_status_from_its_branch(
    leaf: type[ClassmarkError],
) -> None:
    branch = next(branch for branch in BRANCHES if issubclass(leaf, branch))
    assert 2 <= leaf.exit_code <= 7
    assert leaf.http_status >= 400
    assert (leaf.exit_code, leaf.http_status) == (branch.exit_code, branch.http_status)
    assert leaf is branch or not {"exit_code", "http_status"} & set(vars(leaf))


def test_no_two_branches_share_an_exit_code() -> None:
    codes = [branch.exit_code for branch in BRANCHES]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", TREE)
def test_every_error_says_what_next(error: type[ClassmarkError]) -> None:
    told = raised(error)
    assert told.message
    assert told.remedy
    assert told.message in str(told)
    assert told.remedy in str(told)


def test_a_missing_extra_names_its_install_command() -> None:
    assert "pip install 'classmark[train]'" in str(raised(MissingExtraError))


def test_no_error_is_raised_with_an_empty_remedy(
    parsed_sources: Mapping[Path, ast.Module],
) -> None:
    names = {error.__name__ for error in TREE}
    offenders = [
        f"{path}:{call.lineno}"
        for path, tree in parsed_sources.items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names
        for given in call.keywords
        if given.arg == "remedy" and isinstance(given.value, ast.Constant) and not given.value.value
    ]
    assert offenders == []


def test_no_error_grows_outside_the_drawn_tree(parsed_sources: Mapping[Path, ast.Module]) -> None:
    names = {error.__name__ for error in TREE}
    offenders = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in parsed_sources.items()
        if path != Path("errors.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and names & {base.id for base in node.bases if isinstance(base, ast.Name)}
    ]
    assert offenders == []
