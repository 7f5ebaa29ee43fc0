"""Personal data in texts, replaced before anything is stored."""

import re

# Every repetition is bounded or possessive, and a run is begun at its beginning alone: no text
# costs quadratic time.
_QUERY = r"""[^\s<>"?]*+\?[^\s<>"]*+"""
_URL = re.compile(
    rf"\b(?:(?:https?|ftp)://|www\.){_QUERY}"
    # x.org/reset?token=1
    rf"|(?<![\w.@/-])(?:[\w-]{{1,63}}\.){{1,5}}[^\W\d_]{{2,24}}/{_QUERY}",
    re.IGNORECASE,
)
_DOMAIN = r"(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}\b"
_LOCAL = r"[\w.%+'\\-]"
# {ann, bob}@example.org stands for two addresses; what follows an address directly is one, too.
_EMAIL = re.compile(
    rf"(?:\{{[^{{}}@]{{1,200}}\}}|(?<!{_LOCAL}){_LOCAL}++)@{_DOMAIN}(?:{_LOCAL}*@{_DOMAIN})*+"
)
_DATE = r"\d{1,2}[ /.-]\d{1,2}[ /.-]\d{4}\b|\d\d/\d{4}"
_BETWEEN = r"[ ./()-]"
_NUMBERS = (
    # +44 20 7946 0958, 0049 (0)30 123456, +14155550132: nine digits at least
    rf"(?:\+|00)(?=[\d ./()-]*\d{_BETWEEN}|\d{{10}})[1-9](?:{_BETWEEN}{{0,3}}\d){{8,14}}",
    # (415) 555-0132, 415.555.0132, 1-800-555-0199, 415-555-0132x12
    r"(?:1[ .-])?(?:\(\d{3}\)[ -]?|\d{3}[.-])\d{3}[ .-]\d{4}(?: ?(?:x|ext\.?) ?\d{1,5})?",
    # 030/123 456, (030) 123456, 0171-5550123; no date
    rf"(?:\(0\d{{1,4}}\)[ ./-]{{0,3}}|(?!{_DATE})0\d{{1,4}} ?[/-] ?)(?:\d[ -]?){{5,10}}\d",
    # 0800 1234567
    r"0\d{2,4} \d{5,9}",
    # 06 12 34 56 78, 06.12.34.56.78
    r"0\d(?:([ .])\d\d)(?:\1\d\d){3}",
)
_PHONE = re.compile(
    # Not in a number, a path or a range; the second of two numbers may stand behind the first.
    rf"(?<![\w,/+-])(?<!\d[.:])(?<!ISBN[ :])(?:(?:{'|'.join(_NUMBERS)})(?![\w-]|[.,]\d))++"
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
    if "?" in text:
        text = _URL.sub("[URL]", text)
    if "@" in text:
        text = _EMAIL.sub("[EMAIL]", text)
    return _PHONE.sub("[PHONE]", text)
