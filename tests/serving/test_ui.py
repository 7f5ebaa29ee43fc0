"""The page as people use it: in a browser, with a mouse, a keyboard, on a telephone, offline."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from classmark.assembly import open_home
from classmark.errors import UnknownPredictionError
from classmark.predictions import Prediction

pytestmark = pytest.mark.browser

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
TEXT = "A new index for range joins. It answers queries over relational tables."
IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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


@pytest.fixture(scope="module")
def site(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(shared_home, tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def unsure_site(unsure_home: Path, tmp_path: Path) -> Iterator[Site]:
    with running_site(unsure_home, tmp_path) as running:
        yield running


@contextmanager
def running_site(template: Path, folder: Path) -> Iterator[Site]:
    """A server of a copy of a home, in a folder of its own."""
    home = Path(shutil.copytree(template, folder / "home", symlinks=True))
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CLASSMARK_")}
    command = [sys.executable, "-m", "classmark", "serve", "--port", "0", "--home", str(home)]
    with (
        (folder / "stderr.txt").open("w") as stderr,
        subprocess.Popen(
            command,
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
    assert (folder / "stderr.txt").read_text() == ""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is not there; install it: bash scripts/install-system-packages.sh"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(params=[(1280, 900), (400, 800)], ids=["wide", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    """The open page; whatever it does, it asks nobody else and complains of nothing."""
    width, height = request.param
    page = browser.new_page(viewport={"width": width, "height": height})
    hosts: set[str | None] = set()
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"{message.text} {message.location}")

    def see(response: Response) -> None:
        if response.status >= 400:
            complaints.append(f"{response.status} {response.url}")

    page.on("request", lambda asked: hosts.add(urlsplit(asked.url).hostname))
    page.on("console", hear)
    page.on("response", see)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{site.url}/ui")
    page.get_by_label("Text").wait_for()
    yield page
    page.close()
    assert hosts == {"127.0.0.1"}
    assert complaints == []


def test_a_model_that_is_not_sure_enough_says_so(browser: Browser, unsure_site: Site) -> None:
    page = browser.new_page()
    page.goto(f"{unsure_site.url}/ui")
    page.get_by_label("Text").fill(TEXT)
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_text("Not sure enough: the first label is only a guess.")).to_be_visible()
    expect(page.locator("#label h2")).to_have_text("cs.DB")
    page.close()


def test_a_text_is_classified_with_bars_and_a_note(page: Page, site: Site) -> None:
    expect(page.get_by_role("heading", name="classmark")).to_be_visible()
    expect(page.get_by_text("shelves_v1.0.0 (linear), 3 classes, 90.0% right")).to_be_visible()
    page.get_by_label("Text").fill(TEXT)
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#label h2")).to_have_text("cs.DB")

    rows = page.locator("#label .confidence-set")
    expect(rows).to_have_count(3)
    shown = rows.all_inner_texts()
    assert shown[0].startswith("cs.DB")
    shares = [int(re.findall(r"(\d+)\s*%", row)[0]) for row in shown]
    assert shares == sorted(shares, reverse=True)
    assert 98 <= sum(shares) <= 102

    note = page.locator("#note").inner_text()
    assert "Not sure enough" not in note
    assert "ms in the model" in note
    found = IDENTIFIER.search(note)
    assert found
    logged = site.logged(found[0])
    assert (logged.text, logged.label) == (TEXT, "cs.DB")


def test_nothing_is_cut_off(page: Page) -> None:
    page.get_by_label("Text").fill(TEXT)
    page.get_by_role("button", name="Classify").click()
    page.locator("#label h2").wait_for()
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    for place in ("#text", "#classify", "#label", "#note"):
        box = page.locator(place).first.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.evaluate("window.innerWidth")
    assert "gradio" not in page.locator("body").inner_text().lower()


def test_the_keyboard_alone_will_do(page: Page) -> None:
    text, button = page.get_by_label("Text"), page.get_by_role("button", name="Classify")
    for _ in range(10):
        page.keyboard.press("Tab")
        if text.evaluate("it => it === document.activeElement"):
            break
    expect(text).to_be_focused()
    page.keyboard.type("A new index")
    page.keyboard.press("Enter")
    page.keyboard.type("for range joins over tables.")
    expect(text).to_have_value("A new index\nfor range joins over tables.")
    page.keyboard.press("Shift+Enter")
    expect(page.locator("#label h2")).to_have_text("cs.DB")

    text.fill("Segmenting the pixels of an image with a convolutional network.")
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#label h2")).to_have_text("cs.CV")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "There is no text. Type or paste one first."),
        (" \n ", "There is no text. Type or paste one first."),
        ("word " * 1001, f"The text has 5,005 characters; {LONGEST:,} can be read."),
    ],
    ids=["empty", "blank", "long"],
)
def test_what_can_t_be_classified_is_told_in_a_sentence(page: Page, text: str, told: str) -> None:
    page.get_by_label("Text").fill(TEXT)
    page.get_by_role("button", name="Classify").click()
    page.locator("#label h2").wait_for()
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#note")).to_contain_text(told)
    # The answer to the text before would look like one to this.
    expect(page.locator("#label h2")).to_have_count(0)


def test_odd_characters_are_classified_like_any_others(page: Page, site: Site) -> None:
    odd = "<b>Łódź</b> 東京 😀 [link](x) $x^2$ \u202e an index of tables"
    page.get_by_label("Text").fill(odd)
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("#note")).to_contain_text("ms in the model")
    found = IDENTIFIER.search(page.locator("#note").inner_text())
    assert found
    assert site.logged(found[0]).text == odd


def test_the_server_takes_no_files_through_the_page(site: Site) -> None:
    for size in (2, 100_000):
        answer = httpx.post(
            f"{site.url}/ui/gradio_api/upload", files={"files": ("a.bin", b"x" * size)}
        )
        assert answer.status_code == 413
