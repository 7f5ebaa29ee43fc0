"""How it answers: over HTTP, on a page, in batches."""

from classmark.serving.api import ApiParts, MetricsView, create_api
from classmark.serving.batch import run_batch
from classmark.serving.batch_job import BatchJob
from classmark.serving.batch_report import BatchReport
from classmark.serving.cache import AnswerCache
from classmark.serving.connections import PatientConfig
from classmark.serving.fallback import Fallback, load_or_fall_back, tell_fallback
from classmark.serving.following import ProductionFollower, SwapListener, following_production
from classmark.serving.keyring import Keyring
from classmark.serving.predictor import Listener, Predictor
from classmark.serving.runtime import LoadedTableVersion, ServedModel, load_served_model
from classmark.serving.scheduler import QueueLimits, Scheduler, Work
from classmark.serving.server import (
    Address,
    collect_garbage_seldom,
    listening_socket,
    run_server,
)
from classmark.serving.settings import ServingSettings
from classmark.serving.starting import Beginning, load_for_worker
from classmark.serving.versions import ModelVersions, Versions

__all__ = [
    "Address",
    "AnswerCache",
    "ApiParts",
    "BatchJob",
    "BatchReport",
    "Beginning",
    "Fallback",
    "Keyring",
    "Listener",
    "LoadedTableVersion",
    "MetricsView",
    "ModelVersions",
    "PatientConfig",
    "Predictor",
    "ProductionFollower",
    "QueueLimits",
    "Scheduler",
    "ServedModel",
    "ServingSettings",
    "SwapListener",
    "Versions",
    "Work",
    "collect_garbage_seldom",
    "create_api",
    "following_production",
    "listening_socket",
    "load_for_worker",
    "load_or_fall_back",
    "load_served_model",
    "run_batch",
    "run_server",
    "tell_fallback",
]
