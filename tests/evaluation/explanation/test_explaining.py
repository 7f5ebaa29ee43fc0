"""Explanations: held against models whose truth is known, and bounded whatever the text."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.stats import spearmanr

from classmark.documents import DEFAULT_STEPS, clean, sample_documents
from classmark.errors import SettingError
from classmark.evaluation import Explanation, ExplanationRequest, Method, explain
from classmark.models import Classifier, load_classifier
from classmark.models.artifact import ArtifactConfig

SHAP, LIME, ATTENTION = Method.SHAP, Method.LIME, Method.ATTENTION
_TERMS = re.compile(r"(?u)\b\w\w+\b")


class Worth(Classifier):
    """Answers "yes" by 0.3 and what a text's words are worth, each as often as it stands there."""

    labels = ("yes", "no", "never")
    steps = DEFAULT_STEPS
    worth = MappingProxyType({"good": 0.2, "fine": 0.1, "bad": -0.15})
    # Worth something only together.
    pair = frozenset({"new", "york"})

    @classmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """There is nothing to load."""
        del folder, config
        return cls()

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        """The sum, shape (3,)."""
        words = text.lower().replace(".", " ").replace(",", " ").split()
        yes = 0.3 + sum(self.worth.get(word, 0.0) for word in words)
        yes += 0.2 if self.pair <= set(words) else 0.0
        return np.array([yes, 0.75 * (1 - yes), 0.25 * (1 - yes)])


@pytest.fixture(scope="module")
def model() -> Worth:
    return Worth()


@pytest.fixture
def ask(model: Worth, tmp_path: Path) -> Callable[..., Explanation]:
    def asked(text: str, method: Method = SHAP, **rest: object) -> Explanation:
        return explain(model, tmp_path, text, ExplanationRequest(method, **rest))  # type: ignore[arg-type]

    return asked


def weights(found: Explanation) -> dict[str, float]:
    return {piece.text: piece.weight for piece in found.pieces}


def test_shap_gives_each_word_what_it_adds(ask: Callable[..., Explanation]) -> None:
    found = ask("Good, and fine. Not bad", label="yes")
    expected = {"Good": 0.2, "and": 0, "fine": 0.1, "Not": 0, "bad": -0.15}
    assert weights(found) == pytest.approx(expected, abs=1e-9)
    assert found.base == pytest.approx(0.3)
    assert found.value == pytest.approx(0.45)


def test_the_answer_s_label_is_explained_unless_another_is_asked_for(
    ask: Callable[..., Explanation],
) -> None:
    text = "good bad"
    assert ask(text).label == ask(text).answer.label == "no"
    asked = ask(text, label="never")
    assert asked.value == pytest.approx(0.25 * 0.65)
    assert weights(asked) == pytest.approx({"good": -0.05, "bad": 0.0375})
    assert [word.text for word in asked.speaking_against] == ["good"]
    assert [word.text for word in asked.speaking_for] == ["bad"]


def test_one_label_is_explained_against_another(ask: Callable[..., Explanation]) -> None:
    found = ask("good bad", label="yes", against="no")
    assert found.value == pytest.approx(0.35 - 0.75 * 0.65)
    assert weights(found) == pytest.approx({"good": 0.35, "bad": -0.2625})


def test_words_that_count_only_together_share_what_they_add(
    ask: Callable[..., Explanation],
) -> None:
    found = ask("in new york today", label="yes")
    expected = {"in": 0, "new": 0.1, "york": 0.1, "today": 0}
    assert weights(found) == pytest.approx(expected, abs=1e-9)


def test_lime_finds_the_words_of_a_model_that_is_linear(ask: Callable[..., Explanation]) -> None:
    found = ask("good and fine but bad one", LIME, label="yes")
    expected = {"good": 0.2, "and": 0, "fine": 0.1, "but": 0, "bad": -0.15, "one": 0}
    assert weights(found) == pytest.approx(expected, abs=0.02)
    assert found.fidelity.r2 == pytest.approx(1, abs=0.01)


