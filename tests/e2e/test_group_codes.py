"""What the command line adds to groups: their order, and an exit code for outliers."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.rig import Cli

FAILS_ON_2 = 'case $SSH_CONNECTION in *" 127.0.1.2 "*) exit 5;; esac'
IS_FIRST = 'case $SSH_CONNECTION in *" 127.0.1.1 "*) true;; *) false;; esac'
DIFFER = 'case $SSH_CONNECTION in *" 127.0.1.1 "*) echo odd;; *) echo usual;; esac'


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param((), 0, id="without it"),
        pytest.param(("--fail-on-diff",), 1, id="with it"),
    ],
)
async def test_nodes_that_differ_are_an_exit_code_when_asked_for(
    cli: Cli, options: tuple[str, ...], code: int
) -> None:
    done = await cli("-H", "127.0.1.[1-3]", "-g", *options, DIFFER)
    same = await cli("-H", "127.0.1.[1-3]", "-g", *options, "echo usual")

    assert done.code == code
    assert same.code == 0


async def test_nodes_that_differ_fail_in_every_report(cli: Cli, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    told = ("--junit", str(junit), "--annotations", "github")
    done = await cli("-H", "127.0.1.[1-3]", "-g", "--fail-on-diff", *told, DIFFER)

    says = "answered differently from most"
    (suite,) = ET.parse(junit).getroot()  # noqa: S314 - ours
    failed = {
        case.get("name"): [failure.get("message") for failure in case.iter("failure")]
        for case in suite.iter("testcase")
    }
    assert suite.get("failures") == "1"
    assert failed == {
        "127.0.1.1": [f"127.0.1.1: {says}"],
        "127.0.1.2": [],
        "127.0.1.3": [],
    }
    about = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert about["trioexec.exit_code"] == "1"
    assert f"  {says} (--fail-on-diff): 127.0.1.1\n" in done.stderr
    assert f" 1 of 3 nodes::127.0.1.1: {says}" in done.stderr


async def test_only_who_succeeded_as_most_did_fails_for_its_answer(
    cli: Cli, tmp_path: Path
) -> None:
    junit = tmp_path / "junit.xml"
    told = ("-g", "--fail-on-diff", "--junit", str(junit))
    some_fail = await cli("-H", "127.0.1.[1-5]", *told, f"{FAILS_ON_2}; echo usual")
    named = junit.read_text()
    most_fail = await cli("-H", "127.0.1.[1-3]", *told, f"{IS_FIRST} && exit; exit 3")

    assert some_fail.code == 1, "the main rank has succeeded, and a node differs"
    assert "answered differently" not in some_fail.stderr + named
    assert most_fail.code == 1
    assert "answered differently" not in most_fail.stderr + junit.read_text()


async def test_groups_come_in_the_order_asked_for(cli: Cli) -> None:
    by_size = await cli("-H", "127.0.1.[1-3]", "-g", DIFFER)
    by_node = await cli("-H", "127.0.1.[1-3]", "-g", "--sort", "node", DIFFER)

    assert by_size.stdout.index(b"usual") < by_size.stdout.index(b"odd")
    assert by_node.stdout.index(b"odd") < by_node.stdout.index(b"usual")


async def test_they_need_groups(cli: Cli) -> None:
    done = await cli("-H", "127.0.1.1", "--fail-on-diff", "true")

    assert done.code == 2
    assert done.stderr.startswith("trioexec: --fail-on-diff works with --group only.")
