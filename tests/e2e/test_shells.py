"""Commands reach the user's own login shell as they were typed, whatever shell that is."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess

import pytest
import trio

from tests.e2e.rig import Cli, Done, Marker

SHELLS = ("dash", "bash", "zsh", "tcsh", "fish", "mksh")
NODE = "127.0.1.1"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make accounts")


@pytest.fixture(params=SHELLS)
def user(request: pytest.FixtureRequest) -> str:
    """An account with that login shell."""
    shell = shutil.which(request.param)
    if shell is None:
        pytest.skip(f"no {request.param} on this machine")
    name = f"trioexec-{request.param}"
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name).pw_name
    subprocess.run(["useradd", "-m", "-s", shell, "-p", "*", name], check=True)
    return name


async def test_a_command_is_what_the_login_shell_makes_of_it(cli: Cli, user: str) -> None:
    # csh looks for old commands behind a `!`, and fish spoils what is not ASCII, whoever asks.
    bang = "" if user.endswith("csh") else "!x"
    odd = "a'b\"c\\d!e$f`g*h %i\nj" + ("" if user.endswith("fish") else "\u00e4")
    command = "\n".join(
        [
            # All shells read these alike; what they differ in is theirs.
            f"echo one; echo 'two  $HOME {bang}'",
            'echo "three" | tr e E',
            "printenv ODD",
        ]
    )

    done = await cli("-H", NODE, "-l", user, "-q", "-N", "--env", f"ODD={odd}", command)

    assert done.stdout.decode() == f"one\ntwo  $HOME {bang}\nthrEE\n{odd}\n", done.stderr
    assert done.stderr == ""
    assert done.code == 0


async def test_codes_signals_and_ends_come_through(cli: Cli, mark: Marker, user: str) -> None:
    pid = "$fish_pid" if user.endswith("fish") else "$$"

    done: dict[str, Done] = {}

    async def run(name: str, *words: str) -> None:
        done[name] = await cli("-H", NODE, "-l", user, *words)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, "exit", "exit 7")
        nursery.start_soon(run, "kill", f"kill -9 {pid}")
        left = "sh -c 'sleep 1000 & sleep 1000' & sleep 1000"
        nursery.start_soon(run, "timeout", "--timeout", "1", *mark.options, left)

    codes = {name: each.code for name, each in done.items()}
    assert codes == {"exit": 7, "kill": 137, "timeout": 124}
    assert "  timed out running: 127.0.1.1\n" in done["timeout"].stderr
    await mark.are_gone()


async def test_a_shell_says_nothing_of_a_script_that_a_signal_ended(cli: Cli, user: str) -> None:
    script = cli.folder / "script"
    script.write_text("#!/bin/sh\necho one\nkill -9 $$\n")

    done = await cli("-H", NODE, "-l", user, "-q", "--script", str(script))

    assert (done.code, done.stdout, done.stderr) == (137, b"127.0.1.1: one\n", "")
