# ruff: noqa: S314 - the documents are ours
"""`trioexec check` against a real sshd: what it reports, exits with, keeps and leaves behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import xmlschema

from tests.e2e.rig import Cli, Marker

SCHEMAS = Path(__file__).parents[1] / "unit/schemas"
CASE_OUTPUT = re.compile(r"      <system-(out|err)>.*?</system-\1>\n", re.DOTALL)
"""Of a test case: what Jenkins knows and the strict schema does not."""

ALL_RIGHT = """\
nodes = "127.0.1.[1-3]"
[checks.up]
command = "true"
[checks.kernel]
command = "uname"
output = "Linux"
same-on-all-nodes = true
[checks.missing]
command = "ls /nonexistent"
exit-code = 2
"""

ONE_DIFFERS = """\
nodes = "127.0.1.[1-3]"
[checks.up]
command = "true"
[checks.version]
command = "case $SSH_CONNECTION in *' 127.0.1.2 '*) echo 2.0;; *) echo 1.0;; esac"
same-on-all-nodes = true
[checks.unit]
command = "case $SSH_CONNECTION in *' 127.0.1.3 '*) echo no such unit >&2; exit 4;; esac"
"""

SLOW = """\
nodes = "127.0.1.[1-2]"
[checks.quick]
command = "echo quick"
[checks.slow]
command = "sleep 1000"
[checks.never]
command = "echo never"
"""


def write(cli: Cli, text: str) -> str:
    (cli.folder / "checks.toml").write_text(text)
    return "checks.toml"


def cases(path: Path) -> dict[tuple[str, str], str]:
    """What each test case is: the tag of what went wrong, or ok; for both schemas valid."""
    text = path.read_text()
    xmlschema.XMLSchema(SCHEMAS / "junit-jenkins.xsd").validate(text)
    xmlschema.XMLSchema(SCHEMAS / "junit-windyroad.xsd").validate(CASE_OUTPUT.sub("", text))
    found = {}
    for case in ET.fromstring(text).iter("testcase"):
        tags = {child.tag for child in case} - {"system-out", "system-err"}
        found[case.get("classname", ""), case.get("name", "")] = "".join(tags) or "ok"
    return found


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["alone", "workers"])
async def test_all_right_everywhere_is_exit_0_over_one_connection_a_node(
    cli: Cli, options: tuple[str, ...]
) -> None:
    since = len(cli.sshd.log)

    done = await cli("check", write(cli, ALL_RIGHT), "--junit", "report.xml", *options)

    lines = done.stdout.decode().splitlines()
    assert done.code == 0, done.stderr
    assert lines[:3] == ["ok up", "ok kernel", "ok missing"]
    assert re.fullmatch(r"3 checks on 3 nodes: 3 ok in \d+\.\d s", lines[3])
    assert done.stderr == ""
    assert cli.sshd.logins(since) == 3
    assert set(cases(cli.folder / "report.xml").values()) == {"ok"}


async def test_a_node_that_differs_and_one_that_fails_are_named_with_what_they_said(
    cli: Cli,
) -> None:
    done = await cli("check", write(cli, ONE_DIFFERS), "--junit", "report.xml", "-q")

    assert done.code == 1
    assert done.stdout.decode() == (
        "ok up\n"
        "FAILED version: 127.0.1.2: answered '2.0'; 2 nodes answered '1.0'\n"
        "FAILED unit: 127.0.1.3: exit 4, not 0: no such unit\n"
    )
    found = cases(cli.folder / "report.xml")
    assert len(found) == 9
    assert {key for key, tag in found.items() if tag == "failure"} == {
        ("version", "127.0.1.2"),
        ("unit", "127.0.1.3"),
    }


async def test_a_node_that_lets_nobody_in_is_an_error_of_every_check(cli: Cli) -> None:
    name = write(cli, ALL_RIGHT)

    some = await cli("check", name, "127.0.1.1,127.0.9.1", "--junit", "report.xml")
    none = await cli("check", name, "127.0.9.1")

    assert (some.code, none.code) == (1, 255)
    assert some.stdout.count(b"ERROR ") == 3
    assert b"ERROR kernel: 127.0.9.1: denied: " in some.stdout
    assert b"3 checks on 2 nodes: 3 errors in " in some.stdout
    found = cases(cli.folder / "report.xml")
    assert {name for (_, name), tag in found.items() if tag == "error"} == {"127.0.9.1"}
    assert {name for (_, name), tag in found.items() if tag == "ok"} == {"127.0.1.1"}


async def test_interrupted_it_exits_130_ends_what_runs_and_reports_what_was_answered(
    cli: Cli, mark: Marker
) -> None:
    words = ("check", write(cli, SLOW), "--junit", "report.xml", *mark.options)
    async with cli.start(*words) as run:
        await mark.are_running("sleep 1000", count=2)

        await run.press_twice()

        assert await run.exits() == 130
    assert "Status: 2 running, 0 completed" in run.stderr
    lines = bytes(run.stdout).decode().splitlines()
    assert lines[:3] == [
        "ok quick",
        "ERROR slow: 127.0.1.[1-2]: stopped (interrupt)",
        "SKIPPED never: 127.0.1.[1-2]: not asked: stopped (interrupt)",
    ]
    found = cases(cli.folder / "report.xml")
    assert {check: tag for (check, _), tag in found.items()} == {
        "quick": "ok",
        "slow": "error",
        "never": "skipped",
    }
    await mark.are_gone()


async def test_a_sigterm_exits_143_and_leaves_nothing(cli: Cli, mark: Marker) -> None:
    async with cli.start("check", write(cli, SLOW), *mark.options) as run:
        await mark.are_running("sleep 1000", count=2)

        run.press(signal.SIGTERM)

        assert await run.exits() == 143
    assert b"ok quick\n" in run.stdout
    await mark.are_gone()


async def test_a_limit_ends_one_check_and_the_next_is_asked(cli: Cli, mark: Marker) -> None:
    limited = SLOW.replace('"sleep 1000"', '"sleep 1000"\ntimeout = 0.5')

    done = await cli("check", write(cli, limited), *mark.options, "-q")

    assert done.code == 1
    assert done.stdout.decode().splitlines() == [
        "ok quick",
        "ERROR slow: 127.0.1.[1-2]: timed out running",
        "ok never",
    ]
    await mark.are_gone()


async def test_a_deadline_ends_all(cli: Cli, mark: Marker) -> None:
    done = await cli("check", write(cli, SLOW), "--deadline", "8", *mark.options, "-q")

    assert done.code == 1
    assert done.stdout.decode().splitlines()[1:] == [
        "ERROR slow: 127.0.1.[1-2]: ran into the deadline",
        "SKIPPED never: 127.0.1.[1-2]: not asked: ran into the deadline",
    ]
    await mark.are_gone()


async def test_failing_fast_stops_at_the_first_wrong_answer(cli: Cli) -> None:
    name = write(cli, '[checks.wrong]\ncommand = "exit 3"\n[checks.next]\ncommand = "true"\n')

    done = await cli("check", name, "127.0.1.[1-3]", "-k", "--parallel", "1", "-q")

    assert done.code == 1
    assert done.stdout.decode().splitlines() == [
        "FAILED wrong: 127.0.1.1: exit 3, not 0",
        "SKIPPED wrong: 127.0.1.[2-3]: not started (fail-fast)",
        "SKIPPED next: 127.0.1.1: not asked: another check failed there",
        "SKIPPED next: 127.0.1.[2-3]: not started (fail-fast)",
    ]


async def test_an_answer_without_end_costs_no_memory_and_is_said_to_be_long(cli: Cli) -> None:
    megabytes = 300
    command = f"head -c {megabytes}000000 /dev/zero | tr '\\\\0' x; echo"
    name = write(cli, f'[checks.long]\ncommand = "{command}"\nmatches = "y"\n')
    measured = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:]).returncode\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "print(peak, file=sys.stderr)\n"
        "sys.exit(code)\n"
    )

    async with cli.start(
        "check", name, "127.0.1.1", "-q", prefix=[sys.executable, "-c", measured]
    ) as run:
        code = await run.exits()

    assert code == 1
    assert b"(300,000,001 bytes), which has no y in its first 1,048,576 bytes\n" in run.stdout
    assert int(run.stderr) < megabytes * 1000 / 2  # kB: it was not kept


async def test_json_is_an_object_a_check_and_node(cli: Cli) -> None:
    done = await cli("check", write(cli, ONE_DIFFERS), "--json")

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [(row["check"], row["node"]) for row in rows if row["verdict"] != "ok"]
    assert done.code == 1
    assert len(rows) == 9
    assert wrong == [("version", "127.0.1.2"), ("unit", "127.0.1.3")]


def test_it_is_one_line_of_a_nox_session(cli: Cli) -> None:
    nox = pytest.importorskip("nox", reason="nox runs this test")
    write(cli, ONE_DIFFERS)
    config = cli.sshd.config
    (cli.folder / "trioexec").write_text(f'#!/bin/sh\nexec {sys.executable} -m trioexec "$@"\n')
    (cli.folder / "trioexec").chmod(0o755)
    (cli.folder / "noxfile.py").write_text(
        "import nox\n\n@nox.session(venv_backend='none')\ndef checks(session):\n"
        f"    session.env['TRIOEXEC_SSH_CONFIG'] = '{config}'\n"
        "    session.run('trioexec', 'check', 'checks.toml', '--junit', 'report.xml',"
        " external=True)\n"
    )
    environ = cli.environ()

    done = subprocess.run(
        [sys.executable, "-m", nox.__name__, "-s", "checks"],
        cwd=cli.folder,
        env=environ | {"PATH": f"{cli.folder}:{environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert "FAILED version: 127.0.1.2: answered '2.0'; 2 nodes answered '1.0'" in done.stdout
    assert len(cases(cli.folder / "report.xml")) == 9
