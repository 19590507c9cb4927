"""The fixture for pytest-trio; pytest loads this module wherever trioexec is installed.

So it imports next to nothing, and does nothing where there is no pytest-trio.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, Protocol

try:
    from pytest_trio import trio_fixture
except ImportError:  # pragma: no cover - the tests have it
    trio_fixture = None

if TYPE_CHECKING:
    import trio

    from trioexec.testing.fleet import SshFleet
    from trioexec.testing.scripts import Answers, ScriptedNode

__all__ = ["StartFleet"]


class StartFleet(Protocol):
    """What the fixture ``ssh_fleet`` gives: starts fleets that last as long as the test."""

    async def __call__(
        self,
        nodes: str | int | Iterable[str | ScriptedNode],
        *,
        answers: Answers | None = None,
        runs_commands: bool = False,
        user: str = ...,
        password: str | None = None,
    ) -> SshFleet:
        """Start a fleet; see `open_ssh_fleet`."""
        ...


if trio_fixture is not None:

    @trio_fixture  # type: ignore[untyped-decorator]
    async def ssh_fleet() -> AsyncIterator[StartFleet]:
        """Give a `StartFleet`, which starts any number of fleets from inside a test."""
        import trio  # noqa: PLC0415 - see the module's docstring

        async with trio.open_nursery() as nursery:

            async def start(
                nodes: str | int | Iterable[str | ScriptedNode],
                **options: Any,  # noqa: ANN401 - as open_ssh_fleet has them
            ) -> SshFleet:
                fleet: SshFleet = await nursery.start(_serve, nodes, options)
                return fleet

            yield start  # noqa: ASYNC101, ASYNC119 - pytest-trio fixtures may
            nursery.cancel_scope.cancel()


async def _serve(
    nodes: str | int | Iterable[str | ScriptedNode],
    options: dict[str, Any],
    *,
    task_status: trio.TaskStatus[SshFleet],
) -> None:
    """Keep a fleet in a task of its own: whoever opens a nursery must close it."""
    import trio  # noqa: PLC0415 - see the module's docstring

    from trioexec.testing.fleet import open_ssh_fleet  # noqa: PLC0415 - see the module's docstring

    async with open_ssh_fleet(nodes, **options) as fleet:
        task_status.started(fleet)
        await trio.sleep_forever()
