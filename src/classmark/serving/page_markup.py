"""Tables and bars of the web page: text that a browser lays out, and any reader can read out."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

# Colours are the theme's, so that both of its modes can be read.
STYLE = """
.told h1 { margin: 0 0 0.5rem; }
.told p { margin: 0.3rem 0; }
.told .problem { font-weight: 600; }
#refusal:not(:empty) {
  border: 2px solid var(--error-border-color, #b91c1c); padding: 0.5rem 0.8rem;
}
.told table, .told tr { border: 0 !important; }
.told table { border-collapse: collapse; width: 100%; margin: 0 0 1rem; }
.told caption { text-align: left; font-weight: 600; padding: 0.5rem 0; }
.told th, .told td {
  border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important;
  padding: 0.35rem 1rem 0.35rem 0 !important; text-align: left; vertical-align: top;
  overflow-wrap: anywhere;
}
.told .facts th { width: 16rem; font-weight: 400; }
.told .scrolls { overflow-x: auto; }
.told .scrolls th { white-space: nowrap; }
.told .scrolls td.long { min-width: 14rem; }
.told .pair { display: flex; flex-wrap: wrap; gap: 0 2rem; }
.told .pair > div { flex: 1 1 18rem; min-width: 0; }
.told .bars { table-layout: fixed; }
.told .bars th { width: 30%; font-weight: 400; }
.told .bars td:last-child {
  width: 7.5rem; text-align: right; padding-right: 0 !important; white-space: nowrap;
}
.told .bar { background: var(--primary-600); height: 1.2rem; }
#picker label { display: block; margin-bottom: 0.5rem; }
#picker input { max-width: 100%; }
button[role="tab"][aria-selected="true"] { color: var(--primary-700) !important; }
.dark button[role="tab"][aria-selected="true"] { color: var(--primary-300) !important; }
button:focus-visible, input:focus-visible, textarea:focus-visible, [tabindex="0"]:focus-visible {
  outline: 3px solid var(--primary-600) !important; outline-offset: 2px;
}
@media (max-width: 600px) { .told .facts th { width: 45%; } .told .bars th { width: 35%; } }
"""
_LONG_CHARACTERS = 30


def paragraphs(lines: Iterable[str]) -> str:
    """Each line a paragraph, as it is written."""
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def problem(sentence: str) -> str:
    """What went wrong."""
    return f'<p class="problem">{escape(sentence)}</p>'


def facts(caption: str, rows: Mapping[str, str]) -> str:
    """Names and what is so."""
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(fact)}</td></tr>'
        for name, fact in rows.items()
    )
    return f'<table class="facts"><caption>{escape(caption)}</caption>{lines}</table>'


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows below headings; what is wider than the page can be scrolled, by keyboard too."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in headings)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="scrolls" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def bars(caption: str, counts: Mapping[str, int]) -> str:
    """How many of each, as bars with their numbers; the longest fills its column."""
    most, total = max(counts.values(), default=0) or 1, sum(counts.values()) or 1
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        f'<td><div class="bar" style="width: {100 * count / most:.1f}%"></div></td>'
        f"<td>{count:,} ({count / total:.1%})</td></tr>"
        for name, count in counts.items()
    )
    return f'<table class="bars"><caption>{escape(caption)}</caption>{lines}</table>'


def _cell(text: str) -> str:
    kind = ' class="long"' if len(text) > _LONG_CHARACTERS else ""
    return f"<td{kind}>{escape(text)}</td>"
