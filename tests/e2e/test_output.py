"""Output by the real command line: every byte, whole lines, bounded memory, a slow reader."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import trio

from tests.e2e.rig import HANG_S, Cli, Marker, Running, until

MB = 1_000_000
LIMIT_MB = 150

# 100 MB of numbered lines; `seq` would be as good, but is not everywhere.
LINES = "awk 'BEGIN { for (i = 0; i < 1000000; i++) printf \"%099d\\n\", i }'"


def resident_mb(pid: int) -> float:
    """How much memory the process has held at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert found
    return int(found[1]) * 1024 / MB


async def _read_slowly(reading: int, run: Running, digest: hashlib._Hash) -> tuple[int, float]:
    """Read to the end, with pauses at first; give the size, and the peak of memory."""
    total, peak_mb, naps = 0, 0.0, 0
    while True:
        await trio.lowlevel.wait_readable(reading)
        piece = os.read(reading, 1 << 20)
        if not piece:
            return total, peak_mb
        total += len(piece)
        digest.update(piece)
        if total > naps * 10 * MB:
            naps += 1
            await trio.sleep(0.3)  # the reader is slow: that is the case
            peak_mb = resident_mb(run.pid)


async def test_100_mb_through_a_pipe_that_sleeps_arrive_whole_in_little_memory(cli: Cli) -> None:
    reading, writing = os.pipe()
    digest = hashlib.sha256()
    with trio.fail_after(HANG_S * 3):
        async with cli.start("-H", "127.0.1.1", "--no-prefix", LINES, stdout=writing) as run:
            os.close(writing)
            total, peak_mb = await _read_slowly(reading, run, digest)
            os.close(reading)
            assert await run.exits() == 0

    wanted = hashlib.sha256(b"".join(b"%099d\n" % number for number in range(1_000_000)))
    assert total == 100 * MB
    assert digest.digest() == wanted.digest()
    assert peak_mb < LIMIT_MB


async def test_a_pipe_nobody_reads_holds_the_nodes_back_and_not_the_memory(
    cli: Cli, mark: Marker
) -> None:
    reading, writing = os.pipe()
    async with cli.start(
        *("-H", "127.0.1.[1-8]", *mark.options, "yes 0123456789012345678901234567890123456789"),
        stdout=writing,
    ) as run:
        os.close(writing)
        await mark.are_running(f"yes {'0123456789' * 4}", count=8)
        await until(lambda: _is_still(run), what="trioexec to stand still")
        peak_mb = resident_mb(run.pid)

        await run.press_twice()

        assert await run.exits() == 130
    os.close(reading)
    assert peak_mb < LIMIT_MB
    await mark.are_gone()


async def test_nodes_that_begin_while_nobody_reads_are_heard_when_somebody_does(cli: Cli) -> None:
    reading, writing = os.pipe()
    command = "head -c 1000000 /dev/zero | tr '\\0' x"
    async with cli.start("-N", "-H", "127.0.1.[1-30]", command, stdout=writing) as run:
        os.close(writing)
        await until(lambda: _is_still(run), what="trioexec to stand still")

        size = 0
        while data := await trio.to_thread.run_sync(os.read, reading, 65536):
            size += len(data)
        code = await run.exits()
    os.close(reading)

    assert code == 0, run.stderr
    assert size == 30 * 1_000_001


_work: dict[int, list[int]] = {}


def _is_still(run: Running) -> bool:
    """Whether the process has done nothing for some looks."""
    fields = Path(f"/proc/{run.pid}/stat").read_text().rpartition(")")[2].split()
    seen = _work.setdefault(run.pid, [])
    seen.append(int(fields[11]) + int(fields[12]))
    return len(seen) > 50 and seen[-1] - seen[-50] <= 2


async def test_binary_output_arrives_byte_for_byte(cli: Cli, tmp_path: Path) -> None:
    source = cli.sshd.shared / "binary"
    data = os.urandom(3 * MB)
    source.write_bytes(data)
    source.chmod(0o644)
    command = f"cat {source}; cat {source} >&2"

    plain = await cli("-H", "127.0.1.1", "-q", "--no-prefix", f"cat {source}")
    files = await cli("-H", "127.0.1.[1-3]", "--output-dir", "out", command)

    # A last line without a newline is completed, so that nobody's prompt sticks to it.
    assert plain.stdout.removesuffix(b"\n") == data.removesuffix(b"\n")
    assert files.code == 0
    for number in (1, 2, 3):
        assert (tmp_path / "out" / f"127.0.1.{number}.out").read_bytes() == data
        assert (tmp_path / "out" / f"127.0.1.{number}.err").read_bytes() == data


async def test_lines_of_many_nodes_are_never_mixed_split_or_lost(cli: Cli) -> None:
    # Byte by byte through separate writes, with UTF-8 that a cut would spoil.
    command = (
        "n=$(echo $SSH_CONNECTION | cut -d' ' -f3); i=0; "
        "while [ $i -lt 300 ]; do printf %s \"$n-\"; printf '\\303'; printf '\\244'; "
        'printf "%s\\n" "-$i"; i=$((i+1)); done; printf "last of $n"'
    )

    done = await cli("-H", "127.0.1.[1-20]", command)

    by_node: dict[str, list[str]] = {}
    for line in done.stdout.decode().splitlines():
        node, _, text = line.partition(": ")
        by_node.setdefault(node, []).append(text)
    assert by_node == {
        node: [*(f"{node}-ä-{i}" for i in range(300)), f"last of {node}"]
        for node in (f"127.0.1.{number}" for number in range(1, 21))
    }


async def test_stdout_and_stderr_of_a_node_stay_apart(cli: Cli) -> None:
    done = await cli("-H", "127.0.1.1", "printf 'a\\0b\\n'; echo oops >&2; printf '\\377\\n'")

    assert done.stdout == b"127.0.1.1: a\0b\n127.0.1.1: \xff\n"
    assert done.stderr.startswith("127.0.1.1: oops\n1 node: 1 ok in ")
