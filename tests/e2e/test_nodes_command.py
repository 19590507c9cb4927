"""`trioexec nodes` as a whole process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "trio",
    "asyncssh",
    "asyncio",
    "rich",
    "textual",
    "cyclopts",
    "ClusterShell",
    "yaml",
)
"""What naming nodes does without; each costs as much as the whole of nodeset's start."""


def run(
    *argv: str, text: str = "", python: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *python, "-m", "trioexec", "nodes", *argv],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(("--fold", "-"), id="fold"),
        pytest.param(("--count", "-", "-x", "web7"), id="count with an exclude"),
    ],
)
def test_naming_nodes_imports_nothing_heavy(argv: tuple[str, ...]) -> None:
    done = run(*argv, text="\n".join(f"web{i}" for i in range(1000)), python=("-X", "importtime"))

    imported = set(re.findall(r"\|\s+([\w.]+)$", done.stderr, re.MULTILINE))
    assert done.returncode == 0
    assert "trioexec.model.hostlist" in imported
    assert imported & set(HEAVY) == set()


@pytest.mark.parametrize(
    ("argv", "printed"),
    [
        pytest.param(["web[3,1]", "a"], "web3\nweb1\na\n", id="a line a node"),
        pytest.param(["-H", "web[1-5]", "-f", "web[2-9]", "-x", "web3", "--fold"], "web[2,4-5]\n", id="the whole algebra"),
        pytest.param(["web[1-5]!web2", "--count"], "4\n", id="count"),
        pytest.param(["web[1-5]", "--split", "2", "--fold"], "web[1-3]\nweb[4-5]\n", id="split"),
        pytest.param(["web[1-2]", "--split", "2", "--count"], "1\n1\n", id="split and count"),
    ],
)  # fmt: skip
def test_nodes_prints(argv: list[str], printed: str) -> None:
    done = run(*argv)

    assert (done.stdout, done.stderr, done.returncode) == (printed, "", 0)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        pytest.param(
            ["a!a"], "trioexec: a!a: there is no node in it.\nName others,", id="no node at all"
        ),
        pytest.param(
            ["a", "-x", "a"], "trioexec: no nodes are left after -f and -x.", id="dropped"
        ),
        pytest.param(
            [f"a{'b' * 99}!a{'b' * 99}"],
            f"trioexec: a{'b' * 59}...: there is no node in it.",
            id="long",
        ),
    ],
)
def test_no_node_is_an_error_that_says_why(argv: list[str], message: str) -> None:
    done = run(*argv)

    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.startswith(message)


def test_pick_prints_so_many() -> None:
    done = run("web[1-100]", "--pick", "7")

    assert len(set(done.stdout.split())) == 7


def test_json_prints_objects() -> None:
    done = run("ann@[::1]:22", "--json")

    assert json.loads(done.stdout) == {
        "name": "ann@[::1]:22",
        "host": "::1",
        "port": 22,
        "user": "ann",
        "rank": 0,
    }


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["web[1-"], id="expression"),
        pytest.param(["@no-such-group"], id="group"),
        pytest.param(["^/no/such/file"], id="file"),
        pytest.param(["a", "--pick", "0"], id="pick"),
        pytest.param(["a", "--fold", "--count"], id="fold and count"),
        pytest.param(["a", "-x", "a"], id="nothing left"),
        pytest.param(["web[1-9999999999]"], id="too many"),
    ],
)
def test_an_error_is_two_lines_and_exit_code_2(argv: list[str]) -> None:
    done = run(*argv)

    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        pytest.param(
            ("-x", "web07"), "trioexec: -x web07: none of the nodes is that.\n", id="typo"
        ),
        pytest.param(("-x", "web2", "-x", "db*"), "trioexec: -x db*: none of", id="one of two"),
        pytest.param(("-f", "web1", "-f", "wbe2"), "trioexec: -f wbe2: none of", id="a filter"),
        pytest.param(
            ("-f", "web1", "-f", "10"),
            "trioexec: -f 10: none of the nodes is that; --parallel 10 is so many at once.\n",
            id="a fanout",
        ),
        pytest.param(("-x", "web2", "-x", "-"), "", id="a list that others keep"),
    ],
)
def test_a_filter_that_names_nobody_is_said_to(argv: tuple[str, ...], says: str) -> None:
    done = run("web[1-3]", *argv, text="db1\n")

    assert done.returncode == 0
    assert done.stderr.startswith(says)
    assert done.stderr.count("\n") == bool(says)


def test_a_source_that_an_installed_package_names_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "racks.py").write_text(
        "class Racks:\n"
        "    def __init__(self, surroundings): pass\n"
        "    def nodes(self, group): return [f'{group}-n[1-2]'] if group else [1 / 0]\n"
        "    def groups(self): return ['r1']\n"
    )
    about = tmp_path / "our_racks-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: our-racks\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[trioexec.node_sources]\nracks = racks:Racks\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    assert run("--fold", "@racks:r1").stdout == "r1-n[1-2]\n"
    failed = run("@racks")
    assert failed.returncode == 2
    assert "@racks: the node source of our-racks failed: ZeroDivisionError" in failed.stderr
    assert "Did you mean @racks?" in run("@rakcs:r1").stderr
