"""FastAPI around the very graph that classmark serves: what is left is the server.

Usage: MODEL=FOLDER uvicorn --app-dir benchmarks/serving/peers/fastapi_onnx server:app

FOLDER is that of a version of classmark. Each request is computed on a thread of its own.
"""

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel
from tokenizers import Tokenizer

FOLDER = Path(os.environ["MODEL"])
LABELS: dict[str, str] = json.loads((FOLDER / "label_map.json").read_text(encoding="utf-8"))

app = FastAPI()
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(FOLDER / "model.onnx", options, providers=["CPUExecutionProvider"])
tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(512)


class Body(BaseModel):
    """What is asked."""

    text: str


@app.post("/predict")
def predict(body: Body) -> dict[str, str | float]:
    """Label and score."""
    ids = np.array([tokenizer.encode(body.text).ids], dtype=np.int64)
    given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    (found,) = session.run(["probabilities"], given)
    best = int(found[0].argmax())
    return {"label": LABELS[str(best)], "score": float(found[0][best])}
