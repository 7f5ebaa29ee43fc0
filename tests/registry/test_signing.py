"""Signatures: who vouches for a version, and whose word counts."""

import base64
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from classmark.errors import SettingError, TamperedVersionError, UntrustedVersionError
from classmark.registry import (
    MANIFEST,
    Action,
    ModelReference,
    RegisteredVersion,
    Registry,
    SignatureCheck,
    SigningKey,
    Trust,
    VersionDraft,
)
from classmark.registry.integrity import manifest_digest, write_manifest

Draft = Callable[..., VersionDraft]
Spoil = Callable[[Path], None]
FIRST = ModelReference.parse("shelves@v1.0.0")

# Signatures are files: the database knows nothing of them but an event.
pytestmark = pytest.mark.parametrize("either_url", ["sqlite"], indirect=True)
SECOND = ModelReference.parse("shelves@v1.0.1")


def write_pair(
    folder: Path, name: str, encryption: KeySerializationEncryption | None = None
) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    return write_keys(folder, name, key, encryption)


def write_keys(
    folder: Path,
    name: str,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    encryption: KeySerializationEncryption | None = None,
) -> Path:
    private = folder / f"{name}-private.pem"
    private.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    )
    (folder / "trusted").mkdir(exist_ok=True)
    (folder / "trusted" / f"{name}.pem").write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder with the private keys of ada and bob, and a folder `trusted` with ada's public."""
    folder = tmp_path / "keys"
    folder.mkdir()
    write_pair(folder, "ada")
    write_pair(folder, "bob")
    (folder / "trusted" / "bob.pem").rename(folder / "bob.pem")
    return folder


@pytest.fixture
def ada(keys: Path) -> SigningKey:
    return SigningKey(keys / "ada-private.pem")


@pytest.fixture
def bob(keys: Path) -> SigningKey:
    return SigningKey(keys / "bob-private.pem")


@pytest.fixture
def strict(registry: Registry, keys: Path) -> Registry:
    return registry.trusting(Trust(keys / "trusted", required=True))


@pytest.fixture
def version(strict: Registry, draft: Draft, ada: SigningKey) -> RegisteredVersion:
    """One that ada signed."""
    found = strict.register(draft())
    strict.sign(FIRST, ada, "looked through")
    return found


def signature(version: RegisteredVersion) -> Path:
    return version.folder.with_name(f"{version.name}.sig")


def refusal(registry: Registry, reference: ModelReference = FIRST) -> str:
    with pytest.raises(UntrustedVersionError) as told:
        registry.verify(reference)
    assert "classmark sign" in told.value.remedy
    return told.value.message


def test_a_signature_lies_beside_the_folder_for_its_owner_alone(
    strict: Registry, version: RegisteredVersion, ada: SigningKey
) -> None:
    mask = os.umask(0o077)
    try:
        strict.sign(FIRST, ada)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(signature(version).stat().st_mode) == 0o600
    assert not list(version.folder.rglob("*.sig"))


def test_the_history_tells_who_signed_with_which_key_and_stays_whole(
    strict: Registry, version: RegisteredVersion
) -> None:
    _, found = strict.checked(FIRST)
    event = strict.history("shelves")[-1]
    assert (event.action, event.actor) == (Action.SIGNED, "ada")
    assert event.reason == f"looked through (key {found.key})"
    assert event.manifest == version.digest
    assert strict.check_history("shelves").problems == ()


def test_the_trusted_key_that_signed_is_told(strict: Registry, version: RegisteredVersion) -> None:
    found, check = strict.checked(FIRST)
    assert found == version
    assert check.state == "verified"
    assert len(check.key) == 64


def test_a_signature_made_anew_takes_the_place_of_the_other(
    strict: Registry, version: RegisteredVersion, ada: SigningKey, bob: SigningKey
) -> None:
    strict.sign(FIRST, bob)
    assert "a key that is not trusted" in refusal(strict)
    strict.sign(FIRST, ada)
    assert strict.verify(FIRST) == version


def test_whoever_trusts_nobody_looks_at_no_signature(
    registry: Registry, draft: Draft, bob: SigningKey
) -> None:
    version = registry.register(draft())
    assert registry.checked(FIRST)[1] == SignatureCheck("unsigned")
    registry.sign(FIRST, bob)
    assert registry.checked(FIRST)[1] == SignatureCheck("unchecked")
    signature(version).write_bytes(b"nonsense")
    assert registry.verify(FIRST) == version


def test_without_a_signature_only_whoever_requires_one_refuses(
    registry: Registry, draft: Draft, keys: Path
) -> None:
    version = registry.register(draft())
    lenient = registry.trusting(Trust(keys / "trusted"))
    assert lenient.checked(FIRST) == (version, SignatureCheck("unsigned"))
    strict = registry.trusting(Trust(keys / "trusted", required=True))
    assert "it is not signed" in refusal(strict)
    with pytest.raises(UntrustedVersionError):
        strict.promote(FIRST)


