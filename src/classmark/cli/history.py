"""`classmark history`."""

from dataclasses import asdict

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption
from classmark.cli.terminal import as_moment, keep_result, say_table
from classmark.cli.versions import ModelArgument


def run(model: ModelArgument, home: HomeOption = None, json: JsonOption = None) -> None:
    """What was live when, who moved it and why."""
    events = existing_home(home).registry.history(model)
    say_table(
        ("", "when (UTC)", "what", "version", "live before", "live after", "who", "why"),
        [
            (
                event.sequence,
                as_moment(event.at),
                event.action.replace("_", " "),
                event.version,
                event.production_before or "",
                event.production_after or "",
                event.actor,
                event.reason,
            )
            for event in events
        ],
        title=model,
    )
    keep_result(json, {"model": model, "events": [asdict(event) for event in events]})
