"""What `open_fleet` settles before the first connection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from trioexec import ConfigError, Node, SshOptions, Unreachable, UsageError, open_fleet
from trioexec.testing import FakeTransport
from trioexec.transports.ssh import transport as transport_module
from trioexec.transports.ssh.config.sources import EXEC_LIMIT_S
from trioexec.transports.ssh.transport import SshTransport


async def test_settings_that_make_no_sense_for_a_node_are_an_error_of_their_own(
    tmp_path: Path,
) -> None:
    config = tmp_path / "config"
    config.write_text("Host b\n  IdentityFile ~/%Z\n")

    with pytest.raises(ConfigError):
        async with open_fleet("a,b", ssh=SshOptions(config_file=str(config))):
            pytest.fail("it opened")


async def test_a_node_that_ssh_config_refuses_is_an_outcome_and_no_error(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host b\n  RefuseConnection retired\n")

    async with open_fleet("b", ssh=SshOptions(config_file=str(config))) as fleet:
        report = await fleet.run("x")

    assert report["b"].outcome == Unreachable(reason="refused by ssh_config: retired")


@pytest.mark.parametrize(
    ("given", "said", "asked_for"),
    [
        pytest.param(10.0, None, 10.0, id="given, though it is the default"),
        pytest.param(None, 7.0, 7.0, id="in the options"),
        pytest.param(None, None, None, id="not at all: ssh_config's counts"),
    ],
)
async def test_a_connect_timeout_that_is_given_wins(
    monkeypatch: pytest.MonkeyPatch,
    given: float | None,
    said: float | None,
    asked_for: float | None,
) -> None:
    made: list[SshOptions] = []

    class Spied(SshTransport):
        def __init__(self, options: SshOptions) -> None:
            made.append(options)
            super().__init__(options)

    monkeypatch.setattr(transport_module, "SshTransport", Spied)
    options = SshOptions(config_file="none", connect_timeout_s=said)

    async with open_fleet("a", ssh=options, connect_timeout_s=given):
        pass

    assert [each.connect_timeout_s for each in made] == [asked_for]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(
            lambda: Node(name="a", host="a", port=99999), "'a': 99999", id="a node's port"
        ),
        pytest.param(lambda: SshOptions(port=0), "port: 0", id="a port for all"),
        pytest.param(lambda: SshOptions(connect_timeout_s=-1), "no length of time", id="a time"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_at_once(
    make: Callable[[], object], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        make()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param({"command": ["df", "-h"]}, "not list; shlex.join", id="words"),
        pytest.param({"command": "cat", "input": "text"}, "bytes, not str", id="input"),
        pytest.param({"command": "x", "env": {"N": 3}}, "value of N is a text, not int", id="env"),
    ],
)
async def test_what_is_of_another_type_is_said_to_be(arguments: dict[str, Any], says: str) -> None:
    async with open_fleet("a", transport=FakeTransport({})) as fleet:
        with pytest.raises(TypeError, match=says):
            await fleet.run(**arguments)


async def test_a_program_of_ssh_config_ends_with_who_waits_for_it(tmp_path: Path) -> None:
    config, pid = tmp_path / "config", trio.Path(tmp_path / "pid")
    config.write_text(
        f'Match exec "echo $$ >{pid}.new; mv {pid}.new {pid}; exec sleep 1000"\n Port 23\n'
    )

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def give_up() -> None:
                with trio.fail_after(60):
                    while not await pid.exists():
                        await trio.sleep(0.01)
                scope.cancel()

            nursery.start_soon(give_up)
            async with open_fleet("a", ssh=SshOptions(config_file=str(config))):
                pytest.fail("it opened")

    with trio.fail_after(EXEC_LIMIT_S / 2):  # sooner than by its own limit
        while await trio.Path("/proc", (await pid.read_text()).strip()).exists():
            await trio.sleep(0.01)
