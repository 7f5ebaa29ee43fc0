"""One paper from several services becomes one paper with all its ids."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace

from classmark.documents.collecting.paper import Paper
from classmark.documents.disjoint_sets import DisjointSets

_NOT_A_LETTER = re.compile(r"[\W_]+")
# Shorter titles ("Editorial", "Introduction") stand for many papers.
_LEAST_TITLE_WORDS = 4
# An id's kind, and the field that holds it.
_IDS = {"doi": "doi", "arxiv": "arxiv_id", "pmid": "pmid"}
# arXiv's own DOIs are its ids over again.
_PREPRINT = "10.48550/arxiv."
_OF_ONE_SOURCE = {
    *("source", "source_id", "title", "version"),
    *("categories", "primary_category", "doi", "ids"),
}


def merged(papers: Iterable[Paper]) -> list[Paper]:
    """The papers, those that are the same joined; sorted, so that their order plays no part.

    Papers are the same if they share a DOI, an arXiv id or a PMID, or if title (of four words at
    least), first author's family name and year agree and no id of theirs contradicts. Being the
    same is carried on: what two papers share with a third makes them one.
    """
    ordered = sorted(papers, key=_rank)
    sets = DisjointSets(len(ordered))
    _join_by_ids(sets, ordered)
    _join_by_title(sets, ordered)
    return [_joined([ordered[i] for i in members]) for members in _members(sets)]


def _rank(paper: Paper) -> tuple[str, ...]:
    """An order that every set of papers has but one."""
    return (*(str(getattr(paper, field.name)) for field in fields(paper)),)


def _id_marks(paper: Paper) -> Iterator[tuple[str, str]]:
    """By which ids a paper is known, with their kinds."""
    for kind, field in _IDS.items():
        value = getattr(paper, field)
        if value.startswith(_PREPRINT):
            yield "arxiv", value.removeprefix(_PREPRINT)
        elif value:
            yield kind, value


def _title_mark(paper: Paper) -> tuple[str, str, str] | None:
    title = _letters(paper.title)
    if len(title.split()) < _LEAST_TITLE_WORDS or not paper.authors or not paper.published[:4]:
        return None
    return title, _family_name(paper.authors[0]), paper.published[:4]


def _family_name(author: str) -> str:
    """The family name of "Ada Lovelace", "Lovelace, Ada" and "Lovelace A"."""
    if "," in author:
        return _letters(author.partition(",")[0])
    words = author.split()
    while len(words) > 1 and len(words[-1].strip(".")) <= 2 and words[-1].isupper():
        words.pop()
    return _letters(words[-1]) if words else ""


def _letters(text: str) -> str:
    """The text's words in lower case, without accents and punctuation."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _NOT_A_LETTER.sub(" ", bare).strip()


def _members(sets: DisjointSets) -> list[list[int]]:
    """The papers of each set, sets and papers in their order."""
    found: dict[int, list[int]] = defaultdict(list)
    for one, lowest in enumerate(sets.lowest().tolist()):
        found[lowest].append(one)
    return list(found.values())


def _join_by_ids(sets: DisjointSets, papers: Sequence[Paper]) -> None:
    first: dict[tuple[str, str], int] = {}
    for place, paper in enumerate(papers):
        for mark in (*_id_marks(paper), (paper.source, paper.source_id)):
            sets.unite(first.setdefault(mark, place), place)


def _join_by_title(sets: DisjointSets, papers: Sequence[Paper]) -> None:
    """Unite the sets of equal title, author and year, unless ids of one kind differ in them."""
    by_title: dict[tuple[str, str, str], list[list[int]]] = defaultdict(list)
    for members in _members(sets):
        for mark in sorted({mark for i in members if (mark := _title_mark(papers[i]))}):
            by_title[mark].append(members)
    for alike in by_title.values():
        everything = [papers[i] for members in alike for i in members]
        if not _contradict(everything):
            for members in alike[1:]:
                sets.unite(alike[0][0], members[0])


def _contradict(papers: Sequence[Paper]) -> bool:
    """Whether their ids say that they differ; a source has but one id of its own for a paper."""
    own = {(paper.source, paper.source_id) for paper in papers}
    marks = {mark for paper in papers for mark in _id_marks(paper)}
    return any(len({kind for kind, _ in several}) < len(several) for several in (own, marks))


def _joined(papers: Sequence[Paper]) -> Paper:
    """One paper that has of each field the fullest value, the newest version's first.

    Its categories are those of one source: arXiv's where it has them, for only arXiv has versions.
    """
    if len(papers) == 1:
        return papers[0]
    newest = sorted(papers, key=lambda paper: -paper.version)
    best = {
        field.name: max((getattr(paper, field.name) for paper in newest), key=_fullness)
        for field in fields(Paper)
        if field.name not in _OF_ONE_SOURCE
    }
    labelled = next((paper for paper in newest if paper.categories), newest[0])
    best |= {name: getattr(labelled, name) for name in ("categories", "primary_category")}
    ids = sorted({f"{kind}:{value}" for paper in papers for kind, value in _id_marks(paper)})
    # The journal's before arXiv's own, and any before none.
    doi = min((p.doi for p in papers), key=lambda d: (not d, d.startswith(_PREPRINT), -len(d), d))
    sources = "+".join(sorted({part for paper in papers for part in paper.source.split("+")}))
    return replace(newest[0], **best, doi=doi, ids=tuple(ids), source=sources)


def _fullness(value: object) -> tuple[bool, int]:
    """Something before nothing, then the longer or larger one."""
    if isinstance(value, int):
        return True, value
    return bool(value), len(value) if isinstance(value, str | tuple) else 0
