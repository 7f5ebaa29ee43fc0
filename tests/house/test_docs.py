"""Docs are tested: what they point at is there, and what is there has its place in them."""

import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

import numpy as np
import pytest
import typer
from fastapi import FastAPI
from numpy.typing import NDArray
from typer.main import get_command

from classmark import errors
from classmark.cli import COMMANDS
from classmark.database import Database
from classmark.documents import DEFAULT_STEPS, REDACTION, CollectingSettings, DropReason
from classmark.errors import ClassmarkError
from classmark.models import (
    CATALOGUE,
    TABLE_CATALOGUE,
    Classifier,
    family_class,
    table_family_class,
)
from classmark.models.artifact import ArtifactConfig
from classmark.monitoring import ServingMetrics
from classmark.predictions import PredictionLog, Spool
from classmark.registry import (
    MirrorSettings,
    PromotionSettings,
    RegisteredVersion,
    RetentionSettings,
    SigningSettings,
    Status,
    StorageSettings,
    Version,
)
from classmark.serving import (
    AnswerCache,
    ApiParts,
    Predictor,
    QueueLimits,
    Scheduler,
    ServedModel,
    ServingSettings,
    create_api,
)
from classmark.settings import Settings, TrackingSettings

_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
# Packages that hold no room of the river.
_NO_ROOMS = {"migrations", "cli"}
ROOMS_WITH_SETTINGS = {
    "serving": ServingSettings,
    "signing": SigningSettings,
    "collecting": CollectingSettings,
    "tracking": TrackingSettings,
    "promotion": PromotionSettings,
    "retention": RetentionSettings,
    "mirror": MirrorSettings,
    "storage": StorageSettings,
}


def relative_links(text: str) -> Iterator[str]:
    """The places that a Markdown text links to: paths, and #headings in them or in itself."""
    for inline, reference in _LINK.findall(_CODE.sub("", text)):
        target = inline or reference
        if not _ELSEWHERE.match(target):
            yield unquote(target)


def anchors(text: str) -> set[str]:
    """What GitHub makes of a text's headings."""
    headings = _HEADING.findall(_BLOCK.sub("", text))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sections(text: str, level: int) -> dict[str, str]:
    """The parts of a page below each heading of a level, up to the next of that level or above."""
    # What looks like a heading inside a code block is none.
    masked = _BLOCK.sub(lambda block: block[0].replace("\n#", "\n "), text)
    pattern = rf"^{'#' * level} (.+?)\n(.*?)(?=^#{{1,{level}}} |\Z)"
    found = re.finditer(pattern, masked, re.DOTALL | re.MULTILINE)
    return {section[1]: text[section.start(2) : section.end(2)] for section in found}


def page(repository: Path, name: str) -> str:
    return (repository / "docs" / name).read_text(encoding="utf-8")


def pages(repository: Path) -> list[Path]:
    return [*sorted(repository.glob("*.md")), *sorted((repository / "docs").rglob("*.md"))]


def leads_nowhere(source: Path, link: str) -> bool:
    path, _, place = link.partition("#")
    target = (source.parent / path) if path else source
    if not target.exists():
        return True
    return bool(place) and place not in anchors(target.read_text(encoding="utf-8"))


def test_every_relative_link_points_at_a_file_and_a_heading(repository: Path) -> None:
    broken = [
        f"{source.relative_to(repository)} -> {link}"
        for source in pages(repository)
        for link in relative_links(source.read_text(encoding="utf-8"))
        if leads_nowhere(source, link)
    ]
    assert broken == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see [models](docs/models.md#linear) and ![it](a%20b.png 'title')", 2),
        ("[a]: ../LICENSE\n[b]: https://example.org", 1),
        ("[web](https://example.org) [mail](mailto:a@b.c) [here](#top)", 1),
        ("```\n[not](a.md)\n```\nand `[not](b.md)` but [this](c.md)", 1),
    ],
)
def test_links_are_found_in_prose_and_not_in_code(text: str, found: int) -> None:
    assert len(list(relative_links(text))) == found


def test_headings_become_the_anchors_that_github_makes() -> None:
    text = "# A b\n## `x@1`, and y\n```\n# no heading\n```\n### POST /predict_batch\n"
    assert anchors(text) == {"a-b", "x1-and-y", "post-predict_batch"}


def test_a_section_ends_where_the_next_of_its_level_begins() -> None:
    text = "# page\n## one\na\n### deeper\nb\n## two\n```\n# c\n```\n# other\nd\n"
    assert sections(text, 2) == {"one": "a\n### deeper\nb\n", "two": "```\n# c\n```\n"}


