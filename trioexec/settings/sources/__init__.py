"""Where the nodes of a site are kept: a source is a file here, behind one Protocol."""

from __future__ import annotations

from trioexec.settings.sources.base import MakeSource, NodeSource, Surroundings
from trioexec.settings.sources.process import open_sources
from trioexec.settings.sources.resolver import ENTRY_POINTS, Resolver

__all__ = ["ENTRY_POINTS", "MakeSource", "NodeSource", "Resolver", "Surroundings", "open_sources"]
