"""What a server of S3 may do to us: refuse, stay silent, forget what it was told."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from classmark.errors import SettingError, UnavailableError
from classmark.registry import StorageSettings, VersionStorage, storage_location
from classmark.registry.claims import Claim


class Forgetful(BaseHTTPRequestHandler):
    """Stores whatever comes, over what is there, whatever the conditions."""

    protocol_version = "HTTP/1.1"
    stored: ClassVar[dict[str, bytes]] = {}

    def do_PUT(self) -> None:
        self.stored[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200)

    def do_GET(self) -> None:
        if self.path in self.stored:
            self._answer(200, self.stored[self.path])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_DELETE(self) -> None:
        self.stored.pop(self.path, None)
        self._answer(204)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (named so above it)
        """Nobody reads it."""

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"one"')
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def forgetful(s3_settings: StorageSettings) -> Iterator[StorageSettings]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forgetful)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.daemon_threads = True
    yield replace(s3_settings, endpoint_url=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def silent_server() -> Iterator[str]:
    """It takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def storage_of(settings: StorageSettings) -> VersionStorage:
    return VersionStorage(settings, now=lambda: datetime.now(UTC))


def test_a_wrong_key_is_refused_and_never_told(
    s3_settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame-open")
    with pytest.raises(SettingError, match="does not let you in") as raised:
        storage_of(s3_settings).versions("shelves")
    assert "AWS_SECRET_ACCESS_KEY" in raised.value.remedy
    assert "sesame" not in str(raised.value)


def test_an_unknown_user_is_refused(
    s3_settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody0123456789")
    with pytest.raises(SettingError, match="does not let you in"):
        storage_of(s3_settings).production("shelves")


def test_without_credentials_it_is_said_which_are_missing(
    s3_settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SettingError, match="Unable to locate credentials") as raised:
        storage_of(s3_settings).production("shelves")
    assert "AWS_PROFILE" in raised.value.remedy


def test_a_bucket_that_is_not_there_is_not_made(s3_settings: StorageSettings) -> None:
    storage = storage_of(replace(s3_settings, uri="s3://nowhere/at/all"))
    for look in (storage.versions, storage.production):
        with pytest.raises(SettingError, match="no bucket 'nowhere'"):
            look("shelves")


def test_a_server_that_is_down_is_known_as_such_at_once(s3_settings: StorageSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    storage = storage_of(replace(s3_settings, endpoint_url=f"http://127.0.0.1:{port}"))
    with pytest.raises(UnavailableError, match="does not answer") as raised:
        storage.versions("shelves")
    assert f"127.0.0.1:{port}" in str(raised.value)


def test_a_server_that_stays_silent_is_left_after_two_tries(s3_settings: StorageSettings) -> None:
    with silent_server() as url:
        storage = storage_of(replace(s3_settings, endpoint_url=url, timeout_seconds=0.3))
        begun = time.monotonic()
        for ask in (
            lambda: storage.production("shelves"),
            lambda: storage._objects.create("shelves/of_mine", b"{}"),
        ):
            with pytest.raises(UnavailableError, match="does not answer"):
                ask()
        # What is waited for is less than 2 s; the rest is a slow machine.
        assert time.monotonic() - begun < 30


def test_a_server_that_knows_no_conditions_gets_no_version(forgetful: StorageSettings) -> None:
    claims = storage_of(forgetful)._publication._claims
    with pytest.raises(SettingError, match="If-None-Match"):
        claims._check_refuses("key", claims_of_nobody())


def claims_of_nobody() -> Claim:
    return Claim("00", "2024-05-06T07:08:09+00:00")


@pytest.mark.parametrize(
    ("uri", "bucket", "path"),
    [
        ("s3://versions", "versions", ""),
        ("s3://versions/", "versions", ""),
        ("s3://my.bucket-1/a/b_c", "my.bucket-1", "a/b_c"),
        ("/srv/versions", "", "/srv/versions"),
        ("file:///srv/versions", "", "/srv/versions"),
    ],
)
def test_a_uri_leads_to_a_bucket_or_a_folder(uri: str, bucket: str, path: str) -> None:
    location = storage_location(uri)
    assert (location.bucket, location.path) == (bucket, path)


@pytest.mark.parametrize(
    "uri",
    [
        *("s3://", "s3:///prefix", "s3://B", "s3://ab", "s3://bucket/../x", "s3://bucket/a//b"),
        *("s3://key:secret@bucket/x", "s3://bucket/x?versionId=1", "s3://bucket/a b"),
        *("versions", "./versions", "~/versions", "file://host/srv", "file://versions"),
        *("/srv/../etc", "/srv/a\0b", "gs://bucket", "https://host/bucket", "S3://bucket", " "),
    ],
)
def test_a_uri_that_leads_nowhere_is_refused_and_not_told(uri: str) -> None:
    with pytest.raises(ValueError, match="uri is") as raised:
        storage_location(uri)
    assert "secret" not in str(raised.value)