def test_lime_says_where_its_linear_model_does_not_fit(ask: Callable[..., Explanation]) -> None:
    found = ask("new york in spring of this year", LIME, label="yes")
    assert found.fidelity.r2 is not None
    assert found.fidelity.r2 < 0.9


@pytest.mark.parametrize("method", [SHAP, LIME])
def test_base_and_weights_and_gap_are_the_value(
    method: Method, ask: Callable[..., Explanation]
) -> None:
    found = ask("Good news from New York: not bad at all, it's fine.", method)
    assert found.base is not None
    assert found.fidelity.gap is not None
    total = found.base + sum(piece.weight for piece in found.pieces) + found.fidelity.gap
    assert total == pytest.approx(found.value)
    if method is SHAP:
        assert found.fidelity.gap == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("method", [SHAP, LIME])
def test_the_same_seed_gives_the_same_and_others_randomness_is_left_alone(
    method: Method, ask: Callable[..., Explanation]
) -> None:
    text = "new good york fine and bad old york " * 3
    np.random.seed(7)
    expected = np.random.random()
    np.random.seed(7)
    assert ask(text, method, samples=200) == ask(text, method, samples=200)
    assert np.random.random() == expected
    assert ask(text, method, samples=200, seed=1) != ask(text, method, samples=200)


def test_threads_change_nothing(ask: Callable[..., Explanation]) -> None:
    text = "new good york fine and bad"
    assert ask(text, threads=4) == ask(text)


def test_repeated_words_are_summed_and_each_place_has_its_own_weight(
    ask: Callable[..., Explanation],
) -> None:
    found = ask("Good is good", label="yes")
    assert [piece.weight for piece in found.pieces] == pytest.approx([0.2, 0, 0.2], abs=1e-9)
    (word,) = found.speaking_for
    assert (word.text, word.times) == ("Good", 2)
    assert word.weight == pytest.approx(0.4)


def test_offsets_are_those_of_the_cleaned_text(ask: Callable[..., Explanation]) -> None:
    found = ask("  Good \0 \n news  <b>of</b> https://example.org/x  ok!!!")
    assert found.text == "Good news <b>of</b> ok!"
    for piece in found.pieces:
        assert found.text[piece.start : piece.end] == piece.text
    assert [piece.text for piece in found.pieces] == ["Good", "news", "b", "of", "b", "ok"]


def test_the_strongest_words_are_removed_for_comparison(ask: Callable[..., Explanation]) -> None:
    found = ask("good " + "and " * 19 + "fine", label="yes")
    assert found.fidelity.removed == 2
    assert found.fidelity.without_strongest == pytest.approx(0.3)
    assert found.fidelity.without_random > 0.45


@pytest.mark.parametrize("method", [SHAP, LIME])
@pytest.mark.parametrize("text", ["good", "!?", "好", "good " * 2])
def test_texts_of_hardly_a_word_are_explained_too(
    text: str, method: Method, ask: Callable[..., Explanation]
) -> None:
    found = ask(text, method)
    assert len(found.pieces) == max(1, len(text.split()))
    assert np.isfinite([piece.weight for piece in found.pieces]).all()


@pytest.mark.parametrize("text", ["", " \n", "\0\0", "https://example.org"])
def test_a_text_of_which_nothing_is_left_is_refused(
    text: str, ask: Callable[..., Explanation]
) -> None:
    with pytest.raises(SettingError, match="Nothing is left of the text"):
        ask(text)


