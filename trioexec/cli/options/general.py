"""What every command understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:  # `cli.app` reads the annotations, and brings these
    from trioexec.cli.parameters import option, text

__all__ = ["GeneralOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralOptions:
    """What every command understands."""

    help: Annotated[
        bool, option("-h", "--help", panel="General", from_env=False, help="Show this and exit.")
    ] = False
    version: Annotated[
        bool,
        option(
            "-V", "--version", panel="General", from_env=False, help="Show the version and exit."
        ),
    ] = False
    config: Annotated[
        str,
        option(
            "--config",
            panel="General",
            metavar="FILE",
            converter=text,
            help="The one config file to read, instead of the user's and the project's; "
            "none: no file.",
        ),
    ] = ""
    profile: Annotated[
        str,
        option(
            "--profile",
            panel="General",
            metavar="NAME",
            converter=text,
            help="Options that a config file has by name.",
        ),
    ] = ""
