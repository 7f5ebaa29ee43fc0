"""Sample documents in three parts, a tiny encoder, and every family trained once on them."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from classmark.documents import DEFAULT_STEPS, clean, sample_documents
from classmark.models import (
    CATALOGUE,
    Classifier,
    LabelledTexts,
    TrainingData,
    TrainingOutcome,
    family_class,
    load_classifier,
)
from classmark.progress import Silent

CLASSES = ("cs.CV", "cs.DB", "cs.RO")
TRAINED_ON, CHECKED_ON = 12, 4
CLEANING = tuple(map(str, DEFAULT_STEPS))
PAD, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
ASK = """
import json, sys
from pathlib import Path
from classmark.models import load_classifier
classifier = load_classifier(Path(sys.argv[1]))
rows = [classifier.classify(text).probabilities for text in json.load(sys.stdin)]
print(json.dumps({"rows": rows, "loaded": sorted(sys.modules), "labels": classifier.labels}))
"""


@dataclass(frozen=True, slots=True)
class Samples:
    """Cleaned sample documents of three classes.

    Attributes:
        data: What families learn from: 12 documents of each class, and 4 to check.
        held_out: The other 24 of each class.
    """

    data: TrainingData
    held_out: LabelledTexts


@dataclass(frozen=True, slots=True)
class Trained:
    """A family as it was trained, and the classifier that came of it.

    Attributes:
        family: Its name in the catalogue.
        given: Its parameters, as from `--set`.
        folder: Where the artifact lies; not to be written to.
        outcome: What training said.
        classifier: Loaded from the folder.
    """

    family: str
    given: Mapping[str, str]
    folder: Path
    outcome: TrainingOutcome
    classifier: Classifier


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a process of its own made of an artifact.

    Attributes:
        labels: Of the classifier.
        rows: The probabilities of each text.
        loaded: The modules that it had loaded in the end.
    """

    labels: Sequence[str]
    rows: Sequence[Sequence[float]]
    loaded: Sequence[str]


# A family's name, what it learns from and, where it is not the fast one, its setting -> trained.
Learn = Callable[..., Trained]
AskFresh = Callable[[Path, Sequence[str]], Fresh]


@pytest.fixture(scope="session")
def samples() -> Samples:
    parts: dict[str, list[tuple[str, str]]] = {"train": [], "validation": [], "held out": []}
    seen = dict.fromkeys(CLASSES, 0)
    for document in sample_documents():
        label = document.label or ""
        if label in seen:
            seen[label] += 1
            checked = seen[label] <= TRAINED_ON + CHECKED_ON
            part = "train" if seen[label] <= TRAINED_ON else "validation" if checked else "held out"
            parts[part].append((clean(document.text), label))
    train, validation, held_out = (
        LabelledTexts([text for text, _ in rows], [label for _, label in rows])
        for rows in parts.values()
    )
    return Samples(TrainingData(train, validation, seed=42, cleaning=CLEANING), held_out)


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Tokenizer:
    """WordPiece over the sample documents."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [PAD, UNKNOWN, START, END]
    trainer = trainers.WordPieceTrainer(
        vocab_size=3000, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator((document.text for document in sample_documents()), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, 2), (END, 3)]
    )
    return tokenizer


@pytest.fixture(scope="session")
def tiny_backbone(tiny_tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer that knows which words stand in the same documents."""
    folder = tmp_path_factory.mktemp("backbone")
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        cls_token=START,
        sep_token=END,
    )
    wrapped.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tiny_tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertModel(config)
    with torch.no_grad():
        words = torch.as_tensor(word_vectors(tiny_tokenizer, config.hidden_size))
        model.embeddings.word_embeddings.weight.copy_(words)
        # What stands at the first place sees all words alike: classes are learned in few steps.
        attention = model.encoder.layer[0].attention
        attention.self.query.weight.zero_()
        attention.self.key.weight.zero_()
        attention.self.value.weight.copy_(torch.eye(config.hidden_size))
        attention.output.dense.weight.copy_(4 * torch.eye(config.hidden_size))
        model.pooler.dense.weight.copy_(torch.eye(config.hidden_size))
    model.save_pretrained(folder)
    return folder


def word_vectors(tokenizer: Tokenizer, size: int) -> NDArray[np.float64]:
    """Latent semantic analysis of the sample documents, shape (tokens, size)."""
    weigher = TfidfVectorizer(
        analyzer=lambda text: tokenizer.encode(text).ids,
        lowercase=False,
        vocabulary=range(tokenizer.get_vocab_size()),
        sublinear_tf=True,
    )
    texts = [document.text for document in sample_documents()]
    found = TruncatedSVD(size, random_state=0).fit(weigher.fit_transform(texts))
    vectors: NDArray[np.float64] = found.components_.T
    return vectors


@pytest.fixture(scope="session")
def learn(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Learn:
    tiny = {"backbone": str(tiny_backbone), "max_tokens": "128"}
    tiny_member = {f"encoder.{key}": value for key, value in tiny.items()}
    tuned = tiny | {"epochs": "12", "learning_rate": "5e-3", "batch_size": "4"}
    fast = {
        "encoder": tiny,
        "transformer": tuned,
        "ensemble": tiny_member,
        "cascade": tiny_member,
    }

    def train(family: str, data: TrainingData, given: Mapping[str, str] | None = None) -> Trained:
        settings = fast.get(family, {}) if given is None else given
        folder = tmp_path_factory.mktemp(family)
        outcome = family_class(family).with_parameters(settings).train(data, folder, Silent())
        return Trained(family, settings, folder, outcome, load_classifier(folder))

    return train


@pytest.fixture(scope="session", params=CATALOGUE)
def trained(request: pytest.FixtureRequest, samples: Samples, learn: Learn) -> Trained:
    """Every family of the catalogue, one after the other."""
    return learn(request.param, samples.data)


@pytest.fixture(scope="session")
def ask_fresh() -> AskFresh:
    def ask(folder: Path, texts: Sequence[str]) -> Fresh:
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(folder)],
            input=json.dumps(list(texts)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return Fresh(**json.loads(done.stdout))

    return ask
