"""By which ids a record is known."""

from typing import Any

import pytest

from classmark.documents.identifiers import source_id, source_ids


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({"doi": "10.1000/ABC"}, ("doi:10.1000/abc",)),
        ({"doi": "https://doi.org/10.1000/Abc"}, ("doi:10.1000/abc",)),
        ({"doi": "http://dx.doi.org/10.1000/abc"}, ("doi:10.1000/abc",)),
        ({"doi": " DOI: 10.1000/abc "}, ("doi:10.1000/abc",)),
        ({"arxiv_id": "2401.00001v12"}, ("arxiv:2401.00001",)),
        ({"arxiv_id": "arXiv:2401.00001"}, ("arxiv:2401.00001",)),
        ({"arxiv_id": "http://arxiv.org/abs/math.GT/0309136v1"}, ("arxiv:math.GT/0309136",)),
        ({"pmid": "123"}, ("pmid:123",)),
        ({"pmid": 123}, ("pmid:123",)),
        (
            {"pmid": "123", "doi": "10.1/x", "arxiv_id": "2401.00001"},
            ("doi:10.1/x", "arxiv:2401.00001", "pmid:123"),
        ),
        ({"ids": ["doi:10.1/x", 5], "doi": "10.1/X", "pmid": 1}, ("doi:10.1/x", "pmid:1")),
        ({"doi": None, "arxiv_id": ["2401.00001"], "pmid": "", "ids": "doi:10.1/x"}, ()),
        ({"pmid": True, "id": "7"}, ()),
        ({}, ()),
    ],
)
def test_every_id_is_read_with_its_kind(values: dict[str, Any], ids: tuple[str, ...]) -> None:
    assert source_ids(values) == ids


def test_the_source_s_own_id_stays_as_it_is() -> None:
    assert source_id({"doi": "10.1/X", "arxiv_id": "2401.00001v2"}) == "2401.00001v2"
    assert source_id({"doi": "10.1/X"}) == "10.1/X"
    assert source_id({"text": "word"}) == ""
