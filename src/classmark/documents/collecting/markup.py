"""XML from a service, read strictly."""

from xml.etree import ElementTree as ET
from xml.parsers import expat

from classmark.documents.collecting.source import BrokenAnswerError

_CONTROL_CHARACTERS = bytes({*range(32)} - {*b"\t\n\r"})


def checked_xml(answer: bytes) -> ET.Element:
    """The root of an XML document.

    Raises:
        BrokenAnswerError: It is not well-formed, cut short for example, or declares entities: no
            service does, and they can be made to fill all memory.
    """
    # Some abstracts hold them, and no XML may.
    answer = answer.translate(None, _CONTROL_CHARACTERS)
    try:
        _refuse_entities(answer)
        return ET.fromstring(answer)  # noqa: S314 (entities are refused above)
    except (expat.ExpatError, ET.ParseError) as error:
        raise BrokenAnswerError(f"no XML ({error})") from error


def _refuse_entities(answer: bytes) -> None:
    def refuse(name: str, *_: object) -> None:
        raise BrokenAnswerError(f"XML with an entity of its own ({name})")

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    parser.Parse(answer, True)


def text_of(element: ET.Element | None) -> str:
    """All text in an element, that of inline markup too, on one line."""
    return "" if element is None else " ".join("".join(element.itertext()).split())
