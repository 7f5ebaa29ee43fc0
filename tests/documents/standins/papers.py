"""The papers that the stand-ins know: made up, the same ones in every run, or read from a file."""

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from classmark.documents import sample_documents

FIRST_DAY = datetime(2015, 1, 1, tzinfo=UTC)
# So that 450 papers are published a month.
_MINUTES_BETWEEN = 97
_GIVEN = ("Ada", "Bo", "Chiara", "Dmitri", "Élodie", "Farid", "Grace", "Hiro", "Inês", "Jo-Ann")
_FAMILY = ("Abe", "Brandt", "Cho", "D'Arcy", "El Amrani", "García", "Hsu", "Ito", "Kowalski", "Öz")
_WORDS_OF_A_TITLE = 7


@dataclass(frozen=True, slots=True)
class KnownPaper:
    """A paper, and which of the services know it under which id.

    Attributes:
        number: From 0; most properties follow from it.
        versions: Those that arXiv lists, each as an entry of its own.
        authors: Given and family name of each.
    """

    number: int
    title: str
    abstract: str
    authors: tuple[tuple[str, str], ...]
    categories: tuple[str, ...]
    published: datetime
    updated: datetime
    arxiv_id: str | None
    versions: tuple[int, ...]
    pmid: str | None
    paper_id: str | None
    doi: str | None
    comment: str | None
    journal: str | None

    @property
    def words(self) -> str:
        """What a search looks at."""
        return f"{self.title} {self.abstract}".lower()


def made_up_papers(count: int) -> Iterator[KnownPaper]:
    """So many papers; with a larger count the first ones are the same.

    Of ten papers nine are on arXiv, of three one is in PubMed, of two one in Semantic Scholar.
    """
    samples: dict[str, list[Any]] = {}
    for document in sample_documents():
        samples.setdefault(document.label or "", []).append(document)
    labels = sorted(samples)
    sentences = {
        label: [s for document in samples[label] for s in document.text.split(". ") if s]
        for label in labels
    }
    words = {
        label: sorted({w for d in samples[label] for w in d.title.split() if w.isalpha()})
        for label in labels
    }
    for number in range(count):
        label = labels[number % len(labels)]
        chance = random.Random(number)  # noqa: S311 (nothing secret)
        title = " ".join(chance.choices(words[label], k=_WORDS_OF_A_TITLE))
        abstract = ". ".join(s.rstrip(".") for s in chance.sample(sentences[label], 6)) + "."
        categories = (label, *sorted({chance.choice(labels)} - {label}))
        yield _made_up(number, (title, abstract), categories)


def _made_up(number: int, text: tuple[str, str], categories: tuple[str, ...]) -> KnownPaper:
    published = FIRST_DAY + timedelta(minutes=_MINUTES_BETWEEN * number)
    versions = (1, 2) if number % 50 == 7 else (2,) if number % 7 == 0 else (1,)
    asks = f" Write to author{number}@example.org or see https://example.org/it?paper={number}."
    return KnownPaper(
        number=number,
        title=text[0],
        abstract=text[1] + (asks if number % 13 == 0 else ""),
        authors=_names(number),
        categories=categories,
        published=published,
        updated=published + timedelta(days=40 * (versions[-1] - 1)),
        arxiv_id=_arxiv_id(number, published) if number % 10 != 9 else None,
        versions=versions,
        pmid=str(30_000_000 + number) if number % 3 == 0 or number % 10 == 9 else None,
        paper_id=_paper_id(number) if number % 2 == 0 else None,
        doi=f"10.5555/StandIn.{number}" if number % 2 == 0 else None,
        comment=f"{5 + number % 20} pages, 3 figures" if number % 3 else None,
        journal=f"J. Stand. {number % 30} (2015) 1-9" if number % 4 == 0 else None,
    )


def _names(number: int) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_GIVEN[(number + nth) % 10], _FAMILY[(number // 10 + 3 * nth) % 10])
        for nth in range(1 + number % 4)
    )


def _arxiv_id(number: int, published: datetime) -> str:
    if number % 40 == 0:
        return f"cs/{published:%y%m}{number % 1000:03d}"
    return f"{published:%y%m}.{number:05d}"


def _paper_id(number: int) -> str:
    """40 hexadecimal digits in no order that papers have elsewhere."""
    return f"{random.Random(-1 - number).getrandbits(160):040x}"  # noqa: S311 (nothing secret)


def read_papers(path: Path) -> Iterator[KnownPaper]:
    """The papers of a file of arXiv's metadata, one JSON object a line, with or without gzip."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            yield _read(number, json.loads(line))


def _read(number: int, record: dict[str, Any]) -> KnownPaper:
    published = _moment(record["published"])
    updated = _moment(record.get("updated") or record["published"])
    primary = record["primary_category"]
    others = [name for name in record["categories"] if name != primary]
    return KnownPaper(
        number=number,
        title=record["title"],
        abstract=record["abstract"],
        authors=tuple(_split(name) for name in record.get("authors") or ()),
        categories=(primary, *others),
        published=published,
        updated=updated,
        arxiv_id=record["arxiv_id"],
        versions=(2 if updated > published else 1,),
        pmid=str(30_000_000 + number) if number % 3 == 0 else None,
        paper_id=_paper_id(number) if number % 2 == 0 else None,
        doi=record.get("doi"),
        comment=record.get("comment"),
        journal=record.get("journal_ref"),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _split(name: str) -> tuple[str, str]:
    given, _, family = name.rpartition(" ")
    return given, family
