"""The page: everything in one file, nothing from outside, and nothing in it that runs."""

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from classmark.datasets import (
    Dataset,
    Profile,
    Subject,
    check_profile_folder,
    profile_dataset,
    profile_documents,
    write_profile,
)
from classmark.documents import Document
from classmark.errors import SettingError

Make = Callable[..., list[Document]]
FILES = {"profile.html", "classes.png", "lengths.png", "class_lengths.png", "timeline.png"}
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)> & \"quotes' {{ 7 * 7 }}"
# Written without their end.
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """What stands in a page: its elements, their attributes and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == attribute]


def page_at(path: Path) -> Page:
    page = Page(path.read_text("utf-8"))
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def everything() -> Profile:
    """A file with something to show in each section."""
    rows = [
        Document(
            id=f"{label}-{number}",
            text=f"{label} {'words ' * number} number{number} <b>bold</b>",
            label=label,
            title=f"Title {number // 2}",
            published=f"202{number % 4}-01-01" if number % 3 else "yesterday",
            labels=(label, "all"),
        )
        for label in ("db", "ai")
        for number in range(20)
    ]
    rows.append(Document("alone", "x" * 100))
    profile = profile_documents(rows, Subject("shelves", "papers.jsonl"))
    return replace(profile, languages={"English": 30, "German": 1})


@pytest.fixture(scope="module")
def page(everything: Profile, now: datetime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_profile(everything, tmp_path_factory.mktemp("reports") / "p", made_at=now)


def test_a_profile_is_a_page_with_its_plots_beside_it(page: Path) -> None:
    assert page.name == "profile.html"
    assert {path.name for path in page.parent.iterdir()} == FILES


def test_the_page_holds_the_plots_that_stand_beside_it(page: Path) -> None:
    inside = page_at(page).values("src")
    assert len(inside) == 4
    beside = {path.read_bytes() for path in page.parent.glob("*.png")}
    assert {base64.b64decode(value.partition(",")[2]) for value in inside} == beside


def test_every_picture_says_what_it_shows(page: Path, everything: Profile) -> None:
    alts = page_at(page).values("alt")
    assert len(alts) == 4
    assert f"all {len(everything.classes[0].label) and 40}, ai 20, db 20" in alts[0]


def test_every_table_has_a_caption_and_named_columns(page: Path) -> None:
    found = page_at(page)
    tables = found.elements.count("table")
    assert tables >= 8
    assert found.elements.count("caption") == found.elements.count("thead") == tables
    scopes = [value for tag, name, value in found.attributes if (tag, name) == ("th", "scope")]
    assert found.elements.count("th") == len(scopes)


def test_the_page_tells_what_was_found(page: Path) -> None:
    text = page_at(page).text
    for told in (
        "Profile of shelves",
        "41 documents from papers.jsonl, looked at 2024-05-06T07:08:09+00:00",
        "Documents without a label: 1.",
        "Classes that go together most often",
        "Labels of a document",
        "same title",
        "Title 3",
        "date that can be read",
        "German",
        "Texts with HTML markup or entities: 40",
    ):
        assert told in text


def test_the_page_of_a_dataset_tells_its_parts_and_what_was_dropped(
    dataset: Dataset, now: datetime, tmp_path: Path
) -> None:
    text = page_at(write_profile(profile_dataset(dataset), tmp_path / "p", made_at=now)).text
    assert "Parts: train 24, val 3, test 3." in text
    assert "its source had 33 documents" in text
    assert "too_short" in text


def test_every_link_leads_to_a_place_in_the_page(page: Path) -> None:
    found = page_at(page)
    links = found.values("href")
    assert len(links) == 8
    assert {link.removeprefix("#") for link in links} <= set(found.values("id"))


def test_the_page_asks_nothing_of_the_outside(page: Path) -> None:
    source = page.read_text("utf-8")
    found = Page(source)
    assert all(value.startswith("data:image/png;base64,") for value in found.values("src"))
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(found.elements)
    assert re.findall(r"https?:|@import|url\(|//\w", re.sub(r"base64,[^\"]+", "", source)) == []


def test_markup_in_documents_is_shown_and_not_run(now: datetime, tmp_path: Path) -> None:
    rows = [
        Document(f"{MARKUP}{n}", f"{MARKUP} {n}", MARKUP, MARKUP, (MARKUP,), labels=(MARKUP, "b"))
        for n in range(3)
    ]
    subject = Subject(MARKUP, MARKUP, 3, {MARKUP: 1})
    found = page_at(write_profile(profile_documents(rows, subject), tmp_path / "p", made_at=now))
    assert not {"script", "b"} & set(found.elements)
    assert found.elements.count("img") == 3
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert found.text.count(MARKUP) > 10
    assert "49" not in found.text


def test_a_file_without_labels_has_a_page_that_says_so(now: datetime, tmp_path: Path) -> None:
    rows = [Document(str(number), f"text {number}") for number in range(9)]
    path = write_profile(profile_documents(rows, Subject("x", "")), tmp_path / "p", made_at=now)
    text = page_at(path).text
    assert "No document has a label." in text
    assert "Without a label" in text
    assert "No document has a date that can be read." in text
    assert {one.name for one in path.parent.iterdir()} == {"profile.html", "lengths.png"}


def test_of_hundreds_of_classes_the_page_says_which_it_leaves_out(
    now: datetime, tmp_path: Path
) -> None:
    rows = [Document(str(number), "text", f"class {number:03}") for number in range(250)]
    path = write_profile(profile_documents(rows, Subject("x", "")), tmp_path / "p", made_at=now)
    text = page_at(path).text
    assert "of the 30 largest of 250 classes; the table lists the 200 largest." in text
    assert "class 199" in text
    assert "class 200" not in text


def test_nothing_at_all_has_a_page(now: datetime, tmp_path: Path) -> None:
    path = write_profile(profile_documents([], Subject("x", "")), tmp_path / "p", made_at=now)
    assert "0 documents" in page_at(path).text


def test_a_newer_profile_takes_the_place_of_the_older_and_touches_nothing_else(
    everything: Profile, now: datetime, tmp_path: Path
) -> None:
    write_profile(everything, tmp_path, made_at=now)
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    (tmp_path / "deeper").mkdir()
    plain = profile_documents([Document("1", "text")], Subject("newer", ""))
    page = write_profile(plain, tmp_path, made_at=now)
    assert "Profile of newer" in page_at(page).text
    assert (tmp_path / "notes.txt").read_text("utf-8") == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {
        *("profile.html", "lengths.png", "notes.txt", "deeper")
    }


@pytest.mark.parametrize("name", sorted(FILES))
def test_somebody_else_s_file_of_that_name_is_left_alone(
    name: str, everything: Profile, now: datetime, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("mine", "utf-8")
    with pytest.raises(SettingError, match=f"{name} is there already"):
        write_profile(everything, tmp_path, made_at=now)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text("utf-8") == "mine"


def test_a_folder_with_other_files_may_take_a_profile(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    check_profile_folder(tmp_path)
    check_profile_folder(tmp_path / "new")
