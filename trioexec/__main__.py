"""``python -m trioexec`` and the console script.

Nothing is imported up here: `--version` is asked by scripts, often, and costs no
more than an interpreter that does nothing.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from trioexec import __version__  # noqa: PLC0415

        sys.stdout.write(f"trioexec {__version__}\n")
        return
    from trioexec.cli.main import main as run  # noqa: PLC0415

    sys.exit(run())


if __name__ == "__main__":
    main()
