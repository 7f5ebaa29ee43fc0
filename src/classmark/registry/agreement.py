"""Whether the database tells of a version what the version's own files tell."""

from datetime import datetime

import orjson

from classmark.errors import TamperedVersionError
from classmark.registry.records import RegisteredVersion
from classmark.registry.storage import METADATA


def check_told(version: RegisteredVersion) -> None:
    """Let pass a version of which the database tells what its own files tell, which were checked.

    Raises:
        TamperedVersionError: It tells something else.
    """
    own = orjson.loads((version.folder / METADATA).read_bytes())
    told = dict(version.metadata)
    made_at = version.created_at.replace(microsecond=0)
    if told == own and made_at == datetime.fromisoformat(own["created_at"]):
        return
    other = [key for key in sorted({*told, *own}) if told.get(key) != own.get(key)]
    raise TamperedVersionError(
        f"The database does not tell of {version.name} what its {METADATA} does:"
        f" {', '.join(other) or 'created_at'}.",
        remedy="Somebody changed the database: restore it from a backup.",
    )
