"""`classmark lineage`."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from classmark.assembly import Home, existing_home
from classmark.cli.options import HomeOption, JsonOption
from classmark.cli.terminal import keep_result, say, say_table, say_warning
from classmark.errors import SettingError
from classmark.registry import ModelReference, RegisteredVersion, RemovalRecord
from classmark.retraining import (
    DocumentTrace,
    Link,
    SnapshotTrace,
    SourceTrace,
    trace_document,
    trace_table_version,
    trace_version,
)

_INDENT = "  "
_OF_SNAPSHOT = {
    Link.INTACT: "kept, and whole",
    Link.CHANGED: "its files were changed since, or are damaged",
    Link.GONE: "not kept: it was deleted, or lies in another home",
}
_OF_SOURCE = {
    Link.INTACT: "unchanged",
    Link.CHANGED: "changed since",
    Link.GONE: "gone, or not to be found from this folder",
    Link.UNCHECKED: "can't be checked",
}


def run(
    reference: Annotated[
        ModelReference | None,
        typer.Argument(
            parser=ModelReference.parse,
            metavar="MODEL@REF",
            help="REF is v1.2.3, production or latest.",
            show_default=False,
        ),
    ] = None,
    document: Annotated[
        str | None,
        typer.Option(help="What became of this document: its id, arXiv id, DOI or PMID."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Where a version comes from, back to its sources; or what became of a document."""
    if reference is None and document is None:
        raise SettingError(
            "Neither a version nor a document is named.",
            remedy="Write classmark lineage MODEL@REF, or classmark lineage --document ID.",
        )
    place = existing_home(home)
    result: dict[str, Any] = {}
    versions = [place.registry.resolve(reference)] if reference else _all_versions(place)
    if reference is not None:
        snapshot = _traced(place, versions[0])
        result |= describe_version(versions[0], snapshot, place.data_places.record)
        for line in _tree(result):
            say(line)
    if document is not None:
        of_texts = (version for version in versions if not version.is_of_table)
        trace = trace_document(document, place.datasets, of_texts)
        result["document"] = describe_document(document, trace)
        show_document(result["document"])
    keep_result(json, result)


def describe_version(
    version: RegisteredVersion, snapshot: SnapshotTrace, record: RemovalRecord | None = None
) -> dict[str, Any]:
    """A version's chain as the JSON result has it; the record tells what retention removed."""
    removal: dict[str, Any] = {}
    if record is not None and snapshot.link is Link.GONE:
        removal = record.of_snapshot(snapshot.name, snapshot.snapshot_id, snapshot.fingerprint)
    told = version.metadata
    return {
        "version": {
            "name": version.name,
            "status": version.status.value,
            "registered_at": version.created_at.isoformat(timespec="seconds"),
            **{key: told.get(key) for key in ("family", "architecture", "hyperparameters", "seed")},
            **{key: told.get(key) for key in ("git_commit", "libraries", "teacher")},
        },
        "snapshot": _snapshot(snapshot, told["dataset"]) | {"removal": removal or None},
        "source": _source(snapshot.source),
    }


def describe_document(asked: str, trace: DocumentTrace) -> dict[str, Any]:
    """What became of a document as the JSON result has it."""
    return {
        "asked": asked,
        "holdings": [
            {
                "dataset": holding.dataset,
                "snapshot": holding.snapshot_id,
                "part": holding.part,
                "id": holding.document.id,
                "label": holding.document.label,
                "title": holding.document.title,
            }
            for holding in trace.holdings
        ],
        "uses": [
            {
                "version": use.version.name,
                "status": use.version.status.value,
                "role": use.role.value,
                "id": use.holding.document.id,
            }
            for use in trace.uses
        ],
        "unknown": [version.name for version in trace.unknown],
        "damaged": list(trace.damaged),
    }


