"""What is measured, one function a scenario; each gives the rows of its table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.bench.measure import Cost, Program, interleave, median, run, say
from tests.bench.peers import ASYNCIO, PDSH, TRIOEXEC, fan_out, trioexec
from tests.bench.rig import World

__all__ = ["SCENARIOS", "Row", "Scenario"]

OUTPUT_BYTES: Final = 67_000_000
LINE: Final = b"%079d\n"

MANY: Final = 1000
"""Connections that are held, to see what each costs beside the process."""

HELD: Final = {100: "held, 100: trioexec", MANY: "held, 1,000: trioexec"}
MASTERS: Final = "held, 100: ssh masters"

BARE_START: Final = "bound: an interpreter that imports trio"
FLEET_SESSIONS: Final = "a Fleet's second command, no start"
BARE_SESSIONS: Final = "bound: the sessions alone, asyncssh"

ONE_PROCESS: Final = "one process a command"

REST_S: Final = 0.4
"""Between two presses of Ctrl-C: a person's double press."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The medians of one program."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    nodes: int
    rounds: int
    busiest_s: float = 0.0
    output_bytes: int | None = None
    error: str | None = None
    of: str | None = None
    """The row that this one is compared with, where it is not the scenario's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A section of the page, and a word of the command line."""

    title: str
    says: str
    measure: Callable[[World, int], Mapping[str, Row]]
    base: str = PDSH
    """The row that the ratios are taken of."""


def rows(costs: Mapping[str, list[Cost]], nodes: int, of: str | None = None) -> dict[str, Row]:
    """Take the medians."""
    return {
        name: Row(
            wall_s=median([cost.wall_s for cost in each]),
            cpu_s=median([cost.cpu_s for cost in each]),
            peak_mb=median([cost.peak_bytes for cost in each]) / 1e6,
            busiest_s=median([cost.busiest_s for cost in each]),
            nodes=nodes,
            rounds=len(each),
            output_bytes=each[-1].output_bytes,
            error=next((cost.error for cost in each if cost.error), None),
            of=of,
        )
        for name, each in costs.items()
    }


def fanout(world: World, rounds: int) -> Mapping[str, Row]:
    programs = fan_out(world, nodes=500, parallel=64, command="true")
    return rows(interleave(programs, rounds), 500)


def wide(world: World, rounds: int) -> Mapping[str, Row]:
    who = (TRIOEXEC, ASYNCIO, PDSH)
    programs = fan_out(world, nodes=1000, parallel=512, command="true", who=who)
    return rows(interleave(programs, rounds), 1000)


