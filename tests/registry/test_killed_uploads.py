"""Who publishes may be killed at any moment: what is seen is whole, and the next one ends it."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from classmark.registry import (
    ModelReference,
    RegisteredVersion,
    Registry,
    StorageSettings,
    VersionDraft,
    VersionStorage,
)
from classmark.registry.objects import INNER

Draft = Callable[..., VersionDraft]

PUBLISH = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import orjson
from classmark.registry import (
    RegisteredVersion, Status, StorageSettings, Version, VersionStorage
)
given = orjson.loads(sys.argv[1])
storage = VersionStorage(StorageSettings(**given["settings"]), now=lambda: datetime.now(UTC))
folder = Path(given["folder"])
version = RegisteredVersion(
    "shelves", Version(1, 0, 0), Status.TESTING, datetime.now(UTC), folder, given["digest"], {}
)
storage.versions("shelves")
print("ready", flush=True)
storage.publish(version)
print("published", flush=True)
"""


def kill_after(seconds: float, version: RegisteredVersion, settings: StorageSettings) -> str:
    """What a process said that published, and was killed so long after it began."""
    given = {
        "settings": asdict(settings),
        "folder": str(version.folder),
        "digest": version.digest,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PUBLISH, orjson.dumps(given).decode()], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        process.kill()
        process.wait()
        return process.stdout.read().decode().strip()


def later(settings: StorageSettings) -> VersionStorage:
    return VersionStorage(settings, now=lambda: datetime.now(UTC) + timedelta(hours=25))


def check_killed_at(
    moments: list[float],
    version: RegisteredVersion,
    settings: StorageSettings,
    folder: Path,
) -> None:
    storage = VersionStorage(settings, now=lambda: datetime.now(UTC))
    reference = ModelReference("shelves", version.version)
    for number, moment in enumerate(moments):
        said = kill_after(moment, version, settings)
        if number % 2 and not storage.versions("shelves"):
            # What is left behind goes without a trace.
            later(settings).tidy()
            assert storage._objects.listed("") == [], moment
        if said == "published":
            assert storage.versions("shelves") == [version.version], moment
        storage.publish(version)
        target = folder / f"pulled-{number}"
        storage.pull(storage.find(reference), target)
        later(settings).tidy()
        assert not [one for one in storage._objects.listed(INNER) if one.key.endswith(".draft")]
        assert storage.versions("shelves") == [version.version]
        known = {path.name for path in version.folder.iterdir()}
        inside = {one.key.rpartition("/")[2] for one in storage._objects.listed("shelves/shelves")}
        assert inside <= known
        storage.unpublish(version)
        # Its number is to be free for the next round.
        storage._objects.remove(["shelves/claims/shelves_v1.0.0.json"])


def test_a_killed_upload_is_ended_by_the_next(
    storage_settings: StorageSettings, registry: Registry, draft: Draft, tmp_path: Path
) -> None:
    version = registry.register(draft())
    is_folder = storage_settings.uri.startswith("/")
    moments = [0.001, 0.004] if is_folder else [0.05, 0.5]
    check_killed_at(moments, version, storage_settings, tmp_path)


@pytest.mark.heavy
def test_many_killed_uploads_are_ended_by_the_next(
    storage_settings: StorageSettings, registry: Registry, draft: Draft, tmp_path: Path
) -> None:
    version = registry.register(draft())
    longest = 0.05 if storage_settings.uri.startswith("/") else 2.0
    moments = [longest * number / 40 for number in range(40)]
    check_killed_at(moments, version, storage_settings, tmp_path)
