"""How it feels: what serving did, counted."""

from classmark.monitoring.prometheus import ServingMetrics

__all__ = ["ServingMetrics"]
