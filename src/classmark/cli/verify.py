"""`classmark verify`."""

from classmark.assembly import existing_home
from classmark.cli.options import HomeOption, JsonOption, ReferenceArgument
from classmark.cli.terminal import keep_result, say
from classmark.registry import SignatureCheck


def run(reference: ReferenceArgument, home: HomeOption = None, json: JsonOption = None) -> None:
    """Check every byte of a version against what was registered, and its signature."""
    version, signature = existing_home(home).registry.checked(reference)
    say(f" is intact, {told(signature)}.", strong=version.name)
    keep_result(
        json,
        {
            "version": version.name,
            "intact": True,
            "digest": version.digest,
            "signature": signature,
        },
    )


def told(signature: SignatureCheck) -> str:
    """What is known of a signature, in words."""
    match signature.state:
        case "verified":
            return f"signed by the trusted key {signature.key[:16]}"
        case "unsigned":
            return "not signed"
        case "unchecked":
            return "signed, and the signature was not looked at: no key is trusted"
