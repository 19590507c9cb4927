"""Where we are; that may be a folder which somebody has removed meanwhile."""

from __future__ import annotations

import os

__all__ = ["here"]


def here() -> str:
    """Name the folder; empty where it is gone, and then no relative path leads anywhere."""
    try:
        return os.getcwd()  # noqa: PTH109 - a text
    except OSError:
        return ""
