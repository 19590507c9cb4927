"""The wrapper by itself, without a server: what its end says, and in which order."""

from __future__ import annotations

import subprocess

from trioexec.transports.process_group import ProcessGroup
from trioexec.transports.ssh.wrapper import wrap

GRACE_S = 5.0
"""Between the TERM that one of them ignores and the KILL: there is time to look."""


def test_the_end_is_not_confirmed_before_the_last_of_the_group_is_gone() -> None:
    command = "(trap '' TERM; echo deaf; exec sleep 1000 >/dev/null 2>&1) & sleep 1000"
    with subprocess.Popen(
        ["/bin/sh", "-c", wrap(command, token="t", grace_s=GRACE_S)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        group = ProcessGroup(child.pid)
        marker = child.stderr.readline()
        said = child.stdout.readline()
        child.stdin.close()
        child.wait()
        left_by_the_leader = group.alive()
        rest = child.stderr.read()  # until the watchdog closes it
        left_at_the_end = group.alive()

    assert marker.startswith(b"\x01trioexec t ")
    assert said == b"deaf\n"
    assert rest == b""
    assert left_by_the_leader
    assert not left_at_the_end