def growth(world: World, rounds: int) -> Mapping[str, Row]:
    found: dict[str, Row] = {}
    for nodes in (100, 300, 1000, 3000, 5000):
        hosts = f"^{world.hosts(nodes)}"
        name = f"{nodes:,} nodes"
        argv = trioexec(world, "-H", hosts, "--parallel", "64", "--workers", "1", "true")
        many = max(1, rounds if nodes <= 1000 else rounds // 3)
        costs = interleave([Program(name=name, argv=argv, env=world.env)], many)
        found |= rows(costs, nodes, of="100 nodes")
    return found


def workers(world: World, rounds: int) -> Mapping[str, Row]:
    hosts = str(world.hosts(1000))
    programs = [
        Program(
            name=name,
            argv=trioexec(world, "-H", f"^{hosts}", "--parallel", "64", "--workers", count, "true"),
            env=world.env,
        )
        for name, count in (("one process", "1"), ("two workers", "2"))
    ]
    return rows(interleave(programs, rounds), 1000)


def _big_file(world: World) -> Path:
    path = world.dir / "lines"
    if not path.exists():
        with path.open("wb") as file:
            for index in range(OUTPUT_BYTES // 80):
                file.write(LINE % index)
    return path


def output(world: World, rounds: int) -> Mapping[str, Row]:
    command = f"cat {_big_file(world)}"
    who = (TRIOEXEC, PDSH, "clush", "pssh")
    programs = fan_out(world, nodes=4, parallel=4, command=command, who=who)
    return rows(interleave(programs, rounds), 4)


def group(world: World, rounds: int) -> Mapping[str, Row]:
    path = _big_file(world)
    hosts = str(world.hosts(4))
    # Each node says something else, so that nothing is shown once for all.
    command = f"echo $SSH_CONNECTION; cat {path}"
    programs = [
        Program(
            name=TRIOEXEC + " -g",
            argv=trioexec(world, "-g", "-H", f"^{hosts}", command),
            env=world.env,
            counts_output=True,
        ),
        Program(
            name="clush -b",
            argv=["clush", "-b", "-o", f"-F {world.ssh_config}", "--hostfile", hosts, command],
            env=world.env,
            counts_output=True,
        ),
    ]
    return rows(interleave(programs, rounds), 4)


def lines(world: World, rounds: int) -> Mapping[str, Row]:
    who = (TRIOEXEC, PDSH, "clush")
    programs = fan_out(world, nodes=1000, parallel=64, command="seq 100", who=who)
    return rows(interleave([replace(each, counts_output=True) for each in programs], rounds), 1000)


def extremes(world: World, rounds: int) -> Mapping[str, Row]:
    hosts = f"^{world.hosts(1)}"
    # No pipe of the shell's: what writes a byte at a time must reach sshd so.
    byte = "i=0; while [ $i -lt 20000 ]; do printf x; i=$((i+1)); done; echo"
    long = "head -c 100000000 /dev/zero | tr '\\0' x"
    programs = [
        Program(name=name, argv=trioexec(world, "-H", hosts, each), env=world.env)
        for name, each in (("20,000 writes of a byte", byte), ("100 MB without a newline", long))
    ]
    return rows(interleave([replace(each, counts_output=True) for each in programs], rounds), 1)


IMPORTED: Final = (
    ("with asyncssh", "asyncssh"),
    ("with trio and trio_asyncio too", "asyncssh, trio, trio_asyncio"),
    (
        "with all that a run imports",
        (
            "trioexec.transports.ssh.transport, trioexec.api, trioexec.cli.commands.run,"
            " trioexec.cli.screen, trioexec.cli.view, trioexec.cli.records, trioexec.sinks.summary"
        ),
    ),
)
"""Where the start of one node's run goes, each with what is in those before it."""


def startup(world: World, rounds: int) -> Mapping[str, Row]:
    """Short programs, so more rounds."""
    script = str(Path(sys.executable).with_name("trioexec"))
    many = "node[1-10000]"
    one = fan_out(world, nodes=1, parallel=1, command="true", who=(TRIOEXEC, ASYNCIO))
    pairs = [
        ("trioexec --version", [script, "--version"], "clush --version"),
        ("clush --version", ["clush", "--version"], "clush --version"),
        ("trioexec --help", [script, "--help"], "clush --version"),
        ("trioexec nodes --fold, 10,000", [script, "nodes", "--fold", many], "nodeset -f, 10,000"),
        ("nodeset -f, 10,000", ["nodeset", "-f", many], "nodeset -f, 10,000"),
        ("one node, true: trioexec", list(one[0].argv), "one node, true: asyncssh script"),
        ("one node, true: asyncssh script", list(one[1].argv), "one node, true: asyncssh script"),
        ("an empty interpreter", [sys.executable, "-c", "pass"], "an empty interpreter"),
        *(
            (name, [sys.executable, "-c", f"import {modules}"], "one node, true: trioexec")
            for name, modules in IMPORTED
        ),
    ]
    programs = [Program(name=name, argv=argv, env=world.env) for name, argv, _ in pairs]
    costs = interleave(programs, max(rounds * 3, 9))
    return {
        name: row for name, _, of in pairs for row in rows({name: costs[name]}, 1, of=of).values()
    }


def reuse(world: World, rounds: int) -> Mapping[str, Row]:
    """The second of two runs, over what the first has left open; and what that holds."""
    hosts = str(world.hosts(100))
    control = world.dir / "control"
    control.mkdir(mode=0o700, exist_ok=True)
    config = world.dir / "ssh_config_persist"
    config.write_text(
        world.ssh_config.read_text()
        + f"  ControlMaster auto\n  ControlPath {control}/%C\n  ControlPersist 600\n"
    )
    runtime = world.dir / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    ours = dict(world.env) | {"XDG_RUNTIME_DIR": str(runtime)}
    theirs = dict(world.env) | {"PDSH_SSH_ARGS_APPEND": f"-F {config}"}
    programs = [
        Program(
            name="trioexec --persist",
            argv=trioexec(world, "--persist", "10m", "-H", f"^{hosts}", "true"),
            env=ours,
        ),
        Program(
            name="pdsh with ControlPersist",
            argv=["pdsh", "-R", "ssh", "-l", world.user, "-f", "64", "-w", f"^{hosts}", "true"],
            env=theirs,
        ),
        Program(name=BARE_START, argv=[sys.executable, "-c", "import trio"], env=world.env),
    ]
    try:
        interleave(programs, 1)  # the first run, which connects
        found = rows(interleave(programs, rounds), 100, of="pdsh with ControlPersist")
        found |= _without_start(world, rounds)
        ours_held = ("hold", "serve", str(runtime))
        found[HELD[100]] = _held(ours_held, 100)
        found[MASTERS] = _held((f"{control}/", "[mux]"), 100)
        more = f"^{world.hosts(MANY)}"
        run(Program(name="more", argv=trioexec(world, "-H", more, "true"), env=ours))
        found[HELD[MANY]] = _held(ours_held, MANY)
        return found
    finally:
        script = str(Path(sys.executable).with_name("trioexec"))
        subprocess.run([script, "hold", "stop"], env=ours, check=False)
        for host in world.hosts(100).read_text().split():
            subprocess.run(
                ["ssh", "-F", str(config), "-O", "exit", host],
                env=theirs,
                check=False,
                capture_output=True,
            )


def _without_start(world: World, rounds: int) -> Mapping[str, Row]:
    """Have programs measure their own commands, over connections that they have open."""
    login = (str(world.port), world.user, str(world.key), str(world.known_hosts))
    programs = {
        FLEET_SESSIONS: ("fleet_sessions.py", str(world.ssh_config)),
        BARE_SESSIONS: ("bare_sessions.py", *login),
    }
    found = {}
    for name, (script, *told) in programs.items():
        done = subprocess.run(
            [
                *(sys.executable, str(Path(__file__).with_name(script)), *told),
                *(str(rounds), str(world.hosts(100)), "true"),
            ],
            env=dict(world.env),
            stdout=subprocess.PIPE,
            check=True,
        )
        wall_s, cpu_s = json.loads(done.stdout)
        say(f"  {name}: {wall_s:.2f} s wall, {cpu_s:.2f} s CPU")
        found[name] = Row(wall_s=wall_s, cpu_s=cpu_s, peak_mb=0, nodes=100, rounds=rounds)
    return found


def _held(marks: tuple[str, ...], connections: int) -> Row:
    peak_mb = _memory_of(marks) / 1e6
    return Row(wall_s=0, cpu_s=0, peak_mb=peak_mb, nodes=connections, rounds=1, of=MASTERS)


def _memory_of(marks: tuple[str, ...]) -> int:
    """Proportional set sizes of all processes whose command line has all the marks."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if all(mark in line for mark in marks):
                rollup = (entry / "smaps_rollup").read_text()
                total += int(rollup.split("Pss:", 1)[1].split()[0]) * 1024
        except (OSError, IndexError):
            continue
    return total


def cancel(world: World, rounds: int) -> Mapping[str, Row]:
    """From the second Ctrl-C to the exit, with 500 commands running; and what is left of them."""
    costs = {
        name: [_cancel_once(world, 500, f"{how}sleep") for _ in range(rounds)]
        for name, how in ((ONE_PROCESS, "exec "), ("a shell and its child", ""))
    }
    return rows(costs, 500, of=ONE_PROCESS)


def _cancel_once(world: World, nodes: int, command: str) -> Cost:
    mark = f"47{os.getpid()}"
    hosts = f"^{world.hosts(nodes)}"
    patience = ("--parallel", "0", "--connect-timeout", "300")
    argv = trioexec(world, "--json", *patience, "-H", hosts, f"{command} {mark}")
    process = subprocess.Popen(
        argv, env=dict(world.env), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    started = finished = 0
    while started + finished < nodes:
        event: dict[str, Any] = json.loads(process.stdout.readline() or b'{"event": "eof"}')
        started += event["event"] == "node_started"
        finished += event["event"] == "node_finished"
        if event["event"] in {"eof", "run_finished"}:
            break
    process.send_signal(signal.SIGINT)
    time.sleep(REST_S)  # noqa: TID251 - no loop here
    pressed_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.monotonic() - pressed_s
    process.stdout.close()
    left = _count_processes(("sleep", mark))
    error = None
    if process.returncode != 130 or left or started < nodes:
        error = f"exit {process.returncode}, {started} started, {left} left running"
    say(f"  cancel: {wall_s:.2f} s, {error or 'nothing left'}")
    return Cost(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_bytes=usage.ru_maxrss * 1024,
        error=error,
    )


def _count_processes(words: tuple[str, ...]) -> int:
    wanted = "\0".join(words).encode() + b"\0"
    count = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                count += (entry / "cmdline").read_bytes() == wanted
            except OSError:
                continue
    return count


SCENARIOS: Final[dict[str, Scenario]] = {
    "fanout": Scenario(
        title="Fan-out: 500 nodes, `true`, 64 at once",
        says="",
        measure=fanout,
    ),
    "wide": Scenario(
        title="Wide: 1,000 nodes, `true`, 512 at once",
        says="None may fail.",
        measure=wide,
    ),
    "growth": Scenario(
        title="Growth: cost a node from 100 to 5,000 nodes",
        says="It shall not grow. A start is in it, which weighs more among few nodes. All of it from"
        " one process: from 2,000 nodes on there would be more.",
        measure=growth,
        base="100 nodes",
    ),
    "workers": Scenario(
        title="Workers: 1,000 nodes, `true`, 64 at once, from one process or from two",
        says="On two cores that are the nodes' as well, so that a second process can hardly be"
        " quicker; it shall not be slower, and the work shall be spread. A worker of its own costs a"
        " start, so that runs on fewer than 2,000 nodes stay in one process.",
        measure=workers,
        base="one process",
    ),
    "output": Scenario(
        title="Output: 4 nodes x 67 MB of 80-byte lines, to /dev/null",
        says="",
        measure=output,
    ),
    "group": Scenario(
        title="Group mode on the same, into a pipe",
        says="Nothing may be lost. Every node says something else first; headings, indentation and"
        " the newline at the end are in the output too.",
        measure=group,
        base="clush -b",
    ),
    "lines": Scenario(
        title="Lines: 1,000 nodes x 100 lines, into a pipe",
        says="Every line with its node in front.",
        measure=lines,
    ),
    "extremes": Scenario(
        title="Extremes: one node that prints a byte at a time, or one line without end",
        says="Neither may cost more than time in proportion.",
        measure=extremes,
        base="20,000 writes of a byte",
    ),
    "startup": Scenario(
        title="Start-up",
        says="The last rows are Python alone, and with what a run imports: where the start of one"
        " node's run goes. The rest is the command line, the log-in and the command.",
        measure=startup,
        base="clush --version",
    ),
    "reuse": Scenario(
        title="Reuse: the second run on 100 nodes",
        says="The second run is a start (see above: an interpreter, trio and our modules, one after"
        " the other, on one core) and then 100 sessions, most of whose time is the nodes', which"
        " are on the same two cores. pdsh starts an `ssh` for each node, on both cores. So the"
        " wall is bounded, where the CPU is a fraction: by the two rows that say so, one after the"
        " other, of which the first does nothing and the second has no watchdog, no start and no"
        " run around it. The aim is less than what they come to. A program that keeps its fleet"
        " has no start either.",
        measure=reuse,
        base="pdsh with ControlPersist",
    ),
    "cancel": Scenario(
        title="Cancel: the second Ctrl-C with 500 commands running",
        says="Nothing may be left. Wall is from the second press to the exit."
        " All nodes are one machine here. Where a command is a shell and its child, the child's"
        " end is certain only when init has buried it; some containers' does so every two seconds,"
        " and what each of 500 nodes does on its own here is done on one machine.",
        measure=cancel,
        base=ONE_PROCESS,
    ),
}
