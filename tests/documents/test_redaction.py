"""Personal data is replaced, and what merely looks like it is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.documents import DEFAULT_STEPS, REDACTION, clean, redact


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Write to ann.smith+x@mail.example.co.uk.", "Write to [EMAIL]."),
        ("müller@uni-köln.de, ANN@EXAMPLE.ORG", "[EMAIL], [EMAIL]"),
        ("{ann, bob}@cs.example.edu wrote", "[EMAIL] wrote"),
        ("mailto:ann@example.org?subject=x", "mailto:[EMAIL]?subject=x"),
        ("+44 20 7946 0958", "[PHONE]"),
        ("0049 (0)30 123456", "[PHONE]"),
        ("+1-415-555-0132 or (415) 555-0132 or 415.555.0132", "[PHONE] or [PHONE] or [PHONE]"),
        ("Tel. 030/1234567, 0171-5550123", "Tel. [PHONE], [PHONE]"),
        ("see https://a.org/x?user=7&b=c now", "see [URL] now"),
        ("a.org/reset?token=abc", "[URL]"),
        ("Tel:+49 30 123456, Phone:415-555-0132", "Tel:[PHONE], Phone:[PHONE]"),
        ("1-800-555-0199 or 415-555-0132x12", "[PHONE] or [PHONE]"),
        ("(020) 7946 0958, 06.12.34.56.78, 0800 1234567", "[PHONE], [PHONE], [PHONE]"),
        ("+44 20 7946 0958+44 20 7946 0959", "[PHONE]"),
        ("o'brien@a.org, " + "x" * 80 + "@a.org", "[EMAIL], [EMAIL]"),
        ("www.a.org/?q", "[URL]"),
        ("(http://ann@a.org/x?t=1)", "([URL]"),
    ],
)
def test_personal_data_is_replaced(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "https://a.org/x/y.html and www.a.org",
        "arXiv:1602.03480, 1602.03480v2, cs/0101001",
        "10,000,000 rows, 0.001 0.002, 3.14159265358979",
        "2016-03-12, 12.03.2016, 05-06-2016, 05/06/2016, 2015-2016",
        "ISBN 978-3-16-148410-0, DOI 10.1000/182.123.4567",
        "sizes 128 256 1024, +10 000 000, position +1234567, 01/2019-12/2020, ISBN 0306-40615-2",
        "What is this? A test/path of x.y/z.",
        "precision@10, x @ y, @ann, a@b",
        "1000 2000 3000, 640x480, 192.168.0.1, 0 1 2 3 4 5 6 7",
        "",
    ],
)
def test_what_merely_looks_like_it_is_left(text: str) -> None:
    assert redact(text) == text


pieces = st.lists(
    st.sampled_from(
        [
            *("a@b.org", "+44 20 7946 0958", "http://a.b/?c", "$", "{", "}", "@", "?", " ", "0"),
            *("-", "[", "]", ".", "555-0132", "(415)", "www.", "\\emph", "é", "!!", "x"),
        ]
    ),
    max_size=14,
)


@given(pieces.map("".join))
def test_to_redact_twice_is_to_redact_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(pieces.map("".join))
def test_cleaning_with_redaction_is_idempotent(text: str) -> None:
    steps = (REDACTION, *DEFAULT_STEPS)
    assert clean(clean(text, steps), steps) == clean(text, steps)


@pytest.mark.parametrize(
    "piece",
    ["a@", "a.", "http://", "{a", "0 ", "+1", "(415) ", "a@b.", "+44 20 7946 0958", "x@a.b.c.de"],
)
def test_long_texts_of_beginnings_are_done_with_soon(piece: str) -> None:
    # A pattern that tries again from every place would take minutes, beyond any test's limit.
    assert len(redact(piece * 200_000)) > 0
