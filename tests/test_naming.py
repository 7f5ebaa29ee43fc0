"""Names that people give are safe as a file's name, in a URL and in a reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.errors import SettingError
from classmark.naming import checked_name


@pytest.mark.parametrize(
    "name",
    ["a", "7", "arxiv", "arXiv-2024", "cs.AI_cs.CL", "a--b", "a.b-c_d", "v1.0.0", "a_v1", "x" * 63],
)
def test_a_name_is_given_back_as_it_is(name: str) -> None:
    assert checked_name(name, of="model") == name


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "...", " ", "a b", " a", "a ", "a\n", "\na", "a\0", "\0"),
        *("/", "a/b", "../a", "a/..", "/etc/passwd", "\\", "a\\b", "a:b", "a@b", "a%2e", "~a"),
        *(".a", "_a", "-a", "a.", "a_", "a..b", "a__b", "a._b", "a_.b"),
        *("x" * 64, "x" * 1000, "é", "\uff41", "\u0663", "a\u200b", "a*", "a?", "a#b", "a&b"),
        *("a_v1.0.0", "arxiv_v10.20.30", "a_v0.0.0"),
    ],
)
def test_another_name_is_refused_with_what_would_do(name: str) -> None:
    with pytest.raises(SettingError) as refused:
        checked_name(name, of="model")
    assert repr(name) in str(refused.value)
    assert "name of a model" in str(refused.value)
    assert "63" in refused.value.remedy


@given(st.text("ab0.-_/ \n\\é", max_size=70))
def test_what_passes_is_a_plain_file_name(name: str) -> None:
    try:
        checked_name(name, of="dataset")
    except SettingError:
        return
    assert 1 <= len(name) <= 63
    assert name.isascii()
    assert name.replace(".", "").replace("-", "").replace("_", "").isalnum()
    assert name[0].isalnum()
    assert name[-1] not in "._"
    assert ".." not in name