def test_every_page_can_be_reached_from_the_readme(repository: Path) -> None:
    reached, ahead = set[Path](), [repository / "README.md"]
    while ahead:
        source = ahead.pop().resolve()
        if source.suffix == ".md" and source.is_file() and source not in reached:
            reached.add(source)
            links = relative_links(source.read_text(encoding="utf-8"))
            ahead += [source.parent / link.partition("#")[0] for link in links]
    assert {path.resolve() for path in pages(repository)} - reached == set()


def test_every_room_has_its_page(repository: Path) -> None:
    house = repository / "src" / "classmark"
    rooms = {path.parent.name for path in house.glob("*/__init__.py")} - _NO_ROOMS
    assert {room for room in rooms if not (repository / "docs" / f"{room}.md").is_file()} == set()


# Commands


def options_of(command: str) -> set[str]:
    """The long options of a command, as its user spells them."""
    app = typer.Typer(add_completion=False)
    app.command()(import_module(f"classmark.cli.{command.replace('-', '_')}").run)
    return {
        spelling
        for parameter in get_command(app).params
        for spelling in parameter.opts
        if spelling.startswith("--") and spelling != "--help"
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_section_with_all_of_its_options(
    command: str, repository: Path
) -> None:
    section = sections(page(repository, "commands.md"), 2)[command]
    options = options_of(command)
    assert "--home" in options
    assert {option for option in options if not re.search(rf"{option}\b", section)} == set()


def test_no_command_is_described_that_is_not_there(repository: Path) -> None:
    assert set(sections(page(repository, "commands.md"), 2)) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_option_is_described_that_a_command_does_not_have(
    command: str, repository: Path
) -> None:
    section = sections(page(repository, "commands.md"), 2)[command]
    described = set(re.findall(r"^\| `(--[a-z-]+)", section, re.MULTILINE))
    assert described - options_of(command) == set()


def test_the_readme_lists_every_command(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"\n| `{name}` |" not in readme] == []


# Settings


def setting_names() -> dict[str, str]:
    """Every setting as YAML spells it, with its environment variable."""
    names = {name: f"CLASSMARK_{name.upper()}" for name in Settings.model_fields}
    for room, settings in ROOMS_WITH_SETTINGS.items():
        del names[room]
        for field in fields(settings):
            names[f"{room}.{field.name}"] = f"CLASSMARK_{room.upper()}__{field.name.upper()}"
    return names


@pytest.mark.parametrize(("name", "variable"), setting_names().items())
def test_every_setting_is_described_with_its_variable(
    name: str, variable: str, repository: Path
) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|.*$", page(repository, "settings.md"), re.MULTILINE)
    assert f"`{variable}`" in row


def numbers_among_settings() -> list[tuple[str, object]]:
    """Settings that have a number as their default, with it."""
    return [
        (f"{room}.{field.name}", field.default)
        for room, settings in ROOMS_WITH_SETTINGS.items()
        for field in fields(settings)
        if not isinstance(field.default, str)
    ]


@pytest.mark.parametrize(("name", "default"), numbers_among_settings())
def test_every_number_among_the_settings_has_its_default_described(
    name: str, default: object, repository: Path
) -> None:
    row = rf"^\| `{name}` \| {str(default).lower()} \|"
    assert re.search(row, page(repository, "settings.md"), re.MULTILINE)


def test_every_setting_that_yaml_can_set_is_shown_as_yaml(repository: Path) -> None:
    section = sections(page(repository, "settings.md"), 2)["As YAML"]
    names = {name.rpartition(".")[2] for name in setting_names()} - {"home"}
    assert {
        name for name in names if not re.search(rf"^ *{name}: ", section, re.MULTILINE)
    } == set()


# Errors

TREE = [
    thing
    for thing in vars(errors).values()
    if inspect.isclass(thing) and issubclass(thing, ClassmarkError)
]
LEAVES = [
    error
    for error in TREE
    if error is not ClassmarkError and not any(other.__base__ is error for other in TREE)
]


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_error_is_described_with_its_codes(
    leaf: type[ClassmarkError], repository: Path
) -> None:
    section = sections(page(repository, "errors.md"), 3)[leaf.__name__]
    assert section.strip().startswith(f"Exit code {leaf.exit_code}, HTTP {leaf.http_status}.")
    assert "What to do:" in section or leaf.__name__ == "MissingExtraError"


def test_no_error_is_described_that_is_not_there(repository: Path) -> None:
    described = set(sections(page(repository, "errors.md"), 3))
    assert described == {leaf.__name__ for leaf in LEAVES}


@pytest.mark.parametrize("branch", [e for e in TREE if e.__base__ is ClassmarkError])
def test_every_branch_is_described_with_its_codes(
    branch: type[ClassmarkError], repository: Path
) -> None:
    row = f"| {branch.__name__} | {branch.exit_code} | {branch.http_status} |"
    assert row in page(repository, "errors.md")


# Metrics and routes


def metric_names() -> list[str]:
    """The names that a scraper sees, without those of the process."""
    text, _ = ServingMetrics("shelves", "v1.0.0").as_prometheus()
    described = re.findall(r"^# TYPE (\S+) ", text.decode(), re.MULTILINE)
    return [name for name in described if not name.startswith("process_")]


@pytest.mark.parametrize("name", metric_names())
def test_every_metric_is_described(name: str, repository: Path) -> None:
    assert f"| `{name}` |" in page(repository, "operations.md")
    assert f"| `{name}` |" in page(repository, "monitoring.md")


class Mute(Classifier):
    """Two classes, and no opinion."""

    labels = ("fiction", "poetry")

    @classmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        del folder, config
        return cls()

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        del text
        return np.array([0.5, 0.5])


@pytest.fixture
def described_routes(tmp_path: Path) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """What the API says of itself: path -> method -> description."""
    version = RegisteredVersion(
        "shelves", Version(1, 0, 0), Status.PRODUCTION, datetime.now(UTC), tmp_path, "00", {}
    )
    log = PredictionLog(Database(f"sqlite:///{tmp_path / 'classmark.db'}"))
    spool, scheduler = Spool(tmp_path / "spool", log), Scheduler(1, QueueLimits(1, 1))
    served = ServedModel(version, Mute())
    predictor = Predictor(served, scheduler, [], AnswerCache(0), now=lambda: datetime.now(UTC))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        yield

    metrics = ServingMetrics("shelves", "v1.0.0")
    parts = ApiParts(
        predictor=predictor,
        log=log,
        spool=spool,
        metrics=metrics,
        settings=ServingSettings(),
        lifespan=lifespan,
        production=lambda: "v1.0.0",
        labels_of=lambda _: None,
    )
    app = create_api(parts)
    yield app.openapi()["paths"]
    spool.close()
    scheduler.close()


def test_every_route_is_described_and_no_other(
    described_routes: Mapping[str, Mapping[str, Any]], repository: Path
) -> None:
    api = page(repository, "api.md")
    routes = {
        f"{method.upper()} {path}" for path, found in described_routes.items() for method in found
    }
    assert {route for route in routes if f"| `{route}` |" not in api} == set()
    assert {title for title in sections(api, 2) if "/" in title} == routes


# Families, drop reasons, cleaning steps


@pytest.mark.parametrize("family", CATALOGUE)
def test_every_family_is_described_with_each_of_its_parameters(
    family: str, repository: Path
) -> None:
    section = sections(page(repository, "models.md"), 3)[family]
    everything = family_class(family).with_parameters({}).parameters
    # As they are written down: some defaults are settled when the family is made.
    defaults = asdict(family_class(family).parameters_class())
    # Those of a composite's members stand in the members' own sections.
    parameters = {
        key: defaults.get(key, it) for key, it in everything.items() if not isinstance(it, dict)
    }
    described = re.findall(r"^\| `(\w+)` \| (\S+) \|", section, re.MULTILINE)
    assert [name for name, _ in described] == list(parameters)
    assert {name: _as_written(value) for name, value in parameters.items()} == dict(described)


@pytest.mark.parametrize("family", TABLE_CATALOGUE)
def test_every_family_for_tables_is_described_with_each_of_its_parameters(
    family: str, repository: Path
) -> None:
    section = sections(page(repository, "tables.md"), 4)[family]
    parameters = table_family_class(family).with_parameters({}).parameters
    described = re.findall(r"^\| `(\w+)` \| (\S+) \|", section, re.MULTILINE)
    assert described == [(name, _as_written(value)) for name, value in parameters.items()]


def _as_written(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


@pytest.mark.parametrize("reason", DropReason)
def test_every_reason_to_drop_a_document_is_described(reason: DropReason, repository: Path) -> None:
    assert f"| `{reason}` |" in page(repository, "documents.md")


@pytest.mark.parametrize("step", [REDACTION, *DEFAULT_STEPS], ids=str)
def test_every_cleaning_step_is_described(step: object, repository: Path) -> None:
    assert f"| `{step}` |" in page(repository, "documents.md")
