"""400 abstracts invented for demonstration, 40 for each of ten arXiv categories.

No paper stands behind them: problems, methods and figures are made up. They let the whole loop run
without a network; nothing about a model's quality on real papers follows from them.
"""

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from classmark.documents.document import Document
from classmark.documents.files import read_documents


def sample_documents() -> Iterator[Document]:
    """The 400 sample documents, category by category."""
    with as_file(files(__name__)) as folder:
        for path in sorted(Path(folder).glob("*.jsonl")):
            yield from read_documents(path)
