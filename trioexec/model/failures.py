"""Failed nodes as exceptions, for programs that want them raised.

Nothing in trioexec raises these unasked: `Report.raise_for_failures` and
`FleetNode.open_process` do.
"""

from __future__ import annotations

from trioexec.model.errors import TrioexecError
from trioexec.model.nodes import Node
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
)

__all__ = [
    "CommandFailedError",
    "HostKeyRejectedError",
    "NodeCancelledError",
    "NodeDeniedError",
    "NodeError",
    "NodeTimedOutError",
    "NodeUnreachableError",
    "error_for",
]


class NodeError(TrioexecError):
    """A node did not do what was asked; `node` and `outcome` say which and how."""

    def __init__(self, node: Node, outcome: Outcome) -> None:
        super().__init__(f"{node.name}: {outcome.text}")
        self.node = node
        self.outcome = outcome

    def __reduce__(self) -> tuple[object, ...]:
        """Be made again of what it was made of: other processes are sent exceptions pickled."""
        return type(self), (self.node, self.outcome), self.__dict__


class CommandFailedError(NodeError):
    """The command ran and exited with another code than 0, or was killed."""


class NodeTimedOutError(NodeError):
    """A limit of the run was reached."""


class NodeUnreachableError(NodeError):
    """The node could not be talked to, or the connection was lost."""


class NodeDeniedError(NodeError):
    """The node, or sudo on it, did not let us."""


class HostKeyRejectedError(NodeError):
    """The node's host key is not to be trusted."""


class NodeCancelledError(NodeError):
    """The run was stopped before the node was done."""


_ERRORS: dict[type[Outcome], type[NodeError]] = {
    Exited: CommandFailedError,
    Killed: CommandFailedError,
    TimedOut: NodeTimedOutError,
    Unreachable: NodeUnreachableError,
    Denied: NodeDeniedError,
    SudoDenied: NodeDeniedError,
    HostKeyRejected: HostKeyRejectedError,
    Cancelled: NodeCancelledError,
}


def error_for(node: Node, outcome: Outcome) -> NodeError:
    """Make the exception that stands for a failed outcome."""
    return _ERRORS[type(outcome)](node, outcome)
