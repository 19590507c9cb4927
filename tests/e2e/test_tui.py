"""The TUI in a real terminal: tmux, whose screen is read as text, and real signals."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.tmux_rig import HANG_S, Terminal

SLOW = "echo ready on $TRIOEXEC_NODE; sleep 9876"


def left_running(mark: str = "sleep 9876") -> list[str]:
    found = subprocess.run(
        ["ps", "-eo", "stat,args"], stdout=subprocess.PIPE, text=True, check=True
    )
    return [
        line
        for line in found.stdout.splitlines()
        if line.endswith(mark) and not line.startswith("Z") and "sh -c" not in line
    ]


def settled(screen: str) -> str:
    """Times differ from run to run."""
    return re.sub(r" +\d+\.\d s", " T s", re.sub(r" \d+ s ", " T s ", screen))


TABLE = """\
 trioexec  test $TRIOEXEC_NODE != web3 || { echo no space >&2; exit 3; }; echo fine
   NODE      STATE                             TIME  ANSWER    LINES LAST LINE
  ✓ web1     ok T s  A \u00d73          1 fine
  ✓ web2     ok T s  A \u00d73          1 fine
  ✗ web3     exit 3 T s  unique        1 no space
  ✓ web4     ok T s  A \u00d73          1 fine"""

FOOT = """\
 ━━━━━━━━━━━━━━━━━━━━━━━━  4/4  3 ok  1 failed  T s  finished: exit 0 - q quits
 ⏎ open  / filter  o sort  space mark  s split  d diff  p output  q quit  ? help"""

DIFF = """\
 - majority (3 nodes, as web1)   + web3   2 removed, 2 added
  -(ok)
  +(exit 3)
  stdout
  @@ -1 +0,0 @@
  -fine
  stderr
  @@ -0,0 +1 @@
  +no space"""


def test_a_run_is_looked_at_and_left(terminal: Terminal) -> None:
    terminal.run(
        *("-H", "web[1-4]", "test $TRIOEXEC_NODE != web3 || { echo no space >&2; exit 3; };"),
        "echo fine",
    )

    terminal.until(lambda: settled(terminal.screen()).startswith(TABLE), TABLE)
    terminal.until(lambda: settled(terminal.screen()).endswith(FOOT), FOOT)
    terminal.press("o", "d")
    assert terminal.shows("majority").startswith(DIFF)
    terminal.press("Escape")
    terminal.shows("STATE▼")
    terminal.press("Enter")
    terminal.shows("▌ no space")
    terminal.press("q")
    screen = terminal.shows("code 0")

    assert "4 nodes: 3 ok, 1 failed in" in screen
    assert "  exit 3: web3" in screen
    terminal.is_as_it_was()


@pytest.mark.parametrize("key", ["q", "C-c"])
def test_quitting_early_ends_the_commands_and_exits_130(terminal: Terminal, key: str) -> None:
    terminal.run("--batch", "-H", "n[1-3]", SLOW)
    terminal.shows("ready on n1", "ready on n3")
    assert terminal.flags() == "1 1 0"
    terminal.press(key)
    screen = terminal.shows("code 130")

    assert "stopped (interrupt): n[1-3]" in screen
    assert left_running() == []
    terminal.is_as_it_was()


@pytest.mark.parametrize(
    ("number", "code", "why"),
    [
        pytest.param(signal.SIGTERM, 143, "terminate", id="TERM"),
        pytest.param(signal.SIGHUP, 129, "hangup", id="HUP"),
        pytest.param(signal.SIGINT, 130, "interrupt", id="INT"),
    ],
)
def test_signals_end_it_as_they_do_everywhere(
    terminal: Terminal, number: int, code: int, why: str
) -> None:
    terminal.run("-H", "n[1-3]", SLOW)
    terminal.shows("ready on n3")
    terminal.signal(number)
    screen = terminal.shows(f"code {code}")

    assert f"stopped ({why}): n[1-3]" in screen
    assert left_running() == []
    terminal.is_as_it_was()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param((), 0, id="main rank"),
        pytest.param(("--require-all-success",), 1, id="all"),
        pytest.param(("--any-failure",), 3, id="any failure"),
    ],
)
def test_left_after_the_end_it_exits_as_the_run_did(
    terminal: Terminal, options: tuple[str, ...], code: int
) -> None:
    terminal.run(*options, "-H", "a,b", "[ $TRIOEXEC_NODE = a ] || exit 3")
    terminal.shows("finished: exit ")
    terminal.press("q")

    terminal.shows("2 nodes: 1 ok, 1 failed", f"code {code}")
    terminal.is_as_it_was()


def test_a_signal_after_the_end_closes_the_screen(terminal: Terminal) -> None:
    terminal.run("-H", "a", "true")
    terminal.shows("finished: exit 0")
    terminal.signal(signal.SIGTERM)

    assert "1 node: 1 ok" in terminal.shows("code 143")
    terminal.is_as_it_was()


@pytest.mark.parametrize("way", ["key", "signal"])
def test_stopped_it_gives_the_terminal_back_and_goes_on(terminal: Terminal, way: str) -> None:
    terminal.run("-H", "n[1-3]", SLOW)
    before = terminal.shows("ready on n3", "? help").splitlines()
    if way == "key":
        terminal.press("C-z")
    else:
        terminal.signal(signal.SIGTSTP)
    terminal.shows("Stopped")
    terminal.is_as_it_was()
    terminal.type("clear; bg")
    terminal.type("echo the shell is he''re")
    terminal.shows("the shell is here")
    terminal.type("fg; echo code $?")

    # The whole screen is drawn again, and reads its keys again.
    screen = terminal.shows("ready on n3", "? help").splitlines()
    assert (screen[:2], screen[-1]) == (before[:2], before[-1])
    terminal.press("q")
    assert "stopped (interrupt): n[1-3]" in terminal.shows("code 130")
    assert left_running() == []
    terminal.is_as_it_was()


def test_killed_while_it_is_stopped_it_leaves_the_terminal_alone(terminal: Terminal) -> None:
    terminal.run("-H", "a", SLOW)
    terminal.shows("ready on a")
    terminal.press("C-z")
    terminal.shows("Stopped")
    written = terminal.log()
    left = terminal.children()
    terminal.signal(signal.SIGKILL)
    terminal.until(lambda: not any(map(is_there, left)), "an end of the guard")
    terminal.type("echo the shell is he''re")
    terminal.shows("the shell is here")

    assert b"\x1b[?1049l" not in written.read_bytes(), "it would move the shell's cursor"
    terminal.is_as_it_was()


def is_there(pid: int) -> bool:
    """Whether a process runs; nobody may have reaped it yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_continued_though_it_never_stopped_it_goes_on(terminal: Terminal) -> None:
    terminal.run("-H", "n[1-3]", SLOW)
    terminal.shows("ready on n3")
    terminal.signal(signal.SIGCONT)
    terminal.press("o")
    terminal.shows("STATE▼")
    terminal.press("q")

    assert "stopped (interrupt): n[1-3]" in terminal.shows("code 130")


