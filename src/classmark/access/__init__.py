"""Who may ask: keys with scopes."""

from classmark.access.key import ApiKey, MadeKey, Scope, WrittenKey
from classmark.access.store import KeyStore

__all__ = ["ApiKey", "KeyStore", "MadeKey", "Scope", "WrittenKey"]
