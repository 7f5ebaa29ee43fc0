"""By which ids a record is known: its source's own, and those of DOI, arXiv and PubMed."""

import re
from collections.abc import Mapping
from typing import Any

_ID_FIELDS = ("source_id", "arxiv_id", "id", "pmid", "paper_id", "doi")
_KINDS = {"doi": "doi", "arxiv": "arxiv_id", "pmid": "pmid"}
# What people write around a DOI or an arXiv id.
_AROUND = re.compile(
    r"^(https?://(dx\.)?doi\.org/|https?://arxiv\.org/(abs|pdf)/|(doi|arxiv|pmid):\s*)",
    re.IGNORECASE,
)
_ARXIV_VERSION = re.compile(r"v\d+$")


def source_id(values: Mapping[str, Any]) -> str:
    """The first id field of a record that holds one; empty where none does."""
    for field in _ID_FIELDS:
        if found := _text(values.get(field)):
            return found
    return ""


def source_ids(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Each id with its kind, as `doi:10.1000/182`, so that sources can be compared by them.

    A DOI has no case and no address, an arXiv id no version.
    """
    listed = values.get("ids")
    kept = [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    for kind, field in _KINDS.items():
        if text := _text(values.get(field)):
            kept.append(f"{kind}:{bare_id(kind, text)}")
    return tuple(dict.fromkeys(kept))


def bare_id(kind: str, text: str) -> str:
    """An id of a kind (`doi`, `arxiv`, `pmid`) without what people write around it."""
    bare = _AROUND.sub("", text)
    if kind == "doi":
        return bare.lower()
    return _ARXIV_VERSION.sub("", bare) if kind == "arxiv" else bare


def _text(value: object) -> str:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value).strip()
    return ""
