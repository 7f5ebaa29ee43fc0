"""One door per room: `__init__` lists few names, and others import the room, not its files."""

import ast
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "src" / "classmark"
FOLDERS = sorted({path.relative_to(HOUSE).parts[0] for path in HOUSE.glob("*/*.py")})
# Commands are called by their names in a terminal, migrations by Alembic.
NO_PUBLIC_ROOMS = {"cli", "migrations"}
ROOMS = [folder for folder in FOLDERS if folder not in NO_PUBLIC_ROOMS]


def listed_names(tree: ast.Module) -> list[str] | None:
    """What a module's `__all__` lists, or None if it has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                return list(ast.literal_eval(node.value))
    return None


def listed_by_room(sources: Mapping[Path, ast.Module]) -> dict[str, list[str]]:
    return {
        room: listed_names(sources[Path(room, "__init__.py")]) or []
        for room in ROOMS
        if Path(room, "__init__.py") in sources
    }


def as_ruff_sorts(name: str) -> tuple[int, list[tuple[bool, int, str]]]:
    """CONSTANTS, then Classes, then the rest; digits count as numbers (RUF022)."""
    is_constant = name.isupper() and len(name) > 1
    kind = 0 if is_constant else 1 if name[0].isupper() else 2
    pieces = re.findall(r"\d+|\D+", name)
    return kind, [
        (not piece.isdigit(), int(piece) if piece.isdigit() else 0, piece) for piece in pieces
    ]


def wrong_doors(
    path: Path, tree: ast.Module, listed: Mapping[str, list[str]]
) -> Iterator[tuple[int, str]]:
    """Line and name of each import that does not come through a room's door."""
    own_room = path.parts[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            house, room, *rest = [*name.split("."), ""]
            if house != "classmark" or room == own_room or room not in FOLDERS or not any(rest):
                continue
            is_file = (HOUSE / room / f"{rest[0]}.py").exists()
            if rest[1:-1] or is_file or (room in listed and rest[0] not in listed[room]):
                yield node.lineno, name


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_door_that_lists_its_names(
    room: str, parsed_sources: Mapping[Path, ast.Module]
) -> None:
    door = parsed_sources.get(Path(room, "__init__.py"))
    assert door is not None, f"{room}/ has no __init__.py"
    names = listed_names(door)
    assert names, f"{room}/__init__.py has no __all__"
    assert names == sorted(set(names), key=as_ruff_sorts)


@pytest.mark.parametrize("room", ROOMS)
def test_every_listed_name_can_be_imported(
    room: str, parsed_sources: Mapping[Path, ast.Module]
) -> None:
    module = import_module(f"classmark.{room}")
    missing = [name for name in listed_by_room(parsed_sources)[room] if not hasattr(module, name)]
    assert missing == []


def test_rooms_are_entered_through_their_doors(parsed_sources: Mapping[Path, ast.Module]) -> None:
    listed = listed_by_room(parsed_sources)
    offenders = [
        f"{path}:{line} imports {name}"
        for path, tree in parsed_sources.items()
        for line, name in wrong_doors(path, tree, listed)
    ]
    assert offenders == []


@pytest.mark.parametrize(
    "statement",
    [
        "from classmark.documents.cleaning import clean",
        "from classmark.documents.samples import sample_documents",
        "from classmark.documents import cleaning",
        "from classmark.documents import content_hash_of_nothing",
        "import classmark.documents.cleaning",
        "def later():\n    from classmark.documents.cleaning import clean",
    ],
)
def test_a_wrong_door_is_seen(statement: str, parsed_sources: Mapping[Path, ast.Module]) -> None:
    listed = listed_by_room(parsed_sources)
    tree = ast.parse(statement)
    assert list(wrong_doors(Path("datasets/store.py"), tree, listed))
    assert list(wrong_doors(Path("settings.py"), tree, listed))
    assert not list(wrong_doors(Path("documents/files.py"), tree, listed))


@pytest.mark.parametrize(
    "statement",
    [
        "from classmark.documents import clean",
        "import classmark.documents",
        "from classmark import documents",
        "from classmark.errors import InputError",
        "CATALOGUE = {'linear': 'classmark.models.linear:LinearModel'}",
    ],
)
def test_a_right_door_is_let_pass(
    statement: str, parsed_sources: Mapping[Path, ast.Module]
) -> None:
    listed = listed_by_room(parsed_sources)
    assert not list(wrong_doors(Path("datasets/store.py"), ast.parse(statement), listed))
