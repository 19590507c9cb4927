"""What every command understands."""

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Struct

from trioexec.cli.completers import profile_names
from trioexec.cli.declared import option
from trioexec.cli.texts import text

if TYPE_CHECKING:
    from trioexec.cli.registry import CommandEntry

__all__ = ["FileOptions", "GeneralOptions", "groups_of"]


class GeneralOptions(Struct, frozen=True, kw_only=True):
    """What every command understands."""

    help: Annotated[
        bool,
        option(
            "-h",
            "--help",
            panel="General",
            from_env=False,
            reversible=False,
            help="Show this and exit.",
        ),
    ] = False
    version: Annotated[
        bool,
        option(
            "-V",
            "--version",
            panel="General",
            from_env=False,
            reversible=False,
            help="Show the version and exit.",
        ),
    ] = False


class FileOptions(Struct, frozen=True, kw_only=True):
    """Which config files count; for every command whose options they may set."""

    config: Annotated[
        str,
        option(
            "--config",
            panel="General",
            metavar="FILE",
            read=text,
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
            read=text,
            completer=profile_names,
            help="Options that a config file has by name.",
        ),
    ] = ""


def groups_of(entry: "CommandEntry") -> tuple[type[Any], ...]:
    """List all option groups of a command, in the order of help's panels."""
    return (*entry.groups, GeneralOptions, *(() if entry.raw else (FileOptions,)))
