"""Personal data in texts, replaced before anything is stored."""

import re

# Every repetition is bounded or consumes what it has read: no text costs quadratic time.
URL = re.compile(r"\b(?:https?|ftp)://[^\s<>\"']+|\bwww\.[^\s<>\"']+", re.IGNORECASE)
_DOMAIN = r"(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}\b"
# {ann, bob}@example.org stands for two addresses.
_EMAIL = re.compile(rf"(?:\{{[^{{}}@]{{1,200}}\}}|(?<![\w.%+-])[\w.%+-]{{1,64}})@{_DOMAIN}")
_DATE = r"\d{1,2}[ /.-]\d{1,2}[ /.-]\d{4}\b"
_PHONE = re.compile(
    r"(?<![\w.,:/+-])(?:"
    # +44 20 7946 0958, 0049 (0)30 123456
    r"(?:\+|00)[1-9]\d{0,2}(?:[ ./()-]{0,2}\d){6,13}"
    # (415) 555-0132, 415.555.0132
    r"|(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}"
    # 030/123 456, 0171-5550123; no date
    rf"|(?!{_DATE})0\d{{1,4}}[ /-](?:\d[ -]?){{5,10}}\d"
    r")(?![\w-]|[.,]\d)"
)


def redact(text: str) -> str:
    """The text with e-mail addresses, phone numbers and URLs that have a query replaced.

    In their places stand `[EMAIL]`, `[PHONE]` and `[URL]`. Numbers are taken for phone numbers by
    their form: international, North American, or national with a leading zero. Names of people
    are not looked for.
    """
    while (redacted := _redacted_once(text)) != text:
        # What stood beside a number may have hidden the next one.
        text = redacted
    return text


def _redacted_once(text: str) -> str:
    text = URL.sub(lambda found: "[URL]" if "?" in found[0] else found[0], text)
    if "@" in text:
        text = _EMAIL.sub("[EMAIL]", text)
    return _PHONE.sub("[PHONE]", text)
