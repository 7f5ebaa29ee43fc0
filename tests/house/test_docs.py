"""Docs are tested: what they point at is there."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|^\s*\[[^\]]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|#|//", re.IGNORECASE)


def relative_links(text: str) -> Iterator[str]:
    """The paths that a Markdown text links to, without what names a place inside them."""
    for inline, reference in _LINK.findall(_CODE.sub("", text)):
        target = inline or reference
        if not _ELSEWHERE.match(target):
            yield unquote(target.partition("#")[0])


def test_every_relative_link_points_at_a_file(repository: Path) -> None:
    pages = [*repository.glob("README.md"), *sorted((repository / "docs").rglob("*.md"))]
    broken = [
        f"{page.relative_to(repository)} -> {target}"
        for page in pages
        for target in relative_links(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see [models](docs/models.md#linear) and ![it](a%20b.png 'title')", 2),
        ("[a]: ../LICENSE\n[b]: https://example.org", 1),
        ("[web](https://example.org) [mail](mailto:a@b.c) [here](#top)", 0),
        ("```\n[not](a.md)\n```\nand `[not](b.md)` but [this](c.md)", 1),
    ],
)
def test_links_are_found_in_prose_and_not_in_code(text: str, found: int) -> None:
    assert len(list(relative_links(text))) == found
