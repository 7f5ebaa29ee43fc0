"""classmark classifies documents and keeps the models that do it honest."""

import os

__version__ = "0.1.0"

_SWITCHES = {
    "DO_NOT_TRACK": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
# Some libraries report to their makers how they are used. In our processes none does, unless
# whoever runs them has set the switch otherwise. They read it when they are imported, so it is set
# before any of them can be.
os.environ |= _SWITCHES | os.environ
