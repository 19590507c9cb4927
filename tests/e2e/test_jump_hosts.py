"""Jump hosts on a real sshd: one connection a chain, and the hop that failed is named."""

from __future__ import annotations

from tests.e2e.rig import Cli, Marker

BY_WAY_OF = "127.0.4.1"


async def test_50_nodes_share_one_connection_to_their_jump_host(cli: Cli) -> None:
    since = len(cli.sshd.log)

    done = await cli("-H", "127.0.1.[1-50]", "-J", BY_WAY_OF, "-S", "echo $SSH_CONNECTION")

    assert done.code == 0, done.stderr
    assert len(done.stdout.splitlines()) == 50
    assert cli.sshd.logins(since) == 51
    assert cli.sshd.log[since:].count(f"on {BY_WAY_OF} port") == 1


async def test_a_chain_of_two_is_one_connection_a_hop(cli: Cli) -> None:
    since = len(cli.sshd.log)

    done = await cli("-H", "127.0.1.[1-5]", "-J", f"{BY_WAY_OF},127.0.4.2", "-S", "true")

    assert done.code == 0, done.stderr
    assert cli.sshd.logins(since) == 7


async def test_the_hop_that_failed_is_named(cli: Cli) -> None:
    denied = await cli("-H", "127.0.1.[1-3]", "-J", "127.0.9.1", "true")
    rejected = await cli("-H", "127.0.1.1", "-J", f"{BY_WAY_OF},127.0.6.1", "true")
    behind = await cli("-H", "127.0.9.2", "-J", BY_WAY_OF, "true")

    assert (denied.code, rejected.code, behind.code) == (255, 255, 255)
    assert "denied: jump host 127.0.9.1: " in denied.stderr
    assert ": 127.0.1.[1-3]\n" in denied.stderr
    assert "host key rejected: jump host 127.0.6.1: " in rejected.stderr
    assert "denied: " in behind.stderr
    assert "jump host" not in behind.stderr


async def test_a_stop_behind_a_jump_host_leaves_nothing(cli: Cli, mark: Marker) -> None:
    command = "echo up; sh -c 'sleep 1000 & sleep 1000'"
    async with cli.start(*("-H", "127.0.1.[1-3]", "-J", BY_WAY_OF, *mark.options, command)) as run:
        await run.prints(b"up\n", times=3)

        await run.press_twice()

        assert await run.exits() == 130
    assert "  stopped (interrupt): 127.0.1.[1-3]\n" in run.stderr
    await mark.are_gone()
