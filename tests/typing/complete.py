"""Whether each name that we promise has one type for every type checker.

    python tests/typing/complete.py

A type that is only inferred may be inferred differently by another checker; pyright knows
which those are.  Run it in an environment whose `bin` comes first in PATH.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

PROMISED = (
    "trioexec.api",
    "trioexec.engine.jobs",
    "trioexec.model",
    "trioexec.testing",
    "trioexec.transports.base",
    "trioexec.transports.ssh.options",
)
"""And what `trioexec` itself names; the rest of the package is only counted."""


def is_promised(name: str) -> bool:
    """Whether a symbol is of a module whose names we promise."""
    in_root = name.startswith("trioexec.") and name.count(".") == 1
    return in_root or any(name.startswith(f"{module}.") for module in PROMISED)


def main() -> int:
    """Ask pyright; complain about each promised name whose type is not written down."""
    done = subprocess.run(
        ["basedpyright", "--verifytypes", "trioexec", "--ignoreexternal", "--outputjson"],
        stdout=subprocess.PIPE,
        check=False,
    )
    found: dict[str, Any] = json.loads(done.stdout)["typeCompleteness"]
    symbols: list[dict[str, Any]] = found["symbols"]
    loose = [symbol for symbol in symbols if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]]
    ours = [symbol for symbol in symbols if is_promised(symbol["name"])]
    wrong = [symbol for symbol in loose if is_promised(symbol["name"])]
    for symbol in wrong:
        said = [each["message"].partition("\n")[0] for each in symbol["diagnostics"]]
        sys.stderr.write(f"{symbol['name']}: {'; '.join(said)}\n")
    sys.stdout.write(
        f"{len(ours) - len(wrong)} of {len(ours)} promised names have their types written down; "
        f"of all {len(symbols)} names {len(symbols) - len(loose)}.\n"
    )
    if not ours:
        sys.stderr.write("pyright has not found trioexec\n")
    return 1 if wrong or not ours else 0


if __name__ == "__main__":
    sys.exit(main())
