"""What `demo` sets up."""

from typing import Annotated

from msgspec import Struct

from trioexec.cli.declared import option
from trioexec.cli.texts import number

__all__ = ["DemoOptions"]

MAX_DEMO_NODES = 500


class DemoOptions(Struct, frozen=True, kw_only=True):
    """What `demo` sets up."""

    nodes: Annotated[
        int,
        option(
            "--nodes",
            panel="Demo",
            metavar="N",
            read=number(1, MAX_DEMO_NODES),
            help="How many SSH servers to start.",
        ),
    ] = 8
