"""A service on trio that follows a command on many machines and survives their restarts.

    python service.py 'web[1-3]' tail -n0 -F /var/log/nginx/error.log

Each node has a task of its own.  Where the command ends or the connection is lost, it is
started again, after pauses that grow.  A node can be taken out while the others go on.
When the service is cancelled, whatever cancels it, the commands have been ended on the
nodes before `serve` is left.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import trio

from trioexec import Fleet, FleetNode, NodeError, open_fleet

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
LONGEST_LINE_BYTES = 64 * 1024


async def lines_of(stream: trio.abc.ReceiveStream) -> AsyncIterator[str]:
    """Give the lines of a stream; one that is too long comes in parts."""
    kept = b""
    async for piece in stream:
        *whole, kept = (kept + piece).split(b"\n")
        if len(kept) > LONGEST_LINE_BYTES:
            whole, kept = [*whole, kept], b""
        for line in whole:
            yield line.decode(errors="backslashreplace")
    if kept:
        yield kept.decode(errors="backslashreplace")


@dataclass
class Follower:
    """Follows `command` on the nodes that were added; `serve` does the work."""

    command: str
    on_line: Callable[[str, str], None]
    """Gets a node's name and a line."""

    on_state: Callable[[str, str], None]
    """Gets a node's name and what has become of it."""

    first_pause_s: float = FIRST_PAUSE_S
    _scopes: dict[str, trio.CancelScope] = field(default_factory=dict)

    async def serve(self, fleet: Fleet) -> None:
        """Follow every node of the fleet until cancelled, or until all have been removed."""
        async with trio.open_nursery() as nursery:
            for node in fleet:
                nursery.start_soon(self._keep_following, node)

    def remove(self, name: str) -> None:
        """Follow a node no longer; its command is ended there, the others go on."""
        self._scopes[name].cancel()

    async def _keep_following(self, node: FleetNode) -> None:
        with trio.CancelScope() as scope:
            self._scopes[node.name] = scope
            pause_s = self.first_pause_s
            while True:
                began_s = trio.current_time()
                self.on_state(node.name, await self._follow(node))
                if trio.current_time() - began_s > LONGEST_PAUSE_S:
                    pause_s = self.first_pause_s  # it had been well for a while
                await trio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _follow(self, node: FleetNode) -> str:
        """Run the command once; says how it ended."""
        try:
            async with node.open_process(self.command) as process:
                await process.stderr.aclose()  # we do not read it, and it is not to fill up
                self.on_state(node.name, "following")
                async for line in lines_of(process.stdout):
                    self.on_line(node.name, line)
                outcome = await process.wait()
        except NodeError as exc:  # it could not be started
            outcome = exc.outcome
        return outcome.text


async def main() -> None:
    """Follow what the command line says, until Ctrl-C."""
    nodes, *words = sys.argv[1:]
    follower = Follower(
        command=shlex.join(words),
        on_line=lambda node, line: print(f"{node}: {line}", flush=True),
        on_state=lambda node, state: print(f"{node}: {state}", file=sys.stderr, flush=True),
    )
    async with open_fleet(nodes) as fleet:
        await follower.serve(fleet)


if __name__ == "__main__":
    trio.run(main)
