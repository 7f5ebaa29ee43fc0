"""Keys on elliptic curves, as PEM files: public ones that are trusted, private ones that sign."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from classmark.errors import MissingExtraError, SettingError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_HOW = "Look at the path; how a pair is made stands under Signatures in docs/registry.md."


def public_keys(path: Path) -> dict[str, Path]:
    """The public keys of a PEM file or of a folder of them, by fingerprint.

    Raises:
        SettingError: There are none, or a file is none.
        MissingExtraError: What reads keys is not installed.
    """
    files = sorted(path.glob("*.pem")) if _is_folder(path) else [path]
    if not files:
        raise SettingError(
            f"{path}, which signing.trusted_keys names, holds no public key (*.pem).", remedy=_HOW
        )
    return {_fingerprint(_public(file)): file for file in files}


def fingerprint_of_private(path: Path, password: str) -> str:
    """The fingerprint of the public key of a private one.

    Args:
        path: Its PEM file.
        password: Of an encrypted one; else empty.

    Raises:
        SettingError: It can't be read, is no key that can sign, or has another password.
        MissingExtraError: What reads keys is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 (an extra)
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 (an extra)
            load_pem_private_key,
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("Signing", extra="signing") from error
    content = _read(path, "private key")
    # That it is encrypted both PEM's older and newer form say in plain words.
    encrypted = b"ENCRYPTED" in content
    if encrypted and not password:
        raise SettingError(
            f"The private key {path} is encrypted.",
            remedy="Put its password into CLASSMARK_SIGNING__KEY_PASSWORD.",
        )
    try:
        key = load_pem_private_key(content, password.encode() or None)
    except TypeError as error:
        raise SettingError(
            f"A password is set, and the private key {path} is not encrypted.",
            remedy="Unset CLASSMARK_SIGNING__KEY_PASSWORD.",
        ) from error
    except ValueError as error:
        why = "is no private key, or has another password" if encrypted else "is no private key"
        remedy = f"See what CLASSMARK_SIGNING__KEY_PASSWORD says. {_HOW}" if encrypted else _HOW
        raise SettingError(f"{path} {why}.", remedy=remedy) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _of_another_kind(path)
    return _fingerprint(_checked(key.public_key(), path))


def _public(path: Path) -> "EllipticCurvePublicKey":
    try:
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 (an extra)
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 (an extra)
            load_pem_public_key,
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("Checking signatures", extra="signing") from error
    content = _read(path, "trusted key")
    try:
        key = load_pem_public_key(content)
    except ValueError as error:
        raise SettingError(
            f"{path}, which signing.trusted_keys names, is no public key.", remedy=_HOW
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise _of_another_kind(path)
    return _checked(key, path)


def _checked(key: "EllipticCurvePublicKey", path: Path) -> "EllipticCurvePublicKey":
    if key.curve.name not in _CURVES:
        raise _of_another_kind(path)
    return key


def _of_another_kind(path: Path) -> SettingError:
    return SettingError(
        f"The key {path} is on none of the curves {', '.join(_CURVES)}.", remedy=_HOW
    )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        # Too long a name, or no right to look: reading it says which.
        return False


def _read(path: Path, what: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise SettingError(f"The {what} {path} is no file.", remedy=_HOW)
        return path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingError(
            f"The {what} {str(path)!r} can't be read ({why}).", remedy=_HOW
        ) from error


def _fingerprint(key: "EllipticCurvePublicKey") -> str:
    """SHA-256 of the public PEM as openssl writes it: `sha256sum public.pem` says the same."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 (an extra)
        Encoding,
        PublicFormat,
    )

    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()
