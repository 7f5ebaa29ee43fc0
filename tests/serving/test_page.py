"""The page as people use it: in a browser, with a mouse, a keyboard, on a telephone, offline."""

import csv
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Literal
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, HttpCredentials, Locator, Page, expect
from tests.serving.conftest import LABELS, METRICS
from tests.serving.page_site import LONGEST, Site, Watch, open_browser, running_site
from tests.serving.test_path_tricks import TRICKS, asked

from classmark.access import Scope
from classmark.assembly import open_home
from classmark.documents import sample_documents
from classmark.registry import Lineage, ModelReference, VersionDraft

pytestmark = pytest.mark.browser

TEXT = "A new index for range joins. It answers queries over relational tables."
ASKED_BY_PAGE = "/ui/gradio_api/run/predict"
IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def site(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(shared_home, tmp_path_factory.mktemp("site"), command="ui") as running:
        yield running


@pytest.fixture(scope="module")
def unsure_site(unsure_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Another one, whose model is hardly ever sure, and which takes small questions only."""
    small = "serving:\n  max_body_bytes: 20000\n"
    with running_site(unsure_home, tmp_path_factory.mktemp("unsure"), small) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(params=[(1280, 900), (400, 800)], ids=["wide", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    """The open page; whatever it does, it asks nobody else and complains of nothing."""
    width, height = request.param
    page, watch = browser.new_page(viewport={"width": width, "height": height}), Watch()
    watch.follow(page)
    page.goto(f"{site.url}/ui")
    text_of(page).wait_for()
    yield page
    page.close()
    assert watch.hosts - {None} == {"127.0.0.1"}
    assert watch.complaints == []


def text_of(page: Page) -> Locator:
    return page.get_by_label("Text", exact=True)


def classify(page: Page, text: str) -> None:
    text_of(page).fill(text)
    page.get_by_role("button", name="Classify", exact=True).click()


def batch(page: Page, file: Path) -> None:
    page.get_by_role("tab", name="Batch").click()
    page.get_by_label("A file of documents").set_input_files(file)
    page.get_by_role("button", name="Classify the file").click()


def test_a_model_that_is_not_sure_enough_says_so(browser: Browser, unsure_site: Site) -> None:
    page = browser.new_page()
    page.goto(f"{unsure_site.url}/ui")
    classify(page, TEXT)
    expect(page.get_by_text("Not sure enough: the first label is only a guess.")).to_be_visible()
    expect(page.locator("#label h2")).to_have_text("cs.DB")
    page.close()


@pytest.fixture
def guarded_site(shared_home: Path, tmp_path: Path) -> Iterator[Site]:
    with running_site(shared_home, tmp_path, "serving:\n  api_keys: required\n") as running:
        yield running


def test_where_keys_are_asked_for_a_browser_gives_one_as_a_password(
    browser: Browser, guarded_site: Site, tmp_path: Path
) -> None:
    for method, path in (("GET", "/ui"), ("GET", "/ui/theme.css"), ("POST", ASKED_BY_PAGE)):
        refused = httpx.request(method, f"{guarded_site.url}{path}")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic ")
    for scope, told in ((Scope.PREDICT, "need a key with the scope admin"), (Scope.ADMIN, "501")):
        given = HttpCredentials(username="ada", password=guarded_site.key(scope))
        page, watch = browser.new_page(http_credentials=given), Watch()
        page.goto(f"{guarded_site.url}/ui")
        watch.follow(page)
        if scope is Scope.PREDICT:
            classify(page, TEXT)
            expect(page.locator("#label h2")).to_have_text("cs.DB")
            batch(page, many(tmp_path))
            expect(page.locator("#batch-note")).to_contain_text("500 documents")
            page.get_by_role("tab", name="One text").click()
        page.get_by_label("Show figures of this server").check()
        expect(page.locator("#figures")).to_contain_text(told)
        page.close()
        assert watch.complaints == []


def test_the_page_tells_of_the_version_that_answers_now(
    browser: Browser, shared_home: Path, artifact: Path, tmp_path: Path
) -> None:
    with running_site(shared_home, tmp_path) as site:
        page = browser.new_page()
        page.goto(f"{site.url}/ui")
        expect(page.get_by_text("shelves_v1.0.0 (linear)")).to_be_visible()
        promote_another(site.home, artifact)
        end = time.monotonic() + 60
        while httpx.get(f"{site.url}/model/info").json()["version"] != "v1.0.1":
            assert time.monotonic() < end
            time.sleep(0.1)
        classify(page, TEXT)
        expect(page.locator("#note")).to_contain_text("by v1.0.1")
        page.reload()
        expect(page.get_by_text("shelves_v1.0.1 (linear)")).to_be_visible()
        page.get_by_role("tab", name="Model").click()
        expect(page.get_by_role("row", name="Version v1.0.1")).to_be_visible()
        page.close()


def promote_another(home: Path, artifact: Path) -> None:
    place = open_home(home)
    figures = {part: {**numbers, "per_class": {}} for part, numbers in METRICS.items()}
    metadata = {"dataset": {"fingerprint": "00"}, "metrics": figures}
    draft = VersionDraft("shelves", artifact, Lineage("linear", LABELS, "00"), metadata)
    place.registry.promote(ModelReference("shelves", place.registry.register(draft).version))
    place.database.close()


def test_a_text_is_classified_with_bars_and_a_note(page: Page, site: Site) -> None:
    expect(page.get_by_role("heading", name="classmark")).to_be_visible()
    expect(page.get_by_text("shelves_v1.0.0 (linear), 3 classes, 90.0% right")).to_be_visible()
    classify(page, TEXT)
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
    classify(page, TEXT)
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
    text, button = text_of(page), page.get_by_role("button", name="Classify", exact=True)
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
    classify(page, TEXT)
    page.locator("#label h2").wait_for()
    classify(page, text)
    expect(page.locator("#note")).to_contain_text(told)
    # The answer to the text before would look like one to this.
    expect(page.locator("#label h2")).to_have_count(0)


def test_odd_characters_are_classified_like_any_others(page: Page, site: Site) -> None:
    odd = "<b>Łódź</b> 東京 😀 [link](x) $x^2$ \u202e an index of tables"
    classify(page, odd)
    expect(page.locator("#note")).to_contain_text("ms in the model")
    found = IDENTIFIER.search(page.locator("#note").inner_text())
    assert found
    assert site.logged(found[0]).text == odd


def many(folder: Path) -> Path:
    """A file of 500 rows; one of its texts would run in a spreadsheet."""
    texts = [document.text for document in sample_documents() if document.label in LABELS]
    path = folder / "papers.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        formula = '=HYPERLINK("http://example.org"; "an index for joins") <b>${1+1} {{it}}</b>'
        writer.writerow(["=1+1", formula])
        writer.writerows([f"p{it}", f"{it} {texts[it % len(texts)]}"] for it in range(1, 500))
    return path


def shares(table: Locator) -> dict[str, int]:
    """What bars say, by their names."""
    rows = table.locator("tr").all_inner_texts()
    return {row.split("\t")[0].strip(): int(row.split("\t")[-1].split("(")[0]) for row in rows}


def test_a_file_of_500_rows_is_classified_shown_and_given_back(
    page: Page, site: Site, tmp_path: Path
) -> None:
    batch(page, many(tmp_path))
    note = page.locator("#batch-note")
    expect(note).to_contain_text(re.compile(r"500 documents were classified in .* by shelves_v1"))
    expect(page.get_by_role("table", name="The first 20 of 500").locator("tr")).to_have_count(21)
    expect(page.get_by_role("cell", name="an index for joins")).to_contain_text("${1+1} {{it}}</b>")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the results").click()
    assert re.fullmatch(r"shelves_v1\.0\.0_\d{8}T\d{6}Z\.csv", download.value.suggested_filename)
    download.value.save_as(tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["'=1+1", *(f"p{it}" for it in range(1, 500))]
    assert rows[0]["text"].startswith("'=HYPERLINK(")
    logged = site.logged(rows[7]["prediction_id"])
    assert (logged.text, logged.label) == (rows[7]["text"], rows[7]["label"])
    given = Counter(row["label"] for row in rows)
    assert shares(page.get_by_role("table", name="Labels")) == given
    bins = Counter(min(int(float(row["confidence"]) * 10), 9) for row in rows)
    shown = shares(page.get_by_role("table", name="Confidence"))
    assert list(shown.values()) == [bins[it] for it in range(10)]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_file_that_can_t_be_read_is_told_and_can_be_tried_again(
    page: Page, tmp_path: Path
) -> None:
    page.get_by_role("tab", name="Batch").click()
    page.get_by_role("button", name="Classify the file").click()
    note, save = (
        page.locator("#batch-note"),
        page.get_by_role("button", name="Download the results"),
    )
    expect(note).to_have_text("There is no file. Choose one first.")
    expect(save).to_be_disabled()
    (tmp_path / "a.csv").write_text(f"number,body\n1,{TEXT}\n", encoding="utf-8")
    batch(page, tmp_path / "a.csv")
    expect(note).to_have_text(
        "a.csv has no column 'text'. Name the one with the text. There are: number, body."
    )
    page.get_by_label("Columns with the text").fill("body")
    page.get_by_role("button", name="Classify the file").click()
    expect(note).to_contain_text("1 document was classified")
    expect(save).to_be_enabled()


def test_the_figures_of_the_server_come_and_go_with_their_switch(page: Page) -> None:
    switch, figures = page.get_by_label("Show figures of this server"), page.locator("#figures")
    switch.check()
    row = figures.get_by_role("row", name="Predictions")
    before = int(row.inner_text().split()[-1].replace(",", ""))
    classify(page, TEXT)
    expect(row).to_contain_text(f"{before + 1:,}")
    expect(figures.get_by_role("row", name="95% are answered within")).to_contain_text("ms")
    switch.uncheck()
    expect(figures.get_by_role("table")).to_have_count(0)


def test_the_model_is_told_of(page: Page) -> None:
    page.get_by_role("tab", name="Model").click()
    for told in ("Version v1.0.0", "Labels (3) cs.CL, cs.CV, cs.DB", "accuracy 0.900"):
        expect(page.get_by_role("row", name=told)).to_be_visible()


def test_the_keyboard_reaches_every_tab_and_says_where_it_is(page: Page) -> None:
    reached, outlines = [], []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.innerText"))
        outlines.append(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"))
    assert {"One text", "Batch", "Model"} <= set(reached)
    assert set(outlines) == {"solid"}
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title() == "classmark"


# The least ratio of contrast among what is written, and of what (WCAG 2.2, 1.4.3).
_CONTRAST = """() => {
  const parsed = (text) => {
    const [r, g, b, a] = text.match(/[\\d.]+/g).map(Number);
    const unit = text.startsWith("color(srgb") ? 1 : 255;
    return [r / unit, g / unit, b / unit, a ?? 1];
  };
  const ground = (it) => {
    for (let one = it; one; one = one.parentElement) {
      const colour = parsed(getComputedStyle(one).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [1, 1, 1, 1];
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let least = [99, ""];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const it = walker.currentNode.parentElement;
    const is_shown = walker.currentNode.data.trim() && it.checkVisibility();
    if (!is_shown || it.closest(":disabled")) continue;
    const [a, b] = [parsed(getComputedStyle(it).color), ground(it)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, `${it.tagName}: ${walker.currentNode.data.trim()}`];
  }
  return least;
}"""


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_all_that_is_written_can_be_told_from_its_ground(
    mode: Literal["light", "dark"], browser: Browser, site: Site, tmp_path: Path
) -> None:
    page = browser.new_page(color_scheme=mode)
    page.goto(f"{site.url}/ui")
    classify(page, TEXT)
    page.locator("#label h2").wait_for()
    page.get_by_label("Show figures of this server").check()
    page.locator("#figures table").wait_for()
    found = [page.evaluate(_CONTRAST)]
    batch(page, many(tmp_path))
    page.locator("#batch table").first.wait_for()
    found.append(page.evaluate(_CONTRAST))
    page.get_by_role("tab", name="Model").click()
    page.get_by_role("row", name="Version").wait_for()
    found.append(page.evaluate(_CONTRAST))
    page.close()
    assert [it for it in found if it[0] < 4.5] == []


def test_what_is_refused_before_the_page_is_told_on_it(
    browser: Browser, unsure_site: Site, tmp_path: Path
) -> None:
    page = browser.new_page()
    page.goto(f"{unsure_site.url}/ui")
    classify(page, TEXT)
    expect(page.locator("#note")).to_contain_text("ms in the model")
    classify(page, "word " * 5000)
    expect(page.get_by_role("alert")).to_contain_text("The body is larger than 20,000 bytes.")
    expect(page.locator("#note")).to_have_text("")
    batch(page, many(tmp_path))
    expect(page.locator("#batch-note")).to_contain_text(
        re.compile(r"papers\.csv has [\d,]+ bytes; 2,712 can be sent\.")
    )
    expect(page.get_by_role("alert")).to_have_text("")
    page.close()


def test_swagger_asks_nobody_else(browser: Browser, site: Site) -> None:
    page, watch = browser.new_page(), Watch()
    watch.follow(page)
    page.goto(f"{site.url}/docs")
    page.locator(".opblock-summary-control").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answer = page.locator(".live-responses-table .response")
    expect(answer.get_by_role("cell", name="200")).to_be_visible()
    page.close()
    assert watch.hosts - {None} == {"127.0.0.1"}
    assert watch.complaints == []


def test_the_root_leads_to_the_page(site: Site) -> None:
    answer = httpx.get(site.url, follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/ui/")


@pytest.mark.parametrize("path", ["/ui/", "/docs"])
def test_no_page_names_another_host(path: str, site: Site) -> None:
    answer = httpx.get(f"{site.url}{path}")
    assert answer.status_code == 200
    assert set(re.findall(r"(?:https?:)?//([\w.-]+\.[\w.:-]+)", answer.text)) <= {
        site.url.removeprefix("http://")
    }
    assert answer.headers["content-security-policy"].startswith("default-src 'self' ")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "upload"),
        *(("GET", f"file={it}") for it in ("/etc/passwd", "../classmark.db", "http://127.0.0.1/")),
        ("GET", "file/etc/passwd"),
        ("GET", "proxy=http://127.0.0.1/"),
        *(("GET", it) for it in ("info", "openapi.json", "queue/data", "upload_progress", "runs")),
        *(("POST", it) for it in ("queue/join", "call/classify", "run/classify", "cancel")),
        *(
            ("POST", it)
            for it in ("run/predict/", "process_recording", "stream/a", "component_server")
        ),
        ("GET", "run/predict"),
    ],
)
def test_no_files_and_nothing_else_are_reached_through_the_page(
    method: str, path: str, site: Site
) -> None:
    sent = {"files": ("a.csv", b"text\na\n")} if path == "upload" else None
    answer = httpx.request(method, f"{site.url}/ui/gradio_api/{path}", files=sent)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert not list(site.home.rglob("a.csv"))


@pytest.mark.parametrize("place", ["", "static/", "assets/", "gradio_api/file=", "static/js/../"])
def test_no_path_below_the_page_leads_to_a_file_of_ours(place: str, site: Site) -> None:
    at = SimpleNamespace(port=urlsplit(site.url).port)
    for trick in TRICKS:
        status, content = asked(at, "GET", f"/ui/{place}{trick}")
        assert status in {307, 400, 403, 404, 405}, (trick, status)
        assert b"root:" not in content
        assert b"SQLite format" not in content
        assert b"Traceback" not in content
