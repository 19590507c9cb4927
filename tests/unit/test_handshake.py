"""Whose fault it is when there is nobody to shake hands with."""

from __future__ import annotations

import asyncio  # noqa: TID251
from types import SimpleNamespace
from typing import Any, cast

import asyncssh  # noqa: TID251
import pytest

from trioexec.model.outcomes import Unreachable
from trioexec.transports.ssh.failures import NodeFailureError
from trioexec.transports.ssh.handshake import Target, authenticate


class Hop:
    """A jump host to whom the node's port is closed."""

    async def create_connection(self, *_: object) -> Any:
        raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Connection refused")


def test_a_node_that_its_jump_host_does_not_reach_is_not_said_to_refuse_sessions() -> None:
    target = Target(
        label="n",
        host="n",
        port=22,
        options=asyncssh.SSHClientConnectionOptions(known_hosts=None, config=None),
        username="u",
        trust=cast("Any", SimpleNamespace(algorithms=list)),
        credentials=cast("Any", SimpleNamespace(password=lambda: None, unusable=list)),
        hop="bastion",
    )

    async def one() -> None:
        await authenticate(target, cast("asyncssh.SSHClientConnection", Hop()), lambda: None, print)

    with pytest.raises(NodeFailureError) as raised:
        asyncio.run(one())

    assert raised.value.outcome == Unreachable(
        reason="not reached from jump host bastion: Connection refused"
    )
