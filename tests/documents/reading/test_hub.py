"""Records out of datasets of the Hugging Face hub: folders in its form, and a hub on this machine.

The hub's library takes its address from the environment as it is imported: what needs a hub runs in
a process of its own.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from classmark.documents import Fields, read_documents
from classmark.documents.reading.hub import HubName, read_hub
from classmark.errors import SourceError

REVISION = "0123456789abcdef0123456789abcdef01234567"
CARD = """---
dataset_info:
  config_name: {config}
  features:
  - name: sentence
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': negative
          '1': positive
configs:
- config_name: {config}
  data_files:
  - split: train
    path: data/train.parquet
  - split: test
    path: data/test.parquet
---
# Sentences
"""
SEVERAL_CLASSES = """---
dataset_info:
  features:
  - name: text
    dtype: string
  - name: labels
    list:
      class_label:
        names:
          '0': joy
          '1': awe
---
"""
READ = """
import sys
from classmark.documents import read_documents
from classmark.errors import ClassmarkError
try:
    for document in read_documents(sys.argv[1]):
        print(document.label, document.text)
except ClassmarkError as error:
    print(type(error).__name__, error)
"""


def put_dataset(folder: Path, config: str = "default") -> Path:
    """Four sentences to train with, two to test with whose classes are not told."""
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text(CARD.format(config=config))
    sentences = pa.array(["bad", "good", "fine", "dull"])
    train = pa.table({"sentence": sentences, "label": pa.array([0, 1, 1, 0], pa.int64())})
    test = pa.table({"sentence": sentences[:2], "label": pa.array([-1, -1], pa.int64())})
    parquet.write_table(train, folder / "data" / "train.parquet")
    parquet.write_table(test, folder / "data" / "test.parquet")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return put_dataset(tmp_path / "sentences")


def refusal(source: str) -> str:
    with pytest.raises(SourceError) as refused:
        list(read_documents(source))
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "name", "splits", "readings"),
    [
        ("hf:ag_news", "ag_news", ("train",), (("ag_news", None),)),
        ("hf:glue/sst2", "glue/sst2", ("train",), (("glue/sst2", None), ("glue", "sst2"))),
        ("hf:nyu-mll/glue/sst2", "nyu-mll/glue/sst2", ("train",), (("nyu-mll/glue", "sst2"),)),
        ("hf:imdb@test", "imdb", ("test",), (("imdb", None),)),
        ("hf:imdb@train+test", "imdb", ("train", "test"), (("imdb", None),)),
        ("hf:./a@b/c", "./a@b/c", ("train",), ((str(Path("a@b/c").absolute()), None),)),
        ("hf:/a/b@test", "/a/b", ("test",), (("/a/b", None),)),
    ],
)
def test_a_name_says_dataset_configuration_and_splits(
    text: str, name: str, splits: tuple[str, ...], readings: tuple[tuple[str, str | None], ...]
) -> None:
    parsed = HubName.parse(text)
    assert (parsed.name, parsed.splits, parsed.readings) == (name, splits, readings)


@pytest.mark.parametrize(
    "text", ["hf:", "hf:a/b/c/d", "hf:a b", "hf:imdb@", "hf:imdb@+test", "hf:a//b", "hf:-x", "hf:é"]
)
def test_what_can_be_no_name_is_refused(text: str) -> None:
    assert "is no name of a dataset" in refusal(text)


def test_a_folder_gives_its_train_rows_with_the_names_of_their_classes(folder: Path) -> None:
    documents = list(read_documents(f"hf:{folder}"))
    assert [(d.text, d.label) for d in documents] == [
        ("bad", "negative"),
        ("good", "positive"),
        ("fine", "positive"),
        ("dull", "negative"),
    ]


def test_splits_are_read_one_after_another(folder: Path) -> None:
    assert [(d.text, d.label) for d in read_documents(f"hf:{folder}@test")] == [
        ("bad", None),
        ("good", None),
    ]
    places = [record.place for record in read_hub(f"hf:{folder}@test+train")]
    assert places[1:4] == ["row 2 of test", "row 1 of train", "row 2 of train"]


def test_json_lines_with_several_classes_are_read(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(SEVERAL_CLASSES)
    rows = [{"text": "Oh!", "labels": [0, 1]}, {"text": "Ah.", "labels": []}]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    first, second = read_documents(f"hf:{tmp_path}", Fields(multi_label=True))
    assert (first.label, first.labels) == ("joy", ("awe", "joy"))
    assert (second.label, second.labels) == (None, ())


def test_plain_data_files_need_no_card(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\nWord.,a\n")
    (document,) = read_documents(f"hf:{tmp_path}")
    assert (document.text, document.label) == ("Word.", "a")


def test_an_unknown_split_is_told_with_those_there_are(folder: Path) -> None:
    told = refusal(f"hf:{folder}@dev")
    assert "has no split 'dev' (there are: train, test)" in told
    assert f"hf:{folder}@train" in told


def test_a_folder_that_can_t_be_read_is_told(tmp_path: Path) -> None:
    assert "There is no folder" in refusal(f"hf:{tmp_path}/none")
    assert "can't be read" in refusal(f"hf:{tmp_path}")
    (tmp_path / "train.parquet").write_bytes(b"no parquet")
    assert "can't be read" in refusal(f"hf:{tmp_path}")


def test_a_dataset_that_is_a_script_is_refused_and_not_run(folder: Path) -> None:
    (folder / f"{folder.name}.py").write_text("raise SystemExit('it was run')")
    assert "scripts are no longer supported" in refusal(f"hf:{folder}")


def test_a_format_or_a_folder_here_is_not_taken_for_the_hub_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "'json' is a format, not a dataset" in refusal("hf:json")
    (tmp_path / "imdb").mkdir()
    monkeypatch.chdir(tmp_path)
    assert "hf:./imdb for this one" in refusal("hf:imdb")


@dataclass
class Hub:
    """A hub on this machine, as far as its library asks one: `owner/glue`, `glue` for short."""

    files: dict[str, bytes]
    server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        hub = self

        class Answers(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                status, headers, body = hub.answer(self.path.split("?")[0])
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815 (http.server wants it)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        here = {"X-Repo-Commit": REVISION}
        if path == "/api/datasets/glue":
            return 307, {"Location": "/api/datasets/owner/glue"}, b""
        if file := re.fullmatch(r"/datasets/owner/glue/resolve/\w+/(.+)", path):
            content = self.files.get(file[1])
            if content is None:
                return 404, {"X-Error-Code": "EntryNotFound", **here}, b""
            return 200, {"ETag": f'"{sha1(content).hexdigest()}"', **here}, content  # noqa: S324
        if tree := re.fullmatch(r"/api/datasets/owner/glue/tree/\w+/?(.*)", path):
            return self._listing(tree[1])
        if re.fullmatch(r"/api/datasets/owner/glue(/revision/\w+)?", path):
            siblings = [{"rfilename": name} for name in self.files]
            known = {"id": "owner/glue", "sha": REVISION, "siblings": siblings, "private": False}
            return 200, here, json.dumps(known).encode()
        return 401, {"X-Error-Code": "RepoNotFound"}, b""

    def _listing(self, folder: str) -> tuple[int, dict[str, str], bytes]:
        below = f"{folder}/" if folder else ""
        entries: dict[str, dict[str, Any]] = {}
        for name, content in self.files.items():
            if name.startswith(below):
                first, _, rest = name.removeprefix(below).partition("/")
                kind, size = ("directory", 0) if rest else ("file", len(content))
                entry = {"type": kind, "path": below + first, "size": size, "oid": "0" * 40}
                entries[first] = entry
        return 200, {}, json.dumps(list(entries.values())).encode()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = put_dataset(tmp_path_factory.mktemp("hub") / "glue", "sst2")
    paths = [path for path in folder.rglob("*") if path.is_file()]
    made = Hub({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def reads(hub: Hub, tmp_path: Path) -> Callable[..., str]:
    """What a process that knows this hub alone reads of a source, and then prints."""

    def run(source: str, **variables: str) -> str:
        known = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "cache"), **variables}
        done = subprocess.run(
            [sys.executable, "-c", READ, source],
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | known,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
@pytest.mark.parametrize("source", ["hf:owner/glue", "hf:glue", "hf:owner/glue/sst2"])
def test_a_dataset_of_the_hub_is_read_by_name(source: str, reads: Callable[..., str]) -> None:
    assert reads(source) == "negative bad\npositive good\npositive fine\nnegative dull\n"


@pytest.mark.slow
def test_a_name_with_a_slash_is_an_owner_s_or_else_a_configuration(
    reads: Callable[..., str],
) -> None:
    assert reads("hf:glue/sst2@test") == "None bad\nNone good\n"
    assert "BuilderConfig 'mrpc' not found. Available: ['sst2']" in reads("hf:glue/mrpc")


@pytest.mark.slow
def test_what_the_hub_has_not_is_told(reads: Callable[..., str]) -> None:
    told = reads("hf:nobody/nothing")
    assert told.startswith("SourceError The Hugging Face hub has no dataset 'nobody/nothing'")
    assert "HF_TOKEN" in told


@pytest.mark.slow
@pytest.mark.parametrize("source", ["hf:glue", "hf:owner/glue"])
def test_a_hub_out_of_reach_is_told_with_what_to_do(source: str, reads: Callable[..., str]) -> None:
    told = reads(source, HF_HUB_OFFLINE="1")
    beginning = f"SourceUnavailableError {source}: the Hugging Face hub can't be reached"
    assert told.startswith(beginning)
    assert "hf:./FOLDER" in told
