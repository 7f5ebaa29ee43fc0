"""How it answers: over HTTP, on a page, in batches."""

from classmark.serving.api import ApiParts, MetricsView, create_api
from classmark.serving.batch import BatchJob, run_batch
from classmark.serving.batch_report import BatchReport
from classmark.serving.fallback import Fallback, load_or_fall_back, tell_fallback
from classmark.serving.predictor import Listener, Predictor
from classmark.serving.runtime import LoadedTableVersion, ServedModel, load_served_model
from classmark.serving.scheduler import Scheduler
from classmark.serving.server import Address, listening_socket, run_server
from classmark.serving.settings import ServingSettings

__all__ = [
    "Address",
    "ApiParts",
    "BatchJob",
    "BatchReport",
    "Fallback",
    "Listener",
    "LoadedTableVersion",
    "MetricsView",
    "Predictor",
    "Scheduler",
    "ServedModel",
    "ServingSettings",
    "create_api",
    "listening_socket",
    "load_or_fall_back",
    "load_served_model",
    "run_batch",
    "run_server",
    "tell_fallback",
]
