"""What was said, and what was true."""

from classmark.predictions.draining import Drainer
from classmark.predictions.log import PredictionLog
from classmark.predictions.prediction import Feedback, Prediction, RequestMark
from classmark.predictions.spool import Recorder, Spool

__all__ = ["Drainer", "Feedback", "Prediction", "PredictionLog", "Recorder", "RequestMark", "Spool"]
