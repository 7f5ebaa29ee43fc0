"""classmark classifies documents and keeps the models that do it honest."""

__version__ = "0.1.0"
