"""Config files: where they are, what they may say, and the layers of settings they make."""

from __future__ import annotations

from trioexec.settings.config.config import Config
from trioexec.settings.config.files import load_config
from trioexec.settings.config.values import Kind

__all__ = ["Config", "Kind", "load_config"]
