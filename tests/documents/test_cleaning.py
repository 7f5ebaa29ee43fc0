"""Cleaning: pure, named, versioned steps that end, and that leave prose alone."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from classmark.documents import DEFAULT_STEPS, CleaningStep, clean

STEPS = {step.name: step for step in DEFAULT_STEPS}
FRAGMENTS = (
    *("$", "$$", "\\(", "\\)", "\\[", "\\]", "{", "}", "[", "]", "\\", "\\\\", "\\$", "\\%"),
    *("http://", "https://a.b", "ftp://", "www.", "www.c.d", "\\emph{", "\\cite{", "\\cite[1]{"),
    *("\\'", '\\"', "\\'{", "\\~", "\\item[", "~", "-", "--", "...", "!", "?!", "=", "#", "_"),
    *("a", "Z", "5", "6 ", " ", "\t", "\n", "\r\n", "\u00a0", "\u200b", "\u0301", "\ufeff"),
    *("\0", "\x1b", "\x1f", "\u0958", "\ufb01", "\u2028", "\U0001f600", "\u0130"),
)
texts = st.text(max_size=80) | st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)


def after(step: str, text: str) -> str:
    return STEPS[step].apply(text)


def test_the_steps_are_listed_by_name_and_version() -> None:
    assert [(step.name, step.version) for step in DEFAULT_STEPS] == [
        ("unicode", 1),
        ("urls", 1),
        ("inline-math", 1),
        ("latex-commands", 1),
        ("repeated-punctuation", 1),
        ("white-space", 1),
    ]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("cafe\u0301", "caf\u00e9"),
        ("a\u200bb", "a b"),
        ("a\0b\x1bc", "a b c"),
        ("\ufeffa", " a"),
        ("a\ud800b", "a b"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("Łódź, 東京, Ελλάδα, 😀", "Łódź, 東京, Ελλάδα, 😀"),
    ],
)
def test_characters_that_print_nothing_become_spaces(text: str, kept: str) -> None:
    assert after("unicode", text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Code: https://github.com/a/b?c=d#e now", "Code:   now"),
        ("at HTTP://EXAMPLE.ORG/x", "at  "),
        ("from ftp://a.b/c and www.example.org here", "from   and   here"),
        ('<a href="https://a.b/c">it</a>', '<a href=" ">it</a>'),
        ("the http protocol, www and example.org", "the http protocol, www and example.org"),
        ("https:// alone", "https:// alone"),
    ],
)
def test_addresses_are_removed(text: str, kept: str) -> None:
    assert after("urls", text) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("an $O(n \\log n)$ bound", "an   bound"),
        ("with $2$ or $k=10$ clusters", "with   or   clusters"),
        ("by \\(x+y\\) or \\[z\n= 1\\] here", "by   or   here"),
        ("where $$E = mc^2\n$$ holds", "where   holds"),
        ("for ($n$), ($m$).", "for ( ), ( )."),
    ],
)
def test_mathematics_is_removed(text: str, kept: str) -> None:
    assert after("inline-math", text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $6 a month.",
        "It costs $5, then $6, then $7.",
        "From $20-$30, or US$5M against A$6M.",
        "About $1,000.50 of $2,000.",
        "A single $ sign, and another $ sign.",
        "From $5\nto 6$ over two lines",
        "It costs \\$5 and \\$6.",
    ],
)
def test_money_is_not_mathematics(text: str) -> None:
    assert after("inline-math", text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("reaches ($0.5$) with probability ($p$) here", "with probability"),
        ("a $3 \\times 3$ kernel ($k$) wins", "kernel"),
        ("within $1.5$ points of the best ($n$=5)", "points of the best"),
    ],
)
def test_prose_between_two_formulas_is_kept(text: str, kept: str) -> None:
    assert kept in clean(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (r"\emph{strong} words", "  strong  words"),
        (r"as shown \cite{knuth84} and \citep[p. 3]{a,b}", "as shown   and  "),
        (r"see Section \ref{sec:one}", "see Section  "),
        (r"50\% of R\&D, a\_b, \#1, \$5", "50% of R&D, a_b, #1, $5"),
        (r"na\"ive R\'enyi, Poincar\'{e}", "naive Renyi, Poincare"),
        ("Figure~3 and a ~ b", "Figure 3 and a ~ b"),
        (r"\textbf{\textit{both}}", "    both  "),
    ],
)
def test_latex_commands_go_and_their_words_stay(text: str, kept: str) -> None:
    assert after("latex-commands", text).split() == kept.split()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Wait!!! What??", "Wait! What?"),
        ("and so on... -- really", "and so on. - really"),
        ("====\n____", "=\n_"),
        ("state-of-the-art, e.g. C++ (a//b)", "state-of-the-art, e.g. C++ (a//b)"),
        ("!?!?", "!?!?"),
    ],
)
def test_repeated_punctuation_is_said_once(text: str, kept: str) -> None:
    assert after("repeated-punctuation", text) == kept


@pytest.mark.parametrize(
    "text", [r"kernels~\cite{a}, shown", r"kernels~\citep{a}, shown", r"Figure~\ref{f}, shown"]
)
def test_the_tie_before_a_reference_goes_with_it(text: str) -> None:
    assert "~" not in clean(text)


def test_white_space_is_one_space() -> None:
    assert after("white-space", "  a\t\tb\r\n\n c\u00a0\u2003d ") == "a b c d"


def test_an_abstract_is_cleaned_as_a_reader_would() -> None:
    text = (
        "We study  \\emph{graph} kernels \\cite{a}.\n  Our $O(n^2)$ method is 12\\% better!!! "
        "Code: https://github.com/a/b"
    )
    assert clean(text) == "We study graph kernels . Our method is 12% better! Code:"


@pytest.mark.parametrize("text", ["", " \n ", "\0", "$x$", "\\(", "https://a.b", "{}", "\\cite{a}"])
def test_a_text_of_nothing_but_noise_may_become_empty(text: str) -> None:
    assert clean(text) in {"", "("}


@settings(max_examples=300)
@given(texts)
@example("\\$x\\$")
@example("\\'{e}\u0301")
@example("\\'\\'a \\\\\\%")
@example("$a\\$ b$c$")
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


@given(texts)
def test_a_cleaned_text_prints_and_has_single_spaces(text: str) -> None:
    cleaned = clean(text)
    assert cleaned == " ".join(cleaned.split())
    assert cleaned.isprintable()
    cleaned.encode()


@given(st.lists(st.sampled_from(["plain", "words", "of", "prose", "C#", "3.5", "GPT-4"])))
def test_plain_prose_is_left_as_it_is(words: list[str]) -> None:
    assert clean(" ".join(words)) == " ".join(words)


@pytest.mark.parametrize(
    "layers", ["\\" * 300 + "%", "\\'" * 300 + "a", "\\cite{" * 300 + "}" * 300]
)
def test_stacked_commands_need_few_rounds(layers: str) -> None:
    rounds: list[str] = []

    def count(text: str) -> str:
        rounds.append(text)
        return text

    clean(layers, (CleaningStep("count", 1, count), *DEFAULT_STEPS))
    assert len(rounds) <= 10


def test_only_the_given_steps_are_taken() -> None:
    assert clean("a  https://b.c  $x$", (STEPS["urls"],)) == "a     $x$"
    assert clean("  a  ", ()) == "  a  "


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "marker",
    [
        "\\'",
        "\\'{",
        "\\a[",
        "\\cite[",
        "\\cite{",
        "\\(",
        "\\[",
        "$",
        "$$",
        "$a ",
        "{",
        "~",
        "\\",
        "!",
    ],
)
def test_no_marker_repeated_without_end_holds_anybody_up(marker: str) -> None:
    clean(marker * (100_000 // len(marker)))


def test_formulas_in_formulas_are_done_with_soon() -> None:
    # Layer by layer it would take minutes, beyond any test's limit.
    text = "$a " * 30_000 + "b$ " * 30_000 + "the end"
    cleaned = clean(text)
    assert cleaned.endswith("the end")
    assert "$" not in cleaned
    assert clean(cleaned) == cleaned
