"""What is kept of a run, and what is done with what was kept."""

from typing import Annotated, Literal

from msgspec import Struct

from trioexec.cli.declared import option
from trioexec.cli.texts import choice, number, text

__all__ = ["RecordOptions", "RerunOptions", "RunsOptions"]

MAX_LISTED = 100_000


class RecordOptions(Struct, frozen=True, kw_only=True):
    """What is kept of a run."""

    junit: Annotated[
        str,
        option(
            "--junit",
            panel="Records",
            metavar="FILE",
            read=text,
            help="JUnit XML there, a test case for each node (of check: for each check on it); "
            "also when interrupted.",
        ),
    ] = ""
    annotations: Annotated[
        Literal["auto", "github", "none"],
        option(
            "--annotations",
            panel="Records",
            metavar="auto|github|none",
            read=choice,
            help="For GitHub Actions; auto: where GITHUB_ACTIONS says so.",
        ),
    ] = "auto"
    log_file: Annotated[
        str,
        option(
            "--log-file",
            panel="Records",
            metavar="FILE",
            read=text,
            help="A log of the run there, a JSON object a line, without output; appended to.",
        ),
    ] = ""
    otel: Annotated[
        bool,
        option(
            "--otel",
            panel="Records",
            help="OpenTelemetry spans of the run, to where the OTEL_* variables say.",
        ),
    ] = False
    no_record: Annotated[
        bool,
        option("--no-record", panel="Records", help="Keep nothing of this run in the journal."),
    ] = False
    no_record_output: Annotated[
        bool,
        option(
            "--no-record-output", panel="Records", help="Keep in the journal all but the output."
        ),
    ] = False


class RunsOptions(Struct, frozen=True, kw_only=True):
    """What `runs` lists and writes."""

    last: Annotated[
        int,
        option(
            "-n",
            "--last",
            panel="Journal",
            metavar="N",
            read=number(1, MAX_LISTED),
            help="List so many runs, the newest first.",
        ),
    ] = 20
    output: Annotated[
        str,
        option(
            "-o",
            "--output",
            panel="Journal",
            metavar="FILE",
            read=text,
            help="Where report writes the page; - is stdout.",
        ),
    ] = ""


class RerunOptions(Struct, frozen=True, kw_only=True):
    """On which of its nodes; with several of these, on those of any."""

    failed: Annotated[
        bool,
        option(
            "--failed", panel="Which nodes", help="Those that did not succeed, for whatever reason."
        ),
    ] = False
    unreachable: Annotated[
        bool,
        option(
            "--unreachable",
            panel="Which nodes",
            help="Those that could not be reached or did not let us in.",
        ),
    ] = False
    not_started: Annotated[
        bool, option("--not-started", panel="Which nodes", help="Those the run was stopped before.")
    ] = False