def test_each_of_several_keys_may_sign(
    registry: Registry, draft: Draft, keys: Path, bob: SigningKey
) -> None:
    (keys / "bob.pem").rename(keys / "trusted" / "bob.pem")
    registry.register(draft())
    registry.sign(FIRST, bob)
    assert registry.trusting(Trust(keys / "trusted")).checked(FIRST)[1].state == "verified"
    assert registry.trusting(Trust(keys / "trusted" / "bob.pem")).checked(FIRST)[1].key
    assert "not trusted" in refusal(registry.trusting(Trust(keys / "trusted" / "ada.pem")))


def test_every_flipped_bit_of_a_signature_is_refused(
    strict: Registry, version: RegisteredVersion
) -> None:
    path = signature(version)
    content = path.read_bytes()
    for offset in range(0, len(content), len(content) // 60):
        changed = bytearray(content)
        changed[offset] ^= 1
        path.write_bytes(changed)
        assert refusal(strict)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def a_list(path: Path) -> None:
    path.write_bytes(b"[]")


def a_number_for_the_key(path: Path) -> None:
    bundle = orjson.loads(path.read_bytes())
    bundle["verificationMaterial"]["publicKey"]["hint"] = ["a"]
    path.write_bytes(orjson.dumps(bundle))


def without_the_key(path: Path) -> None:
    bundle = orjson.loads(path.read_bytes())
    del bundle["verificationMaterial"]["publicKey"]["hint"]
    path.write_bytes(orjson.dumps(bundle))


def with_another_word(path: Path) -> None:
    bundle = orjson.loads(path.read_bytes())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    payload = payload.replace(b"config.json", b"Config.json")
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    path.write_bytes(orjson.dumps(bundle))


def a_second_envelope(path: Path) -> None:
    bundle = orjson.loads(path.read_bytes())
    bundle["dsse_envelope"] = bundle.pop("dsseEnvelope")
    path.write_bytes(orjson.dumps(bundle))


def without_signatures(path: Path) -> None:
    bundle = orjson.loads(path.read_bytes())
    bundle["dsseEnvelope"]["signatures"] = []
    path.write_bytes(orjson.dumps(bundle))


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def a_dead_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    os.truncate(path, 2**30)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        *((it, "is damaged") for it in (emptied, cut, a_list, with_another_word, endless)),
        *((it, "is damaged") for it in (without_the_key, a_second_envelope, without_signatures)),
        (a_number_for_the_key, "is damaged"),
        *((it, "is a link or no plain file") for it in (a_link, a_dead_link, a_folder, a_pipe)),
    ],
)
def test_a_spoilt_signature_is_refused_with_its_reason(
    spoil: Spoil, told: str, strict: Registry, version: RegisteredVersion
) -> None:
    spoil(signature(version))
    assert told in refusal(strict)


def test_the_signature_of_another_version_is_refused(
    strict: Registry, version: RegisteredVersion, draft: Draft, ada: SigningKey
) -> None:
    second = strict.register(draft())
    strict.sign(SECOND, ada)
    shutil.copy(signature(version), signature(second))
    assert "is that of another version, shelves_v1.0.0" in refusal(strict, SECOND)


def test_an_older_version_with_its_signature_is_none_of_a_newer_one(
    strict: Registry, version: RegisteredVersion, draft: Draft
) -> None:
    second = strict.register(draft())
    shutil.rmtree(second.folder)
    shutil.copytree(version.folder, second.folder)
    shutil.copy(signature(version), signature(second))
    with pytest.raises(TamperedVersionError, match=f"{MANIFEST} was changed"):
        strict.verify(SECOND)


def test_not_even_the_database_makes_an_older_version_a_newer_one(
    strict: Registry, version: RegisteredVersion, keys: Path
) -> None:
    folder = version.folder.with_name("shelves_v1.0.1")
    shutil.copytree(version.folder, folder)
    taken = RegisteredVersion(
        model="shelves",
        version=SECOND.version or version.version,
        status=version.status,
        created_at=version.created_at,
        folder=folder,
        digest=version.digest,
        metadata={},
    )
    trust = Trust(keys / "trusted", required=True)
    with pytest.raises(UntrustedVersionError, match=r"another version, shelves_v1\.0\.0"):
        trust.check(taken, signature(version))
    assert strict.verify(FIRST) == version


def test_other_files_under_the_same_name_are_refused(
    version: RegisteredVersion, keys: Path
) -> None:
    (version.folder / "config.json").write_bytes(b"{}")
    (version.folder / MANIFEST).unlink()
    write_manifest(version.folder)
    forged = RegisteredVersion(
        model="shelves",
        version=version.version,
        status=version.status,
        created_at=version.created_at,
        folder=version.folder,
        digest=manifest_digest(version.folder),
        metadata={},
    )
    with pytest.raises(UntrustedVersionError, match="that of other files"):
        Trust(keys / "trusted").check(forged, signature(version))


