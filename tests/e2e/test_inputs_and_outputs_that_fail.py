"""Our own stdin or output directory goes wrong: said in a line, and never a success."""

from __future__ import annotations

import os
import subprocess

import trio

from tests.e2e.rig import Cli


async def _run(cli: Cli, *words: str, stdin: int) -> subprocess.CompletedProcess[bytes]:

    with trio.fail_after(60):
        return await trio.run_process(
            cli.argv(*words),
            stdin=stdin,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=cli.environ(),
            cwd=cli.folder,
        )


async def test_a_stdin_that_cannot_be_read_ends_the_commands_and_is_no_success(cli: Cli) -> None:
    stdin = os.open("/dev/null", os.O_WRONLY)
    done = await _run(cli, "-H", "127.0.1.[1-2]", "--stdin", "cat", stdin=stdin)
    os.close(stdin)

    assert done.returncode == 1
    assert b"Our stdin cannot be read: Bad file descriptor." in done.stderr
    assert b"Traceback" not in done.stderr


async def test_an_output_file_that_cannot_be_written_is_no_success(cli: Cli) -> None:
    # A limit on the size of files is what a full disk is, for one process.
    words = cli.argv("-H", "127.0.1.1", "--output-dir", "out", "head -c 100000 /dev/zero")

    with trio.fail_after(60):
        done = await trio.run_process(
            ["sh", "-c", "trap '' XFSZ; ulimit -f 10; exec \"$@\"", "sh", *words],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=cli.environ(),
            cwd=cli.folder,
        )

    assert done.returncode == 1, done.stderr
    assert b"Traceback" not in done.stderr
