"""XML is read strictly, and nothing in it can hurt."""

import pytest

from classmark.documents.collecting.markup import checked_xml, text_of
from classmark.documents.collecting.source import BrokenAnswerError

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]>
<a>&y;</a>"""
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'


def test_the_document_type_of_pubmed_is_no_harm() -> None:
    root = checked_xml(
        b'<?xml version="1.0" ?><!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD X//EN" '
        b'"https://dtd.nlm.nih.gov/x.dtd"><PubmedArticleSet/>'
    )
    assert root.tag == "PubmedArticleSet"


@pytest.mark.parametrize(
    "answer",
    [BOMB, OUTSIDE, b"", b"<a>", b"<a>" * 2, b"no XML", b"<a>&nbsp;</a>", b"\xff\xfe", b"<a/><b/>"],
)
def test_what_is_cut_short_or_declares_entities_is_broken(answer: bytes) -> None:
    with pytest.raises(BrokenAnswerError):
        checked_xml(answer)


def test_the_text_of_inline_markup_is_kept() -> None:
    root = checked_xml("<t>10<sup>3</sup> of <i>E.\n  coli</i> &amp; é</t>".encode())
    assert text_of(root) == "103 of E. coli & é"
    assert text_of(None) == ""
