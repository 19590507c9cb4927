"""How Sphinx builds these pages; ``nox -s docs`` does, with warnings as errors.

Nothing here needs the network: the few names of trio and asyncssh that our pages link to
stand in ``_inventories/*.txt``, and become the inventories that intersphinx reads.
"""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

import trioexec

HERE = Path(__file__).parent

project = "trioexec"
author = "the trioexec contributors"
version = release = trioexec.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "changes", "examples"]

html_theme = "alabaster"
html_theme_options = {
    "description": "One command on many machines over SSH",
    "fixed_sidebar": True,
    "page_width": "62rem",
}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}
html_copy_source = False
html_show_copyright = False

default_role = (
    "py:obj"  # docstrings say `name`, which is a link where there is something to link to
)
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def compile_inventory(source: Path, folder: Path) -> str:
    """Make Sphinx's own inventory format of a readable list."""
    head, *lines = source.read_text().splitlines()
    target = folder / f"{source.stem}.inv"
    with target.open("wb") as out:
        out.write(f"# Sphinx inventory version 2\n# Project: {source.stem}\n".encode())
        out.write(
            f"# Version: {head}\n# The remainder of this file is compressed using zlib.\n".encode()
        )
        out.write(zlib.compress("".join(f"{line} -\n" for line in lines).encode()))
    return str(target)


_folder = Path(tempfile.mkdtemp(prefix="trioexec-docs-"))
intersphinx_mapping = {
    source.stem: (
        f"https://{source.stem}.readthedocs.io/en/stable/",
        compile_inventory(source, _folder),
    )
    for source in sorted((HERE / "_inventories").glob("*.txt"))
}
