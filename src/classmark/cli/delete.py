"""`classmark delete`."""

from classmark.assembly import existing_home
from classmark.cli.options import (
    DryRunOption,
    HomeOption,
    JsonOption,
    ReasonOption,
    ReferenceArgument,
)
from classmark.cli.terminal import keep_result, say


def run(
    reference: ReferenceArgument,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Remove a version and its files; the history keeps that it was there."""
    registry = existing_home(home).registry
    version = registry.delete(reference, reason, dry_run=dry_run)
    size = version.metadata["size_mb"]
    told = "would be deleted" if dry_run else "is deleted"
    say(f" {told} ({size:,.1f} MB in {version.folder}).", strong=version.name)
    receipt = None if dry_run else registry.deletion(version.model, version.version)
    keep_result(
        json,
        {
            "version": version.name,
            "path": str(version.folder),
            "size_mb": size,
            "is_deleted": not dry_run,
            "receipt": receipt,
        },
    )