def test_killed_it_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    terminal.run("-H", "a", SLOW)
    terminal.shows("ready on a")
    terminal.signal(signal.SIGKILL)

    terminal.is_as_it_was()
    terminal.type("echo we are ba''ck")
    terminal.shows("we are back")
    terminal.until(lambda: left_running() == [], "no command left")


def test_a_crash_leaves_the_terminal_as_it_was_and_says_what_it_was(terminal: Terminal) -> None:
    breaks = (
        "import sys; from trioexec.sinks.tui.app import TuiApp; from trioexec.cli.main import main;"
        "TuiApp.action_help = lambda self: 1 / 0; sys.exit(main(sys.argv[1:]))"
    )
    line = shlex.join(
        [sys.executable, "-c", breaks, "--transport", "local", "--tui", "-H", "a", SLOW]
    )
    terminal.type(f"clear; {line}; echo code $?")
    terminal.shows("ready on a")
    terminal.press("?")
    screen = terminal.shows("code 70")

    assert "ZeroDivisionError" in screen
    assert "This is a bug in trioexec" in screen
    assert left_running() == []
    terminal.is_as_it_was()


def test_a_crash_of_trio_itself_leaves_the_terminal_and_says_what_it_was(
    terminal: Terminal,
) -> None:
    breaks = (
        "import trio; from trioexec.sinks.tui.app import TuiApp;"
        "from trioexec.__main__ import main;"
        "runner = lambda: trio._core._run.GLOBAL_RUN_CONTEXT.runner;"
        "TuiApp.action_help = lambda self: setattr(runner(), 'runq', None); main()"
    )
    line = shlex.join(
        [sys.executable, "-c", breaks, "--transport", "local", "--tui", "-H", "a", "true"]
    )
    terminal.type(f"clear; {line}; echo code $?")
    terminal.shows("1/1")
    terminal.press("?")
    screen = terminal.shows("code 70")

    assert "TrioInternalError" in screen
    assert "This is a bug in trioexec" in screen
    terminal.is_as_it_was()


