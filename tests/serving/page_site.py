"""Servers with the web page, and pages of a headless Chromium that watches what they do."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Response,
    expect,
    sync_playwright,
)

from classmark.access import Scope
from classmark.assembly import open_home
from classmark.errors import UnknownPredictionError
from classmark.predictions import Prediction

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LONGEST = 5000


@dataclass(frozen=True, slots=True)
class Site:
    """A server with the page.

    Attributes:
        url: Of the server.
        home: What it serves from.
    """

    url: str
    home: Path

    def logged(self, prediction_id: str) -> Prediction:
        """The prediction in the log, as soon as it is there."""
        place = open_home(self.home)
        end = time.monotonic() + 30
        try:
            while time.monotonic() < end:
                try:
                    return place.log.find(prediction_id)
                except UnknownPredictionError:
                    time.sleep(0.1)
            raise AssertionError(f"{prediction_id} was never logged")
        finally:
            place.database.close()

    def key(self, scope: Scope) -> str:
        """A new key, once the server knows it."""
        place = open_home(self.home)
        written = str(place.keys.create("ada", [scope]).written)
        place.database.close()
        end = time.monotonic() + 30
        while httpx.get(f"{self.url}/docs", auth=("ada", written)).status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.2)
        return written


@contextmanager
def running_site(
    template: Path, folder: Path, settings: str = "", command: str = "serve"
) -> Iterator[Site]:
    """A server of a copy of a home, in a folder of its own."""
    home = Path(shutil.copytree(template, folder / "home", symlinks=True))
    (home / "classmark.yaml").write_text(settings, encoding="utf-8")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CLASSMARK_")}
    asked = [sys.executable, "-m", "classmark", command, "--port", "0", "--home", str(home)]
    with (
        (folder / "stderr.txt").open("w") as stderr,
        subprocess.Popen(
            asked,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=ours | {"CLASSMARK_SERVING__MAX_TEXT_CHARACTERS": str(LONGEST)},
        ) as server,
    ):
        assert server.stdout
        address = next(line for line in server.stdout if "web page" in line).split()[-1]
        yield Site(address.removesuffix("/ui"), home)
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
    told = (folder / "stderr.txt").read_text()
    assert told == "" or (settings and "Who asks needs a key" in told)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Debian's Chromium; the test is skipped where it is not installed."""
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is not there; install it: bash scripts/install-system-packages.sh"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    # A busy machine is no failure.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@dataclass(frozen=True, slots=True)
class Watch:
    """What a page did.

    Attributes:
        hosts: Whom it asked; None for what it made itself.
        complaints: What its console and the answers said.
    """

    hosts: set[str | None] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """Write down what a page does from now on."""

        def hear(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                self.complaints.append(f"{message.text} {message.location}")

        def see(response: Response) -> None:
            if response.status >= 400:
                self.complaints.append(f"{response.status} {response.url}")

        page.on("request", lambda asked: self.hosts.add(urlsplit(asked.url).hostname))
        page.on("console", hear)
        page.on("response", see)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
