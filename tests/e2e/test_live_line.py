"""The live line in a real terminal: it keeps up with its size, and leaves nothing behind."""

from __future__ import annotations

import re

from tests.e2e.tmux_rig import Terminal

WORK = "test $TRIOEXEC_NODE != n1 && exit 0; sleep 9876"


def ended(terminal: Terminal) -> str:
    """Press Ctrl-C until one came within a second of another; give the screen at the end."""
    while "Received second" not in terminal.screen():
        told = terminal.screen().count("Received")
        terminal.press("C-c")
        terminal.until(lambda told=told: terminal.screen().count("Received") > told, "an answer")
    return terminal.shows("code 130")


def test_in_a_terminal_that_is_made_narrower_there_is_still_one_line(terminal: Terminal) -> None:
    terminal.run("-H", "n[1-3]", WORK, mode="--stream")
    wide = terminal.shows("2/3 done  1 running", "slow: n1 ")
    terminal.size(24, 24)
    short = ["2/3 done  1 running"]
    terminal.until(lambda: re.findall(r".*\d/3.*", terminal.screen()) == short, "a shorter line")
    terminal.size(100, 24)
    terminal.shows("slow: n1 ")

    assert len(re.findall(r"\d/3 done", wide)) == 1
    assert "/3 done" not in ended(terminal)


def test_groups_count_their_answers_while_they_come(terminal: Terminal) -> None:
    terminal.run(
        *("-H", "n[1-4]", "test $TRIOEXEC_NODE = n1 && sleep 9876; test $TRIOEXEC_NODE = n4"),
        mode="-g",
    )

    screen = terminal.shows("2 answers")
    assert "3/4 done" in screen
    assert "exit" not in screen.rpartition("\n")[2]
    assert "n[2-3] (2): exit 1" in ended(terminal)


def test_under_the_locale_c_the_line_is_ascii(terminal: Terminal) -> None:
    terminal.type("export LANG=C LC_ALL= LC_CTYPE=")
    terminal.run("-H", "n[1-2]", WORK, mode="--stream")

    assert "[#####-----]  1/2 done" in terminal.shows("1/2 done")
    ended(terminal)
