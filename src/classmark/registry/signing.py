"""Signatures of versions: who vouches for their files, and whose word counts.

A signature is a Sigstore bundle as the library `model-signing` writes it. It lies beside the
version's folder and names the SHA-256 of every file in it, the manifest among them.
"""

import base64
import binascii
import os
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NoReturn

import orjson

from classmark.durable import NotPlainError, plain_file
from classmark.errors import MissingExtraError, SettingError, UntrustedVersionError
from classmark.registry.integrity import MANIFEST
from classmark.registry.keys import fingerprint_of_private, public_keys
from classmark.registry.records import RegisteredVersion

# Room for some 50,000 files; a real one names a dozen.
_LARGEST_BYTES = 2**24
# What the library raises where a bundle or a statement is not of its form.
_MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError)


@dataclass(frozen=True, slots=True)
class SigningSettings:
    """Whose signatures count.

    Attributes:
        required: Whether a version without a signature is refused.
        trusted_keys: A public key (PEM) or a folder of them (`*.pem`), from the home if it is
            relative; empty trusts nobody, and no signature is looked at.
        key_password: Of an encrypted private key, for `classmark sign`.
    """

    required: bool = False
    trusted_keys: str = ""
    key_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key.

    Attributes:
        path: Its PEM file.
        password: Of an encrypted one; else empty.
    """

    path: Path
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """What is known of a version's signature.

    Attributes:
        state: "verified" by a trusted key, "unsigned", or "unchecked": it is there, and no key is
            trusted by which it could be checked.
        key: The fingerprint of the key that made a verified one: SHA-256 of its public PEM.
    """

    state: Literal["verified", "unsigned", "unchecked"]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count, and whether a version may do without.

    Attributes:
        keys: A public key or a folder of them; None trusts nobody.
        required: Whether a version without a signature is refused.
    """

    keys: Path | None = None
    required: bool = False

    def check(self, version: RegisteredVersion, signature: Path) -> SignatureCheck:
        """What is known of the signature of a version whose manifest was checked.

        Args:
            version: The version.
            signature: Where its signature lies, if it has one.

        Raises:
            UntrustedVersionError: The signature is damaged, of another key, of another version or
                of other files; or it is missing where one is required.
            SettingError: A trusted key can't be used.
            MissingExtraError: What checks signatures is not installed.
        """
        if self.keys is None:
            if self.required:
                raise SettingError(
                    "signing.required is on, and no key is trusted: no version could be loaded.",
                    remedy="Name a public key, or a folder of them, with signing.trusted_keys.",
                )
            return SignatureCheck("unchecked" if os.path.lexists(signature) else "unsigned")
        known = public_keys(self.keys)
        if os.path.lexists(signature):
            return SignatureCheck("verified", _verified(version, signature, known))
        if self.required:
            _refuse(version, "it is not signed, and signing.required is on")
        return SignatureCheck("unsigned")


@dataclass(frozen=True, slots=True)
class _Bundle:
    """A signature file, read: nothing in it is believed yet."""

    key: str
    payload: bytes
    signature: bytes

    @classmethod
    def parse(cls, content: bytes) -> "_Bundle":
        """What a file says.

        Raises:
            ValueError, KeyError, TypeError, IndexError: It is no bundle.
        """
        found = orjson.loads(content)
        envelope = found["dsseEnvelope"]
        (signature,) = envelope["signatures"]
        return cls(
            key=str(found["verificationMaterial"]["publicKey"]["hint"]),
            payload=base64.b64decode(envelope["payload"], validate=True),
            signature=base64.b64decode(signature["sig"], validate=True),
        )

    def written(self) -> bytes:
        """What was read and nothing else: whoever reads it next reads the same."""
        described = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": self.key}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(self.payload).decode(),
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{"sig": base64.b64encode(self.signature).decode(), "keyid": ""}],
            },
        }
        return orjson.dumps(described)

    def named(self) -> str:
        """The name of what was signed."""
        (subject,) = orjson.loads(self.payload)["subject"]
        return str(subject["name"])

    def digests(self) -> dict[str, str]:
        """The SHA-256 of each file that was signed."""
        resources: list[dict[str, Any]] = orjson.loads(self.payload)["predicate"]["resources"]
        return {one["name"]: one["digest"] for one in resources if one["algorithm"] == "sha256"}


