"""The tree tells the story: nouns of the trade, no drawers for odds and ends."""

from pathlib import Path

import pytest

DRAWERS = {
    *("util", "utils", "helper", "helpers", "common", "core", "base", "manager", "managers"),
    *("misc", "lib", "libs"),
}


def drawers_in(path: Path) -> set[str]:
    """The words of a path that say nothing of what is inside."""
    parts = [*path.parent.parts, path.stem]
    return DRAWERS & {word for part in parts for word in part.lower().split("_")}


@pytest.mark.parametrize("tree", ["src/classmark", "tests", "benchmarks"])
def test_every_module_and_folder_is_named_for_what_it_is(tree: str, repository: Path) -> None:
    root = repository / tree
    offenders = {
        str(path): drawers_in(path.relative_to(root))
        for path in root.rglob("*.py")
        if drawers_in(path.relative_to(root))
    }
    assert offenders == {}


@pytest.mark.parametrize(
    "path", ["utils.py", "http_utils.py", "core/model.py", "models/base_model.py", "lib/a.py"]
)
def test_a_drawer_is_seen(path: str) -> None:
    assert drawers_in(Path(path))


@pytest.mark.parametrize("path", ["database.py", "calibration.py", "encore/library.py"])
def test_a_noun_of_the_trade_is_let_pass(path: str) -> None:
    assert not drawers_in(Path(path))
