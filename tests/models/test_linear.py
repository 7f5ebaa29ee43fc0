"""The linear family: what serves computes what scikit-learn computes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB

from classmark.documents import sample_documents
from classmark.errors import RecordError, SettingError
from classmark.models import LabelledTexts, TrainingData, family_class
from classmark.progress import Silent

# What the fixtures of this room give: see conftest.py.
Samples = Any
Trained = Any
Learn = Callable[..., Trained]
Reference = Callable[[Sequence[str]], NDArray[np.float64]]

WORDS = ["robot", "Query", "IMAGES", "database", "the", "of", "zzz", "naïve", "İstanbul", "ß", "a"]
TEXTS = st.lists(st.sampled_from([*WORDS, "\n", "!", "x_1", "12"]), max_size=30).map(" ".join)
SETTINGS: list[Mapping[str, str]] = [
    {},
    {"bayes_weight": "0"},
    {"bayes_weight": "8"},
    {"longest_ngram": "1", "max_terms": "50"},
    {"longest_ngram": "3", "min_documents": "2", "inverse_regularisation": "1000"},
]


def scikit_learn(data: TrainingData, given: Mapping[str, str], bayes_weight: float) -> Reference:
    """The same model, put together from scikit-learn's own parts."""
    vectoriser = TfidfVectorizer(
        ngram_range=(1, int(given.get("longest_ngram", 2))),
        min_df=int(given.get("min_documents", 1)),
        max_features=int(given["max_terms"]) if "max_terms" in given else None,
        sublinear_tf=True,
    )
    features = vectoriser.fit_transform(data.train.texts)
    strength = float(given.get("inverse_regularisation", 10))
    regression = LogisticRegression(C=strength, max_iter=500).fit(features, data.train.labels)
    bayes = ComplementNB(alpha=0.1).fit(features, data.train.labels)

    def answer(texts: Sequence[str]) -> NDArray[np.float64]:
        asked = vectoriser.transform(texts)
        scores = regression.decision_function(asked)
        added = bayes_weight * bayes.predict_joint_log_proba(asked)
        if scores.ndim == 1:
            second = expit(scores + added[:, 1] - added[:, 0])
            return np.stack([1 - second, second], axis=1)
        found: NDArray[np.float64] = softmax(scores + added, axis=1)
        return found

    return answer


def answers(trained: Trained, texts: Sequence[str]) -> NDArray[np.float64]:
    return np.array([trained.classifier.probabilities(text) for text in texts])


def as_two_classes(texts: LabelledTexts) -> LabelledTexts:
    return replace(texts, labels=["no" if label == "cs.CV" else "yes" for label in texts.labels])


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def trained(request: pytest.FixtureRequest, samples: Samples, learn: Learn) -> Trained:
    return learn("linear", samples.data, request.param)


@pytest.fixture(scope="module")
def reference(trained: Trained, samples: Samples) -> Reference:
    return scikit_learn(samples.data, trained.given, trained.outcome.details["bayes_weight"])


def test_it_answers_as_scikit_learn_does(trained: Trained, reference: Reference) -> None:
    texts = [document.text for document in sample_documents()]
    texts += [text.upper() for text in texts[:20]] + [" ".join(texts[:40]), "", "zzz qqq", "a b c"]
    np.testing.assert_allclose(answers(trained, texts), reference(texts), rtol=0, atol=1e-6)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_it_answers_as_scikit_learn_does_on_any_words(
    trained: Trained, reference: Reference, texts: list[str]
) -> None:
    np.testing.assert_allclose(answers(trained, texts), reference(texts), rtol=0, atol=1e-6)


@pytest.mark.parametrize("weight", ["0", "4"])
def test_with_two_classes_it_answers_as_scikit_learn_does(
    samples: Samples, learn: Learn, weight: str
) -> None:
    data = replace(
        samples.data,
        train=as_two_classes(samples.data.train),
        validation=as_two_classes(samples.data.validation),
    )
    trained = learn("linear", data, {"bayes_weight": weight})
    reference = scikit_learn(data, {}, float(weight))
    texts = [*samples.held_out.texts, "", "zzz"]
    np.testing.assert_allclose(answers(trained, texts), reference(texts), rtol=0, atol=1e-6)


def test_unknown_words_change_nothing(samples: Samples, learn: Learn) -> None:
    classifier = learn("linear", samples.data).classifier
    without = classifier.probabilities("")
    assert classifier.probabilities("zzz qqq wwww").tolist() == without.tolist()
    known = classifier.probabilities("robot robot arm")
    assert classifier.probabilities("robot robot arm zzzz qqq").tolist() == known.tolist()
    assert known.tolist() != without.tolist()


