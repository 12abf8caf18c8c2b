"""The package's exceptions: which one is raised when.

``InvalidInput``
    An argument, option or array is not what it must be. Raised before work starts; the message names the
    argument, its value and what is allowed. A ``ValueError``, so that callers need not import this module.
``DataFileError``
    A file cannot be used: missing, unreadable, or holding something else than expected. The message names the
    path, the HDU, column or line, and what was expected. A ``ValueError`` too.
``MissingBackend``
    A piece of software or hardware that was asked for is not there. The message says what was asked, what is
    there, and how to get the rest. A ``RuntimeError``.
``DeviceMemoryError``
    A GPU has too little free memory, even for half the work at once. The message says how much is lacking and what
    would help. A ``MemoryError``.
``AccuracyWarning``
    What was asked for is done, but less accurately than asked, since the input does not allow more. The message says by
    how much and what would help. A ``UserWarning``.

All but the last derive from ``ClusterCNNError``; the commands catch that one, print its message and exit with status 2.
"""

from __future__ import annotations

__all__ = [
    "AccuracyWarning",
    "ClusterCNNError",
    "DataFileError",
    "DeviceMemoryError",
    "InvalidInput",
    "MissingBackend",
]


class ClusterCNNError(Exception):
    """Base of everything this package raises on purpose."""


class InvalidInput(ClusterCNNError, ValueError):
    """An argument is not what it must be: names the argument, the value and what is allowed."""


class DataFileError(ClusterCNNError, ValueError):
    """A file cannot be used: names the path, the place in it, and what was expected."""


class MissingBackend(ClusterCNNError, RuntimeError):
    """Software or hardware that was asked for is not there: names it, what is there, and how to get it."""


class DeviceMemoryError(ClusterCNNError, MemoryError):
    """A GPU's memory does not suffice: says how much is lacking and what would help."""


class AccuracyWarning(UserWarning):
    """Something is less accurate than asked: says by how much, and what would help."""
