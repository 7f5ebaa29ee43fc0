"""The source of the house, parsed once."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds src, tests and docs."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def parsed_sources(repository: Path) -> Mapping[Path, ast.Module]:
    """The syntax tree of each module, by its path inside src/classmark."""
    house = repository / "src" / "classmark"
    return {
        path.relative_to(house): ast.parse(path.read_bytes(), str(path))
        for path in sorted(house.rglob("*.py"))
    }
