"""How a run is shown."""

from typing import Annotated, Final, Literal

from msgspec import Struct

from trioexec.cli.declared import option
from trioexec.cli.texts import choice, listed, text

__all__ = ["COLOR", "PROGRESS", "OutputOptions", "When"]

When = Literal["auto", "always", "never"]

COLOR: Final = option(
    "--color",
    panel="Output",
    metavar="auto|always|never",
    read=choice,
    help="auto: on a terminal, unless NO_COLOR is set.",
)

PROGRESS: Final = option(
    "--progress",
    panel="Output",
    metavar="auto|always|never",
    read=choice,
    help="The live line on the terminal; auto: on stderr, unless stdout is a pipe.",
)


class OutputOptions(Struct, frozen=True, kw_only=True):
    """How a run is shown."""

    stream: Annotated[
        bool,
        option(
            "--stream",
            panel="Output",
            exclusive="output",
            help="Lines as they come, each after its node's name; the default.",
        ),
    ] = False
    group: Annotated[
        bool,
        option(
            "-g",
            "--group",
            panel="Output",
            exclusive="output",
            help="Equal outputs once, under the nodes that gave them.",
        ),
    ] = False
    diff: Annotated[
        bool, option("--diff", panel="Output", help="With -g: what the minority says differently.")
    ] = False
    mask: Annotated[
        str,
        option(
            "--mask",
            panel="Output",
            metavar="KINDS",
            read=listed,
            help="With -g: host,time,number are no difference between two answers.",
        ),
    ] = ""
    sort: Annotated[
        Literal["size", "node", "code"],
        option(
            "--sort",
            panel="Output",
            metavar="size|node|code",
            read=choice,
            help="With -g: the biggest group first, or by first node, or by exit code.",
        ),
    ] = "size"
    fail_on_diff: Annotated[
        bool,
        option(
            "--fail-on-diff",
            panel="Output",
            help="With -g: exit 1 where nodes answer differently and the code would be 0.",
        ),
    ] = False
    json: Annotated[
        bool,
        option(
            "--json",
            panel="Output",
            exclusive="output",
            help="Every event of the run as one JSON object a line.",
        ),
    ] = False
    tui: Annotated[
        bool,
        option(
            "--tui",
            panel="Output",
            exclusive="output",
            help="All nodes on the whole terminal: filter, sort, follow, split, compare; ? shows"
            " keys.",
        ),
    ] = False
    output_dir: Annotated[
        str,
        option(
            "--output-dir",
            panel="Output",
            metavar="DIR",
            read=text,
            help="Files NODE.out, NODE.err and run.json there; with a mode above, that as well.",
        ),
    ] = ""
    no_prefix: Annotated[
        bool, option("-N", "--no-prefix", panel="Output", help="Lines without the node's name.")
    ] = False
    quiet: Annotated[
        bool,
        option(
            "-q",
            "--quiet",
            panel="Output",
            exclusive="loudness",
            help="Neither progress nor summary.",
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
