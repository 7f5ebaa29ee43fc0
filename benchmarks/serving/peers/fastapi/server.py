"""The server that everybody writes first: FastAPI around a pipeline of transformers.

Usage: MODEL=FOLDER uvicorn --app-dir benchmarks/serving/peers/fastapi server:app
"""

import os
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

app = FastAPI()
classify = pipeline("text-classification", model=os.environ["MODEL"], device="cpu")


class Body(BaseModel):
    """What is asked."""

    text: str


@app.post("/predict")
def predict(body: Body) -> dict[str, Any]:
    """Label and score."""
    found: dict[str, Any] = classify(body.text, truncation=True)[0]
    return found
