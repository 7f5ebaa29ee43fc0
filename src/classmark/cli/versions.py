"""`classmark versions`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption
from classmark.cli.terminal import as_moment, as_share, keep_result, say, say_table

# So many are listed where nobody asks for all: a screen or two.
SHOWN = 50
ModelArgument = Annotated[str, typer.Argument(help="The model's name.")]
AllOption = Annotated[bool, typer.Option("--all", help=f"Not only the newest {SHOWN}.")]


def run(
    model: ModelArgument,
    everything: AllOption = False,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """List a model's versions, the oldest first."""
    registry = existing_home(home).registry
    # What is written for programs has them all.
    versions = registry.versions(model, None if everything or json else SHOWN)
    shown = versions if everything else versions[-SHOWN:]
    say_table(
        ("version", "status", "architecture", "on test", "MB", "registered (UTC)"),
        [
            (
                version.version,
                version.status,
                version.metadata["architecture"],
                _figure_on_test(version.metadata),
                version.metadata["size_mb"],
                as_moment(version.created_at),
            )
            for version in shown
        ],
        title=model,
    )
    say_older(registry.version_count(model) - len(shown))
    keep_result(
        json,
        {
            "model": model,
            "versions": [
                {
                    "version": str(version.version),
                    "status": version.status.value,
                    "path": str(version.folder),
                    "created_at": version.created_at.isoformat(timespec="seconds"),
                    "architecture": version.metadata["architecture"],
                    "metrics": version.metadata["metrics"],
                    "size_mb": version.metadata["size_mb"],
                }
                for version in versions
            ],
        },
    )


def say_older(count: int) -> None:
    """How many are not in the table above, if any."""
    if count > 0:
        say(f"{count:,} older ones are not shown: --all shows them too.")


def _figure_on_test(metadata: Mapping[str, Any]) -> str:
    """The main figure of a version on its test part."""
    found = metadata["metrics"]["test"]
    if "accuracy" in found:
        return as_share(found["accuracy"])
    return "no R²" if found["r2"] is None else f"R² {found['r2']:.3f}"
