"""What a name comes to: the configuration's words in the terms of those who connect."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from trioexec.model.errors import ConfigError
from trioexec.model.nodes import Node, parse_node
from trioexec.model.secret import Secret
from trioexec.transports.ssh.options import SshOptions
from trioexec.transports.ssh.routes import Route, Routes


def route_to(text: str, *settings: str) -> Route:
    return Routes(SshOptions(config_file="none", settings=settings)).find(parse_node(text))


@pytest.mark.parametrize(
    "setting",
    [
        "Ciphers=no-such",
        "MACs=-*",
        "KexAlgorithms=-*",
        "HostKeyAlgorithms=no-such",
        "PubkeyAcceptedAlgorithms=no-such",
        "CASignatureAlgorithms=no-such",
    ],
)
def test_whoever_allows_only_what_is_not_there_gets_nothing_else(setting: str) -> None:
    with pytest.raises(ConfigError, match=setting.partition("=")[0]):
        route_to("web1", setting)


def test_a_connect_timeout_of_0_says_nothing() -> None:
    assert route_to("web1", "ConnectTimeout=0").connect_timeout_s is None
    assert route_to("web1", "ConnectTimeout=7").connect_timeout_s == 7


@pytest.mark.parametrize(("said", "count"), [("0", 1), ("1", 1), ("5", 5)])
def test_a_node_is_asked_once_at_least_before_it_is_given_up(said: str, count: int) -> None:
    route = route_to("web1", f"ServerAliveCountMax={said}", "ServerAliveInterval=60")

    assert route.target.options.keepalive_count_max == count
    assert route.target.options.keepalive_interval * (count + 1) == 60 * count


def test_a_jump_host_is_gone_to_over_its_own_jump_hosts(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        "Host node\n ProxyJump b,c\nHost b\n ProxyJump a\nHost c\n ProxyJump elsewhere\n"
        "Host all-behind-one !one\n ProxyJump one\nHost one\n ProxyJump one\n"
    )
    routes = Routes(SshOptions(config_file=str(config)))

    def names(text: str) -> list[str]:
        return [hop.name for hop in routes.find(parse_node(text)).hops]

    assert names("node") == ["a", "b", "c"]
    assert names("b") == ["a"]
    assert names("all-behind-one") == ["one"]


def test_in_batch_mode_nobody_is_asked_for_a_passphrase(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", key], check=True)
    asked: list[str] = []

    def ask(prompt: str) -> Secret:
        asked.append(prompt)
        return Secret("secret")

    for batch_mode in ("yes", "no"):
        settings = (f"IdentityFile={key}", f"BatchMode={batch_mode}")
        routes = Routes(SshOptions(config_file="none", settings=settings))
        routes.unlock([Node(name="a", host="a")], ask)

    assert asked == [f"Passphrase for key {key}: "]
