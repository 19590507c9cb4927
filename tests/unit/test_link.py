from __future__ import annotations

import trio

from trioexec.model.flow import Flow
from trioexec.transports.relay.link import HIGH_BYTES, Link
from trioexec.transports.relay.wire import Output

HANG_S = 60.0
PIECE = b"x" * 65536


async def test_a_link_that_is_not_read_holds_the_flow_until_most_of_it_is() -> None:
    ours, theirs = trio.socket.socketpair()
    flow = Flow()
    link = Link(trio.SocketStream(ours), flow)
    sent = 0

    while not flow.held:
        link.send(Output(0, "stdout", PIECE))
        sent += len(PIECE)
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.pump)
            while flow.held:
                await theirs.recv(65536)
            nursery.cancel_scope.cancel()
    ours.close()
    theirs.close()

    assert HIGH_BYTES <= sent <= HIGH_BYTES + len(PIECE)


async def test_a_link_whose_other_end_is_gone_holds_nobody_and_keeps_nothing() -> None:
    ours, theirs = trio.socket.socketpair()
    flow = Flow()
    link = Link(trio.SocketStream(ours), flow)
    while not flow.held:
        link.send(Output(0, "stdout", PIECE))
    theirs.close()

    with trio.fail_after(HANG_S):
        await link.pump()
    link.send(Output(0, "stdout", PIECE))
    ours.close()

    assert not flow.held
    assert not link._unsent
