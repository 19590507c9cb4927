"""What `completion` does with the script."""

from typing import Annotated

from msgspec import Struct

from trioexec.cli.declared import option

__all__ = ["CompletionOptions"]


class CompletionOptions(Struct, frozen=True, kw_only=True):
    """What is done with the script."""

    install: Annotated[
        bool,
        option(
            "--install",
            panel="Completion",
            from_env=False,
            reversible=False,
            help="Write the script to where the shell looks for it, and say where; a file that is"
            " not ours stays.",
        ),
    ] = False
