"""A pipeline of transformers as a model of MLflow, which `mlflow models serve` answers with.

Usage: MODEL=FOLDER python benchmarks/serving/peers/mlflow/save.py TARGET
"""

import os
import sys

import mlflow.transformers
from transformers import pipeline

mlflow.transformers.save_model(
    pipeline("text-classification", model=os.environ["MODEL"], device="cpu"),
    sys.argv[1],
    task="text-classification",
    pip_requirements=["mlflow", "torch", "transformers"],
)
