"""Why a service cannot start."""

from __future__ import annotations


class ServiceStartError(Exception):
    """A setting or a database cannot be used; the message names it and never carries a secret's value."""


class ConfigurationError(ServiceStartError):
    """A setting is missing or unusable."""


class DatabaseError(ServiceStartError):
    """The database cannot be reached, or its URL is none."""
