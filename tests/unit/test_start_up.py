"""What each command imports: start-up is paid on every call, and this is where it leaks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = {
    "ClusterShell",
    "asyncio",
    "asyncssh",
    "cyclopts",
    "difflib",
    "email",
    "importlib.metadata",
    "inspect",
    "dataclasses",
    "msgspec",
    "rich",
    "textual",
    "trio",
    "trio_asyncio",
    "typing_extensions",
}
"""Each costs a tenth of an empty interpreter at least."""

ENTRY = {"__future__", "gc", "trioexec", "trioexec.__main__"}
"""What there is of every call; gc is built in."""

LOCAL = ("--transport", "local", "-q", "--no-record", "-H", "a", "true")


ENV = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}

CALL = """
import atexit, sys
before = set(sys.modules)
def tell():
    new = sys.modules.keys() - before
    print("imported", *(name for name in new if sys.modules[name]), file=sys.stderr)
atexit.register(tell)
from trioexec.__main__ import main
main()
"""


def imported_by(*argv: str, env: dict[str, str] | None = None) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", CALL, *argv],
        capture_output=True,
        text=True,
        # Coverage of subprocesses imports much itself.
        env={**ENV, **(env or {})},
        check=True,
    )
    return set(done.stderr.rpartition("imported ")[2].split())


def heavy_of(*argv: str) -> set[str]:
    return imported_by(*argv) & HEAVY


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_costs_no_more_than_an_empty_interpreter(flag: str) -> None:
    assert imported_by(flag) <= ENTRY


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["run", "--help"], id="run --help"),
        pytest.param(["ping", "-h"], id="ping -h"),
    ],
)
def test_help_costs_no_more_than_reading_a_file(argv: list[str]) -> None:
    assert imported_by(*argv) <= ENTRY | {
        "trioexec.cli",
        "trioexec.cli.letters",
        "trioexec.cli.quick",
    }


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["nodes", "web[1-3]"], id="nodes"),
        pytest.param(["nodes", "--fold", "web[1-3]"], id="nodes --fold"),
        pytest.param(["nodes", "--count", "^/dev/null", "a"], id="nodes of a file"),
        pytest.param(["__complete", "--paral"], id="an option at TAB"),
        pytest.param(["__complete", "-C", "prod"], id="a cluster at TAB"),
    ],
)
def test_plain_nodes_import_nothing_heavy_but_what_records_are_made_of(argv: list[str]) -> None:
    assert heavy_of(*argv) == {"msgspec"}


def test_a_command_makes_only_the_options_that_it_has() -> None:
    # -X importtime does not see what importlib is asked for by name.
    ask = (
        "import sys; from trioexec.cli.main import main; main(['nodes', 'web[1-3]'])\n"
        "print('made', *(one for one in sys.modules if '.cli.options.' in one))"
    )
    said = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, env=ENV, check=True
    ).stdout

    made = {name.rpartition(".")[2] for name in said.partition("made")[2].split()}
    assert made == {"general", "nodes", "numbers"}


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["--dry-run", "-H", "web[1-3]", "true"], id="--dry-run"),
        pytest.param(["nodes", "--fold", "web[1-3]", "-x", "web2"], id="nodes of options"),
    ],
)
def test_a_command_that_connects_to_nothing_imports_nothing_heavy(argv: list[str]) -> None:
    assert heavy_of(*argv) == {"msgspec"}


def test_what_is_below_the_command_line_is_left_to_cyclopts() -> None:
    argv = ("--dry-run", "-H", "web[1-3]", "true")
    assert "cyclopts" in imported_by(*argv, env={"TRIOEXEC_PARALLEL": "3"})


def test_a_local_run_knows_nothing_of_ssh_and_of_displays() -> None:
    unwanted = {"asyncssh", "cyclopts", "trio_asyncio", "rich", "textual"}
    assert heavy_of(*LOCAL) & unwanted == set()


@pytest.mark.parametrize(
    ("argv", "module"),
    [
        pytest.param([], "trioexec.sinks.grouped", id="group"),
        pytest.param([], "trioexec.sinks.jsonl", id="json"),
        pytest.param([], "trioexec.sinks.files", id="files"),
        pytest.param([], "trioexec.sinks.progress", id="progress"),
        pytest.param([], "trioexec.sinks.masks", id="masks"),
        pytest.param([], "trioexec.testing", id="testing"),
        pytest.param([], "trioexec.settings.config.tables", id="what files say"),
        pytest.param([], "trioexec.settings.sources.files", id="files of nodes"),
        pytest.param([], "trioexec.settings.sources.ansible", id="Ansible's inventories"),
        pytest.param([], "configparser", id="ClusterShell's groups"),
    ],
)
def test_a_run_imports_only_what_it_has_to_do_with(argv: list[str], module: str) -> None:
    assert module not in imported_by(*argv, *LOCAL)
