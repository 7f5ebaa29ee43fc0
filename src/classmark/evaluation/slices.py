"""Where it is better and where worse: accuracy by length, year and source of the documents."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from classmark.documents import Document
from classmark.evaluation.intervals import Estimate, proportion
from classmark.evaluation.significance import SIGNIFICANCE, fisher, holm

_QUARTERS = (0.25, 0.5, 0.75)
# So many slices of years there are at most: the newest one by one, all before them together.
_YEARS = 10
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d(?!\d)")
_SOURCES = {"arxiv": "arXiv", "pmid": "PubMed", "doi": "DOI"}


class SliceKind(StrEnum):
    """By what documents are told apart."""

    LENGTH = "length"
    YEAR = "year"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Slice:
    """The documents that have something in common, beside all others of which it is known.

    Attributes:
        kind: By what they are told apart.
        name: What they have in common, as "52 to 118 words".
        rows: Which they are.
        accuracy: The share of right answers.
        rest: The same share among the others.
        p_value: That a difference like this or larger comes from chance (Fisher's exact test), as
            it counts among all slices (Holm 1979).
    """

    kind: SliceKind
    name: str
    rows: tuple[int, ...]
    accuracy: Estimate
    rest: Estimate
    p_value: float

    @property
    def is_worse(self) -> bool:
        """Whether fewer answers are right than elsewhere, and that is more than chance."""
        return self.p_value < SIGNIFICANCE and self.accuracy.value < self.rest.value


def slices_of(documents: Sequence[Document], right: NDArray[np.bool_]) -> tuple[Slice, ...]:
    """The slices of some documents, by kind; a kind that tells none apart is left out.

    Args:
        documents: That were asked.
        right: Whether each answer is, shape (documents,).
    """
    groups = {
        SliceKind.LENGTH: _by_length([word_count(document) for document in documents]),
        SliceKind.YEAR: _by_year([year_of(document) for document in documents]),
        SliceKind.SOURCE: _named([source_of(document) for document in documents]),
    }
    found = [one for kind, named in groups.items() for one in _slices(kind, named, right)]
    adjusted = holm([one.p_value for one in found])
    return tuple(replace(one, p_value=p) for one, p in zip(found, adjusted, strict=True))


def word_count(document: Document) -> int:
    """How many words a document has, told apart by white space."""
    return len(document.text.split())


def year_of(document: Document) -> str | None:
    """The year in which a document was published; None where no date tells it."""
    found = _YEAR.search(document.published or "")
    return found.group() if found else None


def source_of(document: Document) -> str | None:
    """Whose id a document goes by; None where no id of another source is known."""
    kinds = {bare: kind for kind, _, bare in (name.partition(":") for name in document.ids)}
    if not kinds:
        return None
    own = re.sub(r"v\d+$", "", document.id)
    return _SOURCES.get(kinds.get(own, ""), "other sources")


def _slices(
    kind: SliceKind, named: Mapping[str, Sequence[int]], right: NDArray[np.bool_]
) -> Iterator[Slice]:
    """The slices of one kind; their p-values count each for itself."""
    if len(named) < 2:
        return
    all_rows = sum(map(len, named.values()))
    all_right = sum(int(right[list(rows)].sum()) for rows in named.values())
    for name, rows in named.items():
        here = int(right[list(rows)].sum())
        others, elsewhere = all_rows - len(rows), all_right - here
        yield Slice(
            kind=kind,
            name=name,
            rows=tuple(rows),
            accuracy=proportion(here, len(rows)),
            rest=proportion(elsewhere, others),
            p_value=fisher(here, len(rows), elsewhere, others),
        )


def _by_length(lengths: Sequence[int]) -> dict[str, list[int]]:
    """Rows by quarter of the lengths, the shortest first; texts as long as each other together."""
    found = np.array(lengths)
    edges = np.unique(np.quantile(found, _QUARTERS, method="higher"))
    quarters = np.searchsorted(edges, found, side="left")
    named = {}
    for quarter in np.unique(quarters):
        rows = np.flatnonzero(quarters == quarter)
        low, high = int(found[rows].min()), int(found[rows].max())
        span = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        named[f"{span} words"] = rows.tolist()
    return named


def _by_year(years: Sequence[str | None]) -> dict[str, list[int]]:
    """Rows by year, the oldest first."""
    known = sorted({year for year in years if year})
    if len(known) <= _YEARS:
        return _named(years)
    first = known[-_YEARS + 1]
    before = f"before {first}"
    return _named([before if year and year < first else year for year in years], first=before)


def _named(names: Iterable[str | None], first: str = "") -> dict[str, list[int]]:
    """Rows by name, in the order of the names but for the one that comes first."""
    named: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name is not None:
            named.setdefault(name, []).append(row)
    return {name: named[name] for name in sorted(named, key=lambda name: (name != first, name))}
