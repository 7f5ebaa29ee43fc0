"""Which versions may answer where the live one can't be loaded: a pure rule over the history."""

from collections.abc import Iterator, Sequence

from classmark.registry.gate import Status
from classmark.registry.records import RegisteredVersion, VersionEvent


def earlier_live(
    versions: Sequence[RegisteredVersion], events: Sequence[VersionEvent]
) -> Iterator[RegisteredVersion]:
    """The versions that were live before the present one, the last one first, each once.

    As a rollback would, it passes over those that are newer than the live one, deleted or of
    another kind: who asks for texts can't be answered by a version of tables.
    """
    live = next((one for one in versions if one.status is Status.PRODUCTION), None)
    if live is None:
        return
    candidates = {
        str(one.version): one
        for one in versions
        if one.version < live.version and one.is_of_table == live.is_of_table
    }
    for event in reversed(events):
        found = candidates.pop(event.production_before or "", None)
        if found is not None:
            yield found
