"""Many texts on the web page: a file in, a table, figures and a file of results out."""

import asyncio
import csv
import io
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import gradio as gr

from classmark.documents import Document
from classmark.serving.api import ApiParts
from classmark.serving.page_desk import outcome, predicted
from classmark.serving.page_events import at_once, clear
from classmark.serving.page_markup import bars, paragraphs, problem, table
from classmark.serving.page_upload import FORMATS, documents_of, most_bytes, uploaded
from classmark.serving.predictor import ServedPrediction
from classmark.serving.settings import ServingSettings
from classmark.spreadsheet import safe_cell

_SHOWN_ROWS = 20
_SHOWN_LABELS = 30
_SHOWN_CHARACTERS = 200
_BINS = 10
_COLUMNS = (
    *("id", "text", "label", "labels", "confidence", "abstained"),
    *("prediction_id", "model", "model_version", "latency_ms", "predicted_at"),
)
_PICKER = (
    '<label for="documents">A file of documents in UTF-8: {named}</label>'
    '<input type="file" id="documents" accept="{formats}">'
)
# The file goes along with the question; the server keeps none.
_READ = """
async (sent, columns) => {
  const file = document.getElementById("documents").files[0];
  if (!file) return ["", columns];
  const url = file.size > MOST_BYTES ? "," : await new Promise((told, failed) => {
    const reader = new FileReader();
    reader.onload = () => told(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
  const content = url.slice(url.indexOf(",") + 1);
  return [JSON.stringify({name: file.name, bytes: file.size, content}), columns];
}
"""
_SAVE = """
(results) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([results.csv], {type: "text/csv"}));
  link.download = results.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
"""

Shown = tuple[str, str, dict[str, str] | None, gr.Button]


@dataclass(frozen=True, slots=True)
class Batch:
    """A file that was answered.

    Attributes:
        documents: What was in it.
        answers: In the same order.
        seconds: How long it took.
    """

    documents: Sequence[Document]
    answers: Sequence[ServedPrediction]
    seconds: float


def add_batch_tab(parts: ApiParts) -> None:
    """What asks for a file of texts, and shows what was answered."""
    settings = parts.settings

    async def classify(sent: str, columns: str) -> Shown:
        found = await outcome(_answered(parts, sent, columns))
        if isinstance(found, str):
            return problem(found), "", None, gr.Button(interactive=False)
        return (*found, gr.Button(interactive=True))

    with gr.Row():
        with gr.Column():
            picker = _PICKER.format(named=", ".join(FORMATS), formats=",".join(FORMATS))
            gr.HTML(picker, js_on_load=None, elem_id="picker", container=True, padding=True)
        with gr.Column():
            columns = gr.Textbox(
                label="Columns with the text",
                placeholder="Found by their names: title and abstract, text, sentence or content",
                info=_limits(settings),
                elem_id="columns",
            )
    with gr.Row():
        button = gr.Button("Classify the file", variant="primary", elem_id="classify-file")
        save = gr.Button("Download the results", interactive=False, elem_id="save")
    note = gr.HTML(elem_id="batch-note", elem_classes="told")
    shown = gr.HTML(elem_id="batch", elem_classes="told")
    sent, results = gr.Textbox(visible=False), gr.JSON(visible=False)
    clear(button.click, [note, shown])
    at_once(
        button.click,
        classify,
        [sent, columns],
        [note, shown, results, save],
        js=_READ.replace("MOST_BYTES", str(most_bytes(settings))),
        show_progress_on=note,
    )
    at_once(save.click, None, results, None, js=_SAVE)


def _limits(settings: ServingSettings) -> str:
    return (
        f"With commas between, joined in this order. {settings.max_batch_texts:,} documents and "
        f"{most_bytes(settings) / 1e6:,.1f} MB at most."
    )


async def _answered(parts: ApiParts, sent: str, columns: str) -> tuple[str, str, dict[str, str]]:
    """A note, the answers as they are shown, and the file of results."""
    settings, start = parts.settings, time.perf_counter()

    def read() -> list[Document]:
        return documents_of(uploaded(sent, settings), columns, settings)

    documents = await asyncio.to_thread(read)
    answers = await predicted(parts.predictor, [it.text for it in documents], settings)
    batch = Batch(documents, answers, time.perf_counter() - start)
    # Thousands of rows would hold up everybody else's answers.
    return await asyncio.to_thread(_shown, batch)


def _shown(batch: Batch) -> tuple[str, str, dict[str, str]]:
    return _note(batch), _markup(batch), {"name": _name(batch), "csv": _as_csv(batch)}


def _note(batch: Batch) -> str:
    unsure = sum(answer.abstained for answer in batch.answers)
    given = batch.answers[0].prediction
    count = len(batch.answers)
    counted = "1 document was" if count == 1 else f"{count:,} documents were"
    done = f"{counted} classified in {batch.seconds:.1f} s"
    told = f" Of {unsure:,} the model is not sure enough." if unsure else ""
    return paragraphs([f"{done} by {given.model}_{given.version}.{told}"])


def _markup(batch: Batch) -> str:
    """Distribution, histogram and the first rows."""
    predictions = [answer.prediction for answer in batch.answers]
    labels = Counter(label for one in predictions for label in one.given)
    most = dict(labels.most_common(_SHOWN_LABELS))
    left = sum(labels.values()) - sum(most.values())
    if left:
        most["all others"] = left
    bins = Counter(min(int(one.confidence * _BINS), _BINS - 1) for one in predictions)
    histogram = {f"{it / _BINS:.1f} to {(it + 1) / _BINS:.1f}": bins[it] for it in range(_BINS)}
    return (
        f'<div class="pair"><div>{bars("Labels", most)}</div>'
        f"<div>{bars('Confidence', histogram)}</div></div>{_first_rows(batch)}"
    )


def _first_rows(batch: Batch) -> str:
    pairs = list(zip(batch.documents, batch.answers, strict=True))[:_SHOWN_ROWS]
    rows = [
        (
            _shortly(document.text),
            ", ".join(answer.prediction.given) or "none",
            f"{answer.prediction.confidence:.1%}",
            "no" if answer.abstained else "yes",
        )
        for document, answer in pairs
    ]
    of_all = f"The first {len(rows)} of {len(batch.answers):,} documents"
    return table(of_all, ("Text", "Label", "Confidence", "Sure enough"), rows)


def _shortly(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _name(batch: Batch) -> str:
    given = batch.answers[0].prediction
    return f"{given.model}_{given.version}_{datetime.now(UTC):%Y%m%dT%H%M%SZ}.csv"


def _as_csv(batch: Batch) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    writer.writerows(_rows(batch))
    return file.getvalue()


def _rows(batch: Batch) -> Iterator[list[object]]:
    for document, answer in zip(batch.documents, batch.answers, strict=True):
        given = answer.prediction
        row = (
            *(document.id, document.text, given.label, "; ".join(given.given), given.confidence),
            *(answer.abstained, answer.id, given.model, given.version, given.latency_ms),
            given.at.isoformat(),
        )
        yield [safe_cell(cell) for cell in row]
