"""`classmark verify`."""

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, ReferenceArgument
from classmark.cli.terminal import keep_result, say


def run(reference: ReferenceArgument, home: HomeOption = None, json: JsonOption = None) -> None:
    """Check every byte of a version against what was registered."""
    version = existing_home(home).registry.verify(reference)
    say(" is intact.", strong=version.name)
    keep_result(
        json,
        {"version": version.name, "intact": True, "digest": version.digest},
    )
