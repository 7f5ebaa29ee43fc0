"""A trained artifact, a registry in a home of its own, and places to publish to."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from classmark.database import Database
from classmark.registry import Lineage, Registry, StorageSettings, VersionDraft, VersionStorage

# What differs from the usual draft -> a draft with the trained artifact.
Draft = Callable[..., VersionDraft]

LABELS = ("cs.CL", "cs.CV", "cs.DB")


@pytest.fixture(scope="session")
def draft(artifact: Path) -> Draft:
    def make(
        model: str = "shelves",
        architecture: str = "linear",
        labels: tuple[str, ...] = LABELS,
        fingerprint: str = "ab" * 32,
        reason: str = "trained",
    ) -> VersionDraft:
        return VersionDraft(
            model=model,
            artifact=artifact,
            lineage=Lineage(architecture, labels, fingerprint),
            metadata={"dataset": {"name": "shelves", "fingerprint": fingerprint}, "notes": "né"},
            reason=reason,
        )

    return make


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """Each look is a minute later than the one before."""
    start = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    looks = iter(range(10_000))
    return lambda: start + timedelta(minutes=next(looks))


@pytest.fixture
def database_url(either_url: str) -> str:
    """What the registry promises holds on both databases."""
    return either_url


@pytest.fixture
def registry(database: Database, home: Path, clock: Callable[[], datetime]) -> Registry:
    return Registry(database, home / "models", now=clock, actor="ada")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """The folder of a storage that machines share."""
    (tmp_path / "shared").mkdir()
    return tmp_path / "shared"


@pytest.fixture
def storage(shared: Path) -> VersionStorage:
    return VersionStorage(StorageSettings(uri=str(shared)), now=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class S3Server:
    """A real server that speaks S3, checks signatures, and knows conditional writes."""

    url: str
    environment: dict[str, str]


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all are held until all are known."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def _weed_arguments(folder: Path, ports: list[int]) -> list[str]:
    names = ("master", "volume", "filer", "s3")
    chosen = [f"-{name}.port={port}" for name, port in zip(names, ports[:4], strict=True)]
    chosen += [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[4:], strict=True)]
    quiet = ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-master.telemetry=false"]
    small = ["-master.volumeSizeLimitMB=64", "-volume.max=20", "-volume.preStopSeconds=0"]
    inside = [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3"]
    keys = [f"-s3.config={folder / 'keys.json'}"]
    sockets = [f"-{name}.localSocket={folder / name}.sock" for name in ("filer", "s3")]
    return ["server", *inside, *chosen, *quiet, *small, *keys, *sockets]


def _wait_until_it_writes(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """A bucket is made as soon as all parts of the server know one another."""
    import boto3  # noqa: PLC0415 (only who asks for the server needs it)
    from botocore.config import Config  # noqa: PLC0415 (as above)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (as above)

    once = Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=5)
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=once)
    give_up_at = time.monotonic() + 90
    with closing(client):
        while True:
            try:
                client.create_bucket(Bucket="versions")
                client.put_object(Bucket="versions", Key="first", Body=b"one")
                client.delete_object(Bucket="versions", Key="first")
            except (BotoCoreError, ClientError) as error:
                if process.poll() is not None or time.monotonic() > give_up_at:
                    told = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                    raise TimeoutError(told) from error
                time.sleep(0.2)
            else:
                return


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """SeaweedFS on loopback, with one pair of keys and the bucket `versions`."""
    weed = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if weed is None:
        pytest.skip("weed is not installed")
    folder = tmp_path_factory.mktemp("weed")
    keys = {"accessKey": "reader0123456789", "secretKey": "secret-of-the-tests"}
    identity = {"name": "tests", "credentials": [keys], "actions": ["Admin"]}
    (folder / "keys.json").write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    ports = _free_ports(8)
    environment = {
        "AWS_ACCESS_KEY_ID": keys["accessKey"],
        "AWS_SECRET_ACCESS_KEY": keys["secretKey"],
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    url = f"http://127.0.0.1:{ports[3]}"
    log = folder / "log"
    with log.open("wb") as told, pytest.MonkeyPatch.context() as patch:
        process = subprocess.Popen(
            [weed, *_weed_arguments(folder, ports)], stdout=told, stderr=told, cwd=folder
        )
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            _wait_until_it_writes(url, process, log)
            yield S3Server(url, environment)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture
def s3_settings(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> StorageSettings:
    """A prefix of its own on the server."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    # The time alone would do, if no two tests began at once.
    prefix = f"{tmp_path.parent.name}/{tmp_path.name}-{time.monotonic_ns()}"
    return StorageSettings(
        uri=f"s3://versions/{prefix}", endpoint_url=s3_server.url, region="us-east-1"
    )


@pytest.fixture(params=["folder", "s3"])
def storage_settings(request: pytest.FixtureRequest, tmp_path: Path) -> StorageSettings:
    """Each kind of storage, empty."""
    if request.param == "s3":
        settings: StorageSettings = request.getfixturevalue("s3_settings")
        return settings
    (tmp_path / "storage").mkdir()
    return StorageSettings(uri=str(tmp_path / "storage"))