def test_nothing_is_signed_that_is_not_intact(
    strict: Registry, version: RegisteredVersion, ada: SigningKey
) -> None:
    before = signature(version).read_bytes()
    (version.folder / "config.json").write_bytes(b"{}")
    with pytest.raises(TamperedVersionError):
        strict.sign(FIRST, ada)
    assert signature(version).read_bytes() == before
    assert len(strict.history("shelves")) == 2


def test_an_encrypted_key_signs_with_its_password(
    registry: Registry, draft: Draft, keys: Path
) -> None:
    private = write_pair(keys, "eve", BestAvailableEncryption(b"open sesame"))
    registry.register(draft())
    registry.sign(FIRST, SigningKey(private, "open sesame"))
    assert registry.trusting(Trust(keys / "trusted" / "eve.pem")).checked(FIRST)[1].key
    for password, told in (("", "is encrypted"), ("open", "another password")):
        with pytest.raises(SettingError, match=told):
            registry.sign(FIRST, SigningKey(private, password))
    assert "open sesame" not in repr(SigningKey(private, "open sesame"))


def test_a_password_for_a_key_that_has_none_is_told(
    registry: Registry, draft: Draft, ada: SigningKey
) -> None:
    registry.register(draft())
    with pytest.raises(SettingError, match="not encrypted"):
        registry.sign(FIRST, SigningKey(ada.path, "open sesame"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.pem", "No such file"),
        ("nonsense.pem", "is no private key"),
        ("trusted/ada.pem", "is no private key"),
        ("trusted", "is no file"),
        ("rsa-private.pem", "on none of the curves"),
        ("koblitz-private.pem", "on none of the curves"),
        ("with\0nul", "can't be read"),
    ],
)
def test_what_is_no_private_key_is_told(
    name: str, told: str, registry: Registry, draft: Draft, keys: Path
) -> None:
    (keys / "nonsense.pem").write_bytes(b"\xff nonsense")
    write_keys(keys, "rsa", rsa.generate_private_key(65537, 2048))
    write_keys(keys, "koblitz", ec.generate_private_key(ec.SECP256K1()))
    version = registry.register(draft())
    with pytest.raises(SettingError, match=told):
        registry.sign(FIRST, SigningKey(keys / name))
    assert not signature(version).exists()
    assert len(registry.history("shelves")) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.pem", "No such file"),
        ("empty", "holds no public key"),
        ("ada-private.pem", "is no public key"),
        ("nonsense.pem", "is no public key"),
        ("with\0nul", "can't be read"),
        ("x" * 300, "can't be read"),
    ],
)
def test_a_trusted_key_that_is_none_lets_nothing_through(
    name: str, told: str, registry: Registry, draft: Draft, keys: Path
) -> None:
    (keys / "empty").mkdir()
    (keys / "nonsense.pem").write_bytes(b"\xff nonsense")
    registry.register(draft())
    with pytest.raises(SettingError, match=told):
        registry.trusting(Trust(keys / name)).verify(FIRST)


def test_to_require_signatures_and_trust_nobody_lets_nothing_through(
    registry: Registry, draft: Draft
) -> None:
    registry.register(draft())
    with pytest.raises(SettingError, match="no key is trusted"):
        registry.trusting(Trust(required=True)).verify(FIRST)


def test_a_signature_goes_with_its_version(strict: Registry, version: RegisteredVersion) -> None:
    assert strict.tidy("shelves") == []
    assert strict.verify(FIRST) == version
    kept = signature(version).read_bytes()
    strict.delete(FIRST)
    assert not signature(version).exists()
    # As a process leaves it that is killed between both.
    signature(version).write_bytes(kept)
    (left,) = strict.tidy("shelves", dry_run=True)
    assert (left.path, left.what) == (signature(version), "deleted")
    (gone,) = strict.tidy("shelves")
    assert gone.is_removed
    assert not signature(version).exists()


def test_the_signature_of_a_version_that_nobody_knows_is_not_taken_for_a_new_one_s(
    registry: Registry, draft: Draft, home: Path
) -> None:
    folder = home / "models" / "shelves"
    folder.mkdir(parents=True)
    (folder / "shelves_v1.0.0.sig").write_bytes(b"of another database")
    (left,) = registry.tidy("shelves")
    assert (left.what, left.is_removed) == ("unknown", False)
    version = registry.register(draft())
    assert not signature(version).exists()
    (aside,) = folder.glob("*.unknown-*.sig")
    assert aside.read_bytes() == b"of another database"
