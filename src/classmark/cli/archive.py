"""`classmark archive`."""

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, ReasonOption, ReferenceArgument
from classmark.cli.terminal import keep_result, say


def run(
    reference: ReferenceArgument,
    reason: ReasonOption = "",
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Mark a version as done with; its files stay, and it may still go live."""
    version = existing_home(home).registry.archive(reference, reason)
    say(" is archived.", strong=version.name)
    keep_result(json, {"version": version.name, "status": version.status})
