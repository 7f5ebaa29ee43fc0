"""`classmark sign`."""

from pathlib import Path
from typing import Annotated

import typer

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, ReasonOption, ReferenceArgument
from classmark.cli.terminal import keep_result, say
from classmark.registry import SigningKey


def run(
    reference: ReferenceArgument,
    key: Annotated[
        Path,
        typer.Option(
            "--key", metavar="PEM", help="Your private key, on a curve; see docs/registry.md."
        ),
    ],
    reason: ReasonOption = "",
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Vouch for a version with your key; a signature that it has is replaced."""
    place = existing_home(home)
    signing_key = SigningKey(key, place.settings.signing.key_password)
    version, fingerprint = place.registry.sign(reference, signing_key, reason)
    say(" is signed.", strong=version.name)
    say(f"Key: {fingerprint}")
    keep_result(json, {"version": version.name, "digest": version.digest, "key": fingerprint})
