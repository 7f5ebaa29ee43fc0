"""`classmark pull`."""

from typing import Annotated

import typer

from classmark.assembly import open_home
from classmark.cli.options import HomeOption, JsonOption, ReasonOption, ReferenceArgument
from classmark.cli.terminal import keep_result, say, say_warning
from classmark.errors import ClassmarkError, UnavailableError
from classmark.registry import ModelReference, Pulled, RegisteredVersion, Registry, Status


def run(
    reference: ReferenceArgument,
    reason: ReasonOption = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be brought, and bring nothing.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Bring a version here from the storage; MODEL@production goes live here too."""
    registry = open_home(home).registry
    if dry_run:
        found = registry.look(reference)
        say(f"@{found.version} would be brought.", strong=found.model)
        keep_result(json, {"version": str(found.version), "digest": found.digest, "dry_run": True})
        return
    came = _pulled_or_here(registry, reference, reason)
    version = came.version if came else registry.verify(reference)
    if came and not came.leads and reference.role == "production":
        version = registry.adopt(version, reason or "live in the storage")
    _tell(version, came)
    keep_result(
        json,
        {
            "version": version.name,
            "digest": version.digest,
            "path": str(version.folder),
            "status": version.status,
            "is_new": bool(came and came.is_new),
            "is_from_storage": came is not None,
        },
    )


def _pulled_or_here(registry: Registry, reference: ModelReference, reason: str) -> Pulled | None:
    """What was pulled; None where the storage is away and an intact version is here.

    Raises:
        UnavailableError: The storage is away, and nothing here can stand in.
    """
    try:
        return registry.pull(reference, reason)
    except UnavailableError as error:
        try:
            here = registry.verify(reference)
        except ClassmarkError:
            raise error from None
        say_warning(f"{error} Meanwhile {here.name} stands in, which is here and intact.")
    return None


def _tell(version: RegisteredVersion, came: Pulled | None) -> None:
    came_now = "was brought" if came and came.is_new else "was here already"
    live = ", and is in production" if version.status is Status.PRODUCTION else ""
    say(f" {came_now}{live}.", strong=version.name)
    if came and came.leads:
        say("What is live in the storage follows this home: production here is left as it is.")
