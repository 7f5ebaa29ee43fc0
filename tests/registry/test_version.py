"""Versions and how people refer to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.errors import SettingError
from classmark.registry import Bump, Lineage, ModelReference, Version, proposed_bump

NUMBERS = st.integers(0, 999_999_999)
VERSIONS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS)
BUMPS = st.sampled_from(Bump)
MODELS = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,20}", fullmatch=True)
LINEAGES = st.builds(
    Lineage,
    st.sampled_from(["linear", "encoder minilm"]),
    st.sampled_from([("a", "b"), ("a", "b", "c")]),
    st.sampled_from(["00", "ff"]),
)


@given(VERSIONS)
def test_what_is_written_is_read_as_the_same_version(version: Version) -> None:
    assert Version.parse(str(version)) == version


@pytest.mark.parametrize(
    "text",
    [
        *("", "v", "1.0.0", "v1", "v1.0", "v1.0.", "v1.0.0.0", "V1.0.0", "vv1.0.0"),
        *("v01.0.0", "v1.00.0", "v1.0.00", "v-1.0.0", "v+1.0.0", "v1_0.0.0"),
        *("v1.0.0-rc", "v1.0.0-rc.1", "v1.0.0+build", "v1.0.x", "v1.0.0a"),
        *(" v1.0.0", "v1.0.0 ", "v1.0.0\n", "v 1.0.0", "v1. 0.0", "v1.0.0\x00"),
        # Other digits than ours, which int() would take.
        *("v\u0661.\u0660.\u0660", "v1\u0660.0.0", "v1.0.\u00b2", "v\uff11.0.0", "v1.2\u0966.0"),
        *("v1000000000.0.0", "../v1.0.0", "v1.0.0/..", "arxiv_v1.0.0"),
    ],
)
def test_what_is_written_otherwise_is_no_version(text: str) -> None:
    with pytest.raises(SettingError, match="is not a version"):
        Version.parse(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("arxiv_v1.0.0", "does not say which version. Did you mean arxiv@v1.0.0?"),
        ("arxiv_view", "does not say which version."),
        (
            "arxiv@prodution",
            "neither a version nor production or latest. Did you mean 'production'?",
        ),
        ("arxiv@1.0.0", "neither a version nor production or latest."),
    ],
)
def test_what_was_meant_is_told(text: str, told: str) -> None:
    with pytest.raises(SettingError) as error:
        ModelReference.parse(text)
    assert error.value.message.endswith(told)


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        version = Version.parse(text)
    except SettingError:
        return
    assert str(version) == text


def test_versions_are_ordered_by_number_and_not_by_letter() -> None:
    written = ["v1.9.0", "v1.10.0", "v2.0.0", "v1.2.30", "v1.2.4", "v10.0.0"]
    assert [str(v) for v in sorted(map(Version.parse, written))] == [
        "v1.2.4",
        "v1.2.30",
        "v1.9.0",
        "v1.10.0",
        "v2.0.0",
        "v10.0.0",
    ]


@given(VERSIONS, BUMPS)
def test_the_next_version_is_newer_whichever_number_rises(version: Version, bump: Bump) -> None:
    assert version.next(bump) > version


@given(VERSIONS)
def test_a_bigger_bump_gives_a_newer_version(version: Version) -> None:
    assert version.next(Bump.MAJOR) > version.next(Bump.MINOR) > version.next(Bump.PATCH)


def test_the_numbers_behind_the_one_that_rises_start_again() -> None:
    version = Version(1, 2, 3)
    assert [str(version.next(bump)) for bump in (Bump.MAJOR, Bump.MINOR, Bump.PATCH)] == [
        "v2.0.0",
        "v1.3.0",
        "v1.2.4",
    ]


@given(
    st.builds(ModelReference, MODELS, version=VERSIONS)
    | st.builds(ModelReference, MODELS, role=st.sampled_from(["production", "latest"]))
)
def test_a_reference_is_read_as_it_was_written(reference: ModelReference) -> None:
    assert ModelReference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", "arxiv", "arxiv@", "@v1.0.0", "arxiv@1.0.0", "arxiv@newest", "arxiv@Production"),
        *("arxiv@v1.0.0@v1.0.0", "arxiv@v1.0.0-rc", "a b@latest", "arxiv @latest", "arxiv@ latest"),
        *("../arxiv@latest", "/etc@latest", "a/b@latest", "..@latest", "arxiv_v1.0.0@latest"),
        *("arxiv\x00@latest", "ärxiv@latest", "a" * 64 + "@latest"),
    ],
)
def test_what_is_written_otherwise_is_no_reference(text: str) -> None:
    with pytest.raises(SettingError):
        ModelReference.parse(text)


@given(LINEAGES, LINEAGES)
def test_the_proposed_bump_follows_what_differs(before: Lineage, after: Lineage) -> None:
    proposed = proposed_bump(before, after)
    if (before.architecture, before.labels) != (after.architecture, after.labels):
        assert proposed is Bump.MAJOR
    elif before.dataset_fingerprint != after.dataset_fingerprint:
        assert proposed is Bump.MINOR
    else:
        assert proposed is Bump.PATCH