@pytest.mark.parametrize("method", [SHAP, LIME])
@pytest.mark.parametrize("samples", [50, 400])
def test_a_long_text_is_weighed_in_bounded_steps(
    method: Method, samples: int, ask: Callable[..., Explanation]
) -> None:
    text = "word " * 4999 + "good"
    found = ask(text, method, samples=samples, label="yes")
    assert len(found.pieces) <= samples // 4
    assert found.words == found.words_read == 5000
    assert found.words_a_piece >= 5000 * 4 / samples
    assert found.asked <= samples + 50
    assert max(found.pieces, key=lambda piece: piece.weight).text.endswith("good")


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (ExplanationRequest(label="maybe"), "no label 'maybe'"),
        (ExplanationRequest(against="maybe"), "no label 'maybe'"),
        (ExplanationRequest(label="no", against="no"), "against itself"),
        (ExplanationRequest(samples=3), "samples is 3"),
        (ExplanationRequest(samples=10**6), "samples is 1000000"),
        (ExplanationRequest(ATTENTION), "without attention"),
        (ExplanationRequest(ATTENTION, label="never"), "the same for all labels"),
        (ExplanationRequest(ATTENTION, against="never"), "the same for all labels"),
    ],
)
def test_what_can_not_be_explained_is_refused(
    request_: ExplanationRequest, message: str, model: Worth, tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=message):
        explain(model, tmp_path, "good news", request_)


# The linear family: its weights say what counts.


@pytest.fixture(scope="module")
def texts() -> list[str]:
    documents = [one for one in sample_documents() if one.label in {"cs.CL", "cs.CV", "cs.DB"}]
    return [clean(one.text) for one in documents[12::20]]


def exact(folder: Path, text: str, label: int) -> dict[str, float]:
    """What each word adds to a label's score beside the others, to first order; from the files."""
    tensors = load_file(folder / "model.safetensors")
    terms = (folder / "vocabulary.txt").read_text("utf-8").split("\n")
    rows = {term: row for row, term in enumerate(terms)}
    probabilities = load_classifier(folder).probabilities(text)
    tokens = _TERMS.findall(text.lower())
    found: dict[int, list[str]] = defaultdict(list)
    for size in (1, 2):
        for start in range(len(tokens) - size + 1):
            row = rows.get(" ".join(tokens[start : start + size]))
            if row is not None:
                found[row] += tokens[start : start + size]
    counts = {row: len(words) / len(terms[row].split()) for row, words in found.items()}
    tf_idf = {row: (1 + np.log(counts[row])) * tensors["idf"][row] for row in found}
    length = np.linalg.norm(list(tf_idf.values()))
    added: dict[str, float] = defaultdict(float)
    for row, words in found.items():
        coefficients = tensors["coefficients"][row]
        score = tf_idf[row] / length * (coefficients[label] - probabilities @ coefficients)
        for word in words:
            added[word] += float(score) / len(words)
    return added


def joined(found: Explanation) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for piece in found.pieces:
        sums[piece.text.lower()] += piece.weight
    return sums


def explained(folder: Path, texts: Sequence[str], request: ExplanationRequest) -> list[Explanation]:
    classifier = load_classifier(folder)
    return [explain(classifier, folder, text, request) for text in texts]


@pytest.mark.parametrize(("method", "least"), [(SHAP, 0.6), (LIME, 0.5)])
def test_words_are_ranked_as_the_weights_of_a_linear_model_rank_them(
    method: Method, least: float, artifact: Path, texts: list[str]
) -> None:
    agreements = []
    for found in explained(artifact, texts, ExplanationRequest(method)):
        label = load_classifier(artifact).labels.index(found.label)
        truth, told = exact(artifact, found.text, label), joined(found)
        words = [word for word in truth if word in told]
        assert len(words) > 30
        agreements.append(
            spearmanr([truth[word] for word in words], [told[word] for word in words]).statistic
        )
        top = sorted(words, key=lambda word: -truth[word])[:10]
        topmost = sorted(words, key=lambda word: -told[word])[:10]
        # By chance, about one or two would be among both.
        assert len({*top} & {*topmost}) >= 4
    assert np.mean(agreements) > least


@pytest.mark.parametrize("method", [SHAP, LIME])
def test_without_the_strongest_words_the_probability_falls_further(
    method: Method, artifact: Path, texts: list[str]
) -> None:
    found = explained(artifact, texts, ExplanationRequest(method))
    strongest = np.array([one.value - one.fidelity.without_strongest for one in found])
    random = np.array([one.value - one.fidelity.without_random for one in found])
    assert (strongest > random).all()
    assert strongest.mean() > 2 * random.mean()
