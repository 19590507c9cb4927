from __future__ import annotations

import pytest

from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    HostKeyRejected,
    Killed,
    Outcome,
    SudoDenied,
    TimedOut,
    Unreachable,
    brief,
)


@pytest.mark.parametrize(
    ("outcome", "exit_code", "text"),
    [
        (Exited(code=0), 0, "exit 0"),
        (Exited(code=3), 3, "exit 3"),
        (Exited(code=128), 128, "exit 128"),
        (Exited(code=137), 137, "exit 137 (SIGKILL)"),
        (Exited(code=160), 160, "exit 160 (signal 32)"),
        (Exited(code=255), 255, "exit 255"),
        (Exited(code=4294967295), 255, "exit 4294967295"),
        (Killed(signal=15), 143, "killed by SIGTERM"),
        (Killed(signal=99), 227, "killed by signal 99"),
        (TimedOut(phase="connect"), 124, "timed out connecting"),
        (TimedOut(phase="auth"), 124, "timed out authenticating"),
        (TimedOut(phase="command", remote="ended"), 124, "timed out running"),
        (TimedOut(phase="idle", remote="ended"), 124, "timed out with no output"),
        (
            TimedOut(phase="deadline", remote="not confirmed"),
            124,
            "ran into the deadline (remote end not confirmed)",
        ),
        (Unreachable(reason="connection refused"), 255, "unreachable: connection refused"),
        (
            Unreachable(reason="lost", remote="not confirmed"),
            255,
            "unreachable: lost (remote end not confirmed)",
        ),
        (Denied(reason="no key"), 255, "denied: no key"),
        (SudoDenied(reason="no"), 255, "sudo denied: no"),
        (HostKeyRejected(reason="changed"), 255, "host key rejected: changed"),
        (Cancelled(why="interrupt", started=False), 130, "not started (interrupt)"),
        (Cancelled(why="fail-fast", started=True, remote="ended"), 1, "stopped (fail-fast)"),
        (
            Cancelled(why="caller", started=True, remote="not confirmed"),
            1,
            "stopped (caller) (remote end not confirmed)",
        ),
    ],
)
def test_an_outcome_knows_its_code_and_its_line(
    outcome: Outcome, exit_code: int, text: str
) -> None:
    assert outcome.exit_code == exit_code
    assert outcome.text == text
    assert outcome.ok == (outcome == Exited(code=0))


@pytest.mark.parametrize(
    ("text", "short"),
    [
        pytest.param("exit 3", "exit 3", id="short"),
        pytest.param("x" * 100, "x" * 100, id="as long as may be"),
        pytest.param("x" * 101, "x" * 100 + "...", id="one word"),
        pytest.param(
            "host key rejected: the host key of [web1.example]:2222 has changed: it is ssh-ed25519 "
            "SHA256:EqW3SU0HLszFowqVm3FrLLmGzSEPetRcGgeXT/Iu1tI, known_hosts:2 has another",
            "host key rejected: the host key of [web1.example]:2222 has changed...",
            id="after the last clause that fits",
        ),
    ],
)
def test_a_long_line_is_shortened_where_another_place_has_it_whole(text: str, short: str) -> None:
    assert brief(text) == short
