"""`classmark promote`."""

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, ReasonOption, ReferenceArgument
from classmark.cli.terminal import keep_result, say
from classmark.registry import RegisteredVersion


def run(
    reference: ReferenceArgument,
    reason: ReasonOption = "",
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Put a version into production in place of the one that is there."""
    version = existing_home(home).registry.promote(reference, reason)
    say(" is in production.", strong=version.name)
    keep_result(json, describe(version))


def describe(version: RegisteredVersion) -> dict[str, str]:
    """What is live now, as the JSON result has it."""
    return {
        "model": version.model,
        "production_version": str(version.version),
        "path": str(version.folder),
    }
