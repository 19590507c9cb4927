"""Everything trioexec raises on purpose.

One root, so that a caller can catch ours and nothing else.  A node that fails
is not an exception: it is an outcome, an event and a row in the report.
"""

from __future__ import annotations

__all__ = ["ConfigError", "NodeSetError", "TrioexecError", "UsageError", "why"]


class TrioexecError(Exception):
    """Base class of every error that trioexec raises."""


class UsageError(TrioexecError):
    """Something asked for makes no sense; found before the first connection.

    The text is at most two lines: what is wrong, and what to do.
    """


class NodeSetError(UsageError):
    """A node expression cannot be read; the text names the expression and the place."""


class ConfigError(UsageError):
    """A setting is unknown or has the wrong type; the text names where it was set."""


def why(exc: OSError | UnicodeDecodeError) -> str:
    """Say in a few words why a file could not be read or written."""
    if isinstance(exc, OSError):
        return (exc.strerror or str(exc)).lower()
    return "not a text file"
