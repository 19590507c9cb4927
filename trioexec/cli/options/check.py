"""What `check` has of a command's options, and of those that say how a run is shown.

Fields have the names of those, so that a config file and the environment say them for all.
"""

import math
from typing import Annotated

from msgspec import Struct

from trioexec.cli.declared import option
from trioexec.cli.options.output import COLOR, PROGRESS, When
from trioexec.cli.texts import pair, seconds

__all__ = ["CheckOptions"]


class CheckOptions(Struct, frozen=True, kw_only=True):
    """How checks are asked and reported."""

    timeout: Annotated[
        float,
        option(
            "--timeout",
            panel="Run",
            metavar="S",
            read=seconds,
            help="For each check that has no timeout in the file.",
        ),
    ] = math.inf
    env: Annotated[
        tuple[tuple[str, str], ...],
        option(
            "--env",
            panel="Run",
            metavar="K=V",
            read=pair,
            help="Set a variable for every check. Repeatable.",
        ),
    ] = ()
    json: Annotated[
        bool,
        option(
            "--json",
            panel="Output",
            help="A JSON object for each check on each node, a line each.",
        ),
    ] = False
    quiet: Annotated[
        bool,
        option(
            "-q",
            "--quiet",
            panel="Output",
            exclusive="loudness",
            help="Neither progress nor the line that counts.",
        ),
    ] = False
    verbose: Annotated[
        bool,
        option(
            "-v",
            "--verbose",
            panel="Output",
            exclusive="loudness",
            help="Say each step of each node.",
        ),
    ] = False
    color: Annotated[When, COLOR] = "auto"
    progress: Annotated[When, PROGRESS] = "auto"
