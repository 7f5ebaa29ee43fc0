"""Names that people give: safe as a file's name, in a URL and in a reference."""

import re

from classmark.errors import SettingError

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]|[._](?![._])){0,62}(?<![._])")
# A version is written <model>_vX.Y.Z, so that no model's own name may end like one.
_LOOKS_LIKE_A_VERSION = re.compile(r"_v\d+\.\d+\.\d+$")


def is_name(name: str) -> bool:
    """Whether a model or a dataset may be called so."""
    return bool(_NAME.fullmatch(name)) and not _LOOKS_LIKE_A_VERSION.search(name)


def checked_name(name: str, *, of: str) -> str:
    """The name itself, if it can be one.

    Args:
        name: What was given.
        of: What it names, for the message: "model", "dataset".

    Raises:
        SettingError: It has other characters than letters, digits, `.`, `_` and `-`, is longer than
            63 characters, or ends like a version.
    """
    if is_name(name):
        return name
    raise SettingError(
        f"{name!r} can't be the name of a {of}.",
        remedy="Use up to 63 letters (a-z, A-Z), digits and single '.', '_' or '-' between them,"
        " and no ending like _v1.0.0.",
    )