def show_document(told: Mapping[str, Any]) -> None:
    """Where a document stands and who used it, as tables."""
    if told["holdings"]:
        columns = ("dataset", "snapshot", "part", "id", "label", "title")
        say_table(
            columns,
            [[row[column] or "" for column in columns] for row in told["holdings"]],
            title=f"{told['asked']} stands in",
        )
    else:
        say(f"{told['asked']} stands in no snapshot that is kept.")
    for use in told["uses"]:
        say(f" ({use['status']}) {use['role']} {use['id']}", strong=use["version"])
    if told["holdings"] and not told["uses"]:
        say("No version is known to have used it.")
    if told["unknown"]:
        say_warning(
            f"Of these versions it can't be told, as their snapshot is not kept: "
            f"{', '.join(told['unknown'])}."
        )
    if told["damaged"]:
        say_warning(f"These snapshots can't be read: {', '.join(told['damaged'])}.")


def _traced(place: Home, version: RegisteredVersion) -> SnapshotTrace:
    if version.is_of_table:
        return trace_table_version(version, place.tables)
    return trace_version(version, place.datasets)


def _all_versions(place: Home) -> list[RegisteredVersion]:
    return [
        version for model in place.registry.models() for version in place.registry.versions(model)
    ]


def _snapshot(snapshot: SnapshotTrace, told: Mapping[str, Any]) -> dict[str, Any]:
    """The snapshot itself, or what the version remembers of it."""
    dataset = snapshot.dataset
    return {
        "dataset": snapshot.name,
        "snapshot": snapshot.snapshot_id,
        "link": snapshot.link.value,
        "fingerprint": snapshot.fingerprint,
        "created_at": dataset.created_at if dataset else None,
        "recipe": dict(dataset.recipe) if dataset else told.get("recipe"),
        "sizes": dataset.sizes() if dataset else told.get("split"),
        "read": dataset.read if dataset else None,
        "dropped": dict(dataset.dropped) if dataset else None,
    }


def _source(source: SourceTrace) -> dict[str, Any]:
    now = {"sha256_now": source.sha256_now} if source.sha256_now else {}
    return {**source.origin, "link": source.link.value, **now}


def _tree(told: Mapping[str, Any]) -> Iterator[str]:
    """The chain, each link deeper than what was made from it."""
    version, snapshot, source = told["version"], told["snapshot"], told["source"]
    yield f"{version['name']} ({version['status']}, registered {_moment(version)} UTC)"
    yield f"{_INDENT}family: {version['family']}, seed {version['seed']}"
    for heading in ("hyperparameters", "libraries"):
        if version[heading]:
            yield f"{_INDENT}{heading}: {_listed(version[heading])}"
    if version["teacher"]:
        yield f"{_INDENT}teacher: {version['teacher']}"
    yield f"{_INDENT}commit: {version['git_commit'] or 'not known'}"
    named = f"{snapshot['dataset']}, snapshot {snapshot['snapshot'] or 'not known'}"
    yield f"{_INDENT}dataset {named}: {_state(snapshot)}"
    deep = _INDENT * 2
    yield f"{deep}fingerprint: {snapshot['fingerprint']}"
    for heading in ("recipe", "sizes", "dropped"):
        if snapshot[heading]:
            yield f"{deep}{heading}: {_listed(snapshot[heading])}"
    yield f"{deep}{_source_line(source)}"
    if "sha256" in source:
        yield f"{deep}{_INDENT}SHA-256 then: {source['sha256']}"
    if "sha256_now" in source:
        yield f"{deep}{_INDENT}SHA-256 now:  {source['sha256_now']}"


def _state(snapshot: Mapping[str, Any]) -> str:
    """Whether a snapshot is kept, and if not what became of it."""
    removal = snapshot["removal"]
    if removal:
        return (
            f"not kept: removed on {removal['at'][:10]} by {removal['actor']}, {removal['reason']}"
        )
    return _OF_SNAPSHOT[Link(snapshot["link"])]


def _source_line(source: Mapping[str, Any]) -> str:
    state = _OF_SOURCE[Link(source["link"])]
    if "path" in source:
        return f"from {source['path']}: {state}"
    if "name" in source:
        return f"from {source['name']}, which has no file here: {state}"
    return "from a source that is not told"


def _moment(version: Mapping[str, Any]) -> str:
    return str(version["registered_at"])[:19].replace("T", " ")


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_written(value)}" for key, value in values.items())


def _written(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "all"
    return "none" if value is None else str(value)