def test_the_bayes_weight_is_the_one_with_the_least_validation_loss(
    samples: Samples, learn: Learn
) -> None:
    details = learn("linear", samples.data).outcome.details
    losses = details["validation_log_loss"]
    assert set(losses) == {"0.0", "0.5", "1.0", "2.0", "4.0", "8.0"}
    assert losses[str(details["bayes_weight"])] == min(losses.values())


def test_no_more_terms_are_kept_than_asked_for(samples: Samples, learn: Learn) -> None:
    trained = learn("linear", samples.data, {"max_terms": "7"})
    terms = (trained.folder / "vocabulary.txt").read_text("utf-8").split("\n")
    assert len(terms) == trained.outcome.details["terms"] == 7


@pytest.mark.parametrize(
    ("documents", "given", "least"),
    [
        (199, {}, 1),
        (200, {}, 2),
        (199, {"min_documents": "3"}, 3),
        (200, {"min_documents": "1"}, 1),
        (200, {"min_documents": "none"}, 2),
    ],
)
def test_in_a_small_corpus_a_term_of_one_document_counts_unless_more_are_asked_for(
    documents: int, given: dict[str, str], least: int, learn: Learn
) -> None:
    texts = [f"word{number} shared{number // 2} thrice{number // 3}" for number in range(documents)]
    labels = [("a", "b")[number % 2] for number in range(documents)]
    rows = LabelledTexts(texts, labels)
    trained = learn("linear", TrainingData(rows, rows), given)
    terms = (trained.folder / "vocabulary.txt").read_text("utf-8").split("\n")
    assert trained.outcome.details["min_documents"] == least
    assert ("word7" in terms, "shared7" in terms, "thrice7" in terms) == (
        least < 2,
        least < 3,
        True,
    )


@pytest.mark.parametrize(
    ("texts", "given", "told"),
    [
        (["a b c", "? !", "x", ""], {}, "in 1 of 4 training documents"),
        (["one two", "three four", "five six", "seven"], {"min_documents": "2"}, "in 2 of 4"),
        (["one two", "one two", "one", "one"], {"min_documents": "9"}, "in 9 of 4"),
    ],
)
def test_texts_without_terms_are_refused_with_what_to_do(
    texts: list[str], given: dict[str, str], told: str, learn: Learn
) -> None:
    rows = LabelledTexts(texts, ["a", "a", "b", "b"])
    with pytest.raises(RecordError, match=told) as refused:
        learn("linear", TrainingData(rows, rows), given)
    assert "Lower min_documents" in refused.value.remedy


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("longest_ngram", "0"),
        ("longest_ngram", "2.5"),
        ("min_documents", "0"),
        ("max_terms", "0"),
        ("max_terms", "many"),
        ("bayes_weight", "-1"),
        ("bayes_weight", "nan"),
        ("max_iterations", "0"),
        ("longest_ngram", "none"),
    ],
)
def test_a_parameter_that_can_not_be_is_named(key: str, value: str) -> None:
    with pytest.raises(SettingError, match=key):
        family_class("linear").with_parameters({key: value})


def test_every_step_is_told_to_who_watches(samples: Samples, tmp_path: Any) -> None:
    told: list[str] = []

    class Listener(Silent):
        def track(self, items: Any, doing: str, total: int | None = None, note: Any = None) -> Any:
            told.append(f"{doing} {total}")
            yield from super().track(items, doing, total, note)

    family_class("linear").with_parameters({}).train(samples.data, tmp_path, Listener())
    assert told == ["Fitting linear heads 2", "Checking exports 1"]


def test_balanced_weights_find_a_rare_class_more_often(samples: Samples, learn: Learn) -> None:
    train, tested = samples.data.train, samples.held_out
    kept = [row for row, label in enumerate(train.labels) if label != "cs.DB" or row % 3 == 0]
    few = LabelledTexts([train.texts[row] for row in kept], [train.labels[row] for row in kept])
    data = replace(samples.data, train=few)

    def given_to_rare(given: Mapping[str, str]) -> float:
        classifier = learn("linear", data, given).classifier
        column = classifier.labels.index("cs.DB")
        return float(np.mean([classifier.probabilities(text)[column] for text in tested.texts]))

    assert given_to_rare({"class_weights": "balanced"}) > given_to_rare({})