def signed(version: RegisteredVersion, key: SigningKey) -> tuple[bytes, str]:
    """The signature of a version whose manifest was checked, and the key's fingerprint.

    Raises:
        SettingError: The key can't be used.
        UntrustedVersionError: The files changed meanwhile.
        MissingExtraError: What signs is not installed.
    """
    fingerprint = fingerprint_of_private(key.path, key.password)
    try:
        from model_signing import signing  # noqa: PLC0415 (an extra, and slow to import)
    except ModuleNotFoundError as error:
        raise MissingExtraError("Signing", extra="signing") from error
    # The library says str, and hands it to one that takes bytes.
    password: Any = key.password.encode() or None
    with TemporaryDirectory(prefix="classmark-") as folder:
        written = Path(folder) / "signature"
        configured = signing.Config()  # type: ignore[no-untyped-call]
        signer = configured.use_elliptic_key_signer(private_key=key.path, password=password)
        try:
            signer.sign(version.folder, written)
        except (OSError, ValueError) as error:
            _refuse(version, f"its files can't be signed ({error})", error)
        bundle = _Bundle.parse(written.read_bytes())
    if bundle.digests().get(MANIFEST) != version.digest:
        _refuse(version, "its files changed while they were signed")
    return bundle.written(), fingerprint


def signature_to_send(version: RegisteredVersion, path: Path) -> bytes | None:
    """The signature of a version for others, as far as it can be checked without a key.

    Args:
        version: The version.
        path: Where its signature lies, if it has one.

    Raises:
        UntrustedVersionError: It is damaged, of another version, of other files, or no plain file.
    """
    if not os.path.lexists(path):
        return None
    content, bundle = _read(version, path)
    try:
        named, manifest = bundle.named(), bundle.digests().get(MANIFEST)
    except _MALFORMED as error:
        _refuse(version, f"its signature {path.name} is damaged: it can't be read", error)
    if (named, manifest) != (version.name, version.digest):
        _refuse(version, "its signature is that of another version or of other files")
    return content


def _read(version: RegisteredVersion, path: Path) -> tuple[bytes, _Bundle]:
    """A signature's file and what it says."""
    content = _content(version, path)
    try:
        bundle = _Bundle.parse(content)
    except (*_MALFORMED, binascii.Error) as error:
        _refuse(version, f"its signature {path.name} is damaged: it can't be read", error)
    if content != bundle.written():
        _refuse(version, f"its signature {path.name} is damaged: there is more in it than one")
    return content, bundle


def _verified(version: RegisteredVersion, path: Path, known: dict[str, Path]) -> str:
    """The fingerprint of the key that signed a version, once all of it is known to be true."""
    bundle = _read(version, path)[1]
    if bundle.key not in known:
        _refuse(version, f"it is signed by a key that is not trusted ({bundle.key!s:.64})")
    _check_with_library(version, bundle, known[bundle.key])
    # What was signed is known to be the signer's word from here on.
    if bundle.named() != version.name or _own_name(version) != version.name:
        _refuse(version, f"its signature is that of another version, {bundle.named()}")
    if bundle.digests().get(MANIFEST) != version.digest:
        _refuse(version, "its signature is that of other files: the manifest is not among them")
    return bundle.key


def _check_with_library(version: RegisteredVersion, bundle: _Bundle, key: Path) -> None:
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (an extra)
        from model_signing import hashing, verifying  # noqa: PLC0415 (an extra, slow to import)
    except ModuleNotFoundError as error:
        raise MissingExtraError("Checking signatures", extra="signing") from error
    verifier = verifying.Config()  # type: ignore[no-untyped-call]
    verifier.set_hashing_config(hashing.Config())  # type: ignore[no-untyped-call]
    with TemporaryDirectory(prefix="classmark-") as folder:
        written = Path(folder) / "signature"
        written.write_bytes(bundle.written())
        try:
            verifier.use_elliptic_key_verifier(public_key=key).verify(version.folder, written)
        except InvalidSignature as error:
            _refuse(version, "its signature is damaged: it is not what the key signed", error)
        except (*_MALFORMED, OSError) as error:
            if (name := _name_if_any(bundle)) not in {version.name, ""}:
                _refuse(version, f"its signature is that of another version, {name}", error)
            _refuse(version, "its signature is that of other files", error)


def _name_if_any(bundle: _Bundle) -> str:
    try:
        return bundle.named()
    except _MALFORMED:
        return ""


def _own_name(version: RegisteredVersion) -> str:
    """What the version calls itself in its metadata, which are among the signed files."""
    try:
        return str(orjson.loads((version.folder / "metadata.json").read_bytes())["name"])
    except (OSError, *_MALFORMED):
        return ""


def _content(version: RegisteredVersion, path: Path) -> bytes:
    try:
        with plain_file(path) as file:
            content = file.read(_LARGEST_BYTES + 1)
    except NotPlainError as error:
        _refuse(version, f"its signature {path.name} is a link or no plain file", error)
    except OSError as error:
        _refuse(version, f"its signature {path.name} can't be read ({error.strerror})", error)
    if len(content) > _LARGEST_BYTES:
        _refuse(version, f"its signature {path.name} is damaged: it is far too large")
    return content


def _refuse(version: RegisteredVersion, why: str, cause: Exception | None = None) -> NoReturn:
    raise UntrustedVersionError(
        f"{version.name} is not trusted: {why}.",
        remedy="Find out where it comes from. If you vouch for its files, sign them:"
        f" classmark sign {version.model}@{version.version} --key private.pem",
    ) from cause
