"""Closing the ring."""

from classmark.retraining.cycle import NewVersion, VersionRequest, train_version

__all__ = ["NewVersion", "VersionRequest", "train_version"]