def test_what_others_write_to_the_terminal_becomes_a_line_of_the_screen(
    terminal: Terminal,
) -> None:
    writes = (
        "import os, sys, threading; from trioexec.cli.main import main;"
        "threading.Timer(2, lambda: os.write(2, b'from a library\\n')).start();"
        "sys.exit(main(sys.argv[1:]))"
    )
    line = shlex.join(
        [sys.executable, "-c", writes, "--transport", "local", "--tui", "-H", "a", SLOW]
    )
    terminal.type(f"clear; {line}; echo code $?")
    screen = terminal.shows("ready on a", "from a library")
    assert screen.startswith(" trioexec")
    terminal.press("q")

    assert "from a library" in terminal.shows("code 130")
    terminal.is_as_it_was()


def test_it_fits_when_the_terminal_changes_its_size(terminal: Terminal) -> None:
    terminal.run("-H", "web[1-50]", "echo fine")
    terminal.shows("finished")
    terminal.size(60, 12)

    def fits() -> bool:
        lines = terminal.screen().splitlines()
        return len(lines) == 12 and "50/50" in lines[-2] and max(map(len, lines)) <= 60

    terminal.until(fits, "twelve lines with the status at the end")
    terminal.press("q")
    terminal.shows("code 0")


def test_a_hostile_node_cannot_drive_the_terminal(terminal: Terminal) -> None:
    terminal.run("-H", "a", r"printf '\033[2J\033]0;owned\007[red]\033[?1049l\n'")
    screen = terminal.shows("finished", r"\x1b[2J\x1b]0;owned\x07[red]")

    assert "NODE" in screen
    assert terminal.flags() == "1 1 0"
    assert "owned" not in terminal._tmux("display-message", "-p", "#{pane_title}")
    terminal.press("q")
    terminal.shows("code 0")


def test_a_kept_run_is_looked_at_again(terminal: Terminal) -> None:
    terminal.run("-H", "web[1-3]", "echo fine")
    terminal.shows("finished: exit 0")
    terminal.press("q")
    terminal.shows("code 0")
    terminal.type(f"clear; {sys.executable} -m trioexec runs show last --tui; echo code $?")
    assert "✓ web3" in terminal.shows("finished: exit 0")
    terminal.press("q")

    assert "3 nodes: 3 ok" in terminal.shows("code 0")
    terminal.is_as_it_was()


def test_a_kept_run_that_was_interrupted_stays_on_the_screen(terminal: Terminal) -> None:
    terminal.run("-H", "n[1-3]", SLOW)
    terminal.shows("ready on n3")
    terminal.press("q")
    terminal.shows("code 130")
    terminal.type(f"clear; {sys.executable} -m trioexec runs show last --tui; echo code $?")
    terminal.shows("finished: exit 130, stopped by interrupt")
    terminal.press("o")
    terminal.shows("STATE▼")
    terminal.press("q")

    assert "3 nodes: 0 ok" in terminal.shows("code 0")


def test_without_a_terminal_it_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trioexec", "--transport", "local", "-H", "a", "--tui", "true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )

    assert done.returncode == 2
    assert "--tui needs a terminal" in done.stderr
    assert done.stdout == ""
