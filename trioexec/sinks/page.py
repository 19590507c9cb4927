"""The HTML page of a run, with the style and the script that are beside this module."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from trioexec.model.hostfold import Fold
from trioexec.model.page import Assets, html_page
from trioexec.model.record import RunRecord

__all__ = ["page"]


def page(
    record: RunRecord,
    *,
    run_id: str,
    notes: Sequence[str],
    fold: Fold,
) -> str:
    """Make the page of a run; see `model.page` for what is in it."""
    folder = files("trioexec.sinks") / "page_assets"
    assets = Assets(
        style=(folder / "page.css").read_text(encoding="utf-8"),
        script=(folder / "page.js").read_text(encoding="utf-8"),
    )
    return html_page(record, run_id=run_id, notes=notes, fold=fold, assets=assets)
