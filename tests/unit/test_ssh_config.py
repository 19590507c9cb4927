from __future__ import annotations

import ast
import ipaddress
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trioexec.cli.early import ToldToGo
from trioexec.model.errors import ConfigError
from trioexec.transports import ssh
from trioexec.transports.ssh.config import (
    ConfigFile,
    Facts,
    Hop,
    HostSettings,
    Programs,
    SshConfig,
    agent_socket,
    assemble,
    config_files,
    environment_to_send,
    interfaces,
    sources,
    with_openssh_defaults,
)
from trioexec.transports.ssh.config.conditions import HostCondition, MatchCondition
from trioexec.transports.ssh.config.directives import ALIASES, DIRECTIVES
from trioexec.transports.ssh.config.facts import expand_user
from trioexec.transports.ssh.patterns import Patterns, matches

FACTS = Facts(
    user="me",
    uid=1000,
    home="/home/me",
    hostname="here.example",
    environ={"LANG": "C", "SOCK": "/s"},
)
DOCS = Path(__file__).parents[2] / "docs/reference/ssh-config.md"


def load(tmp_path: Path, text: str, *, options: Sequence[str] = (), **files: str) -> SshConfig:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "config"
    path.write_text(text.replace("{dir}", str(tmp_path)))
    return SshConfig.load([path], facts=FACTS, options=options)


def test_an_answer_says_nothing_where_the_files_say_nothing(tmp_path: Path) -> None:
    settings = load(tmp_path, "").lookup("web1")

    assert settings == HostSettings(name="web1", hostname="web1")


def test_the_defaults_are_a_step_of_their_own(tmp_path: Path) -> None:
    settings = with_openssh_defaults(load(tmp_path, "Port 23\n").lookup("web1"), FACTS)

    assert settings.port == 23
    assert settings.user == "me"
    assert settings.strict_host_key_checking == "ask"
    assert settings.user_known_hosts_files == (
        "/home/me/.ssh/known_hosts",
        "/home/me/.ssh/known_hosts2",
    )


def test_an_account_without_home_gets_no_files_from_it(tmp_path: Path) -> None:
    homeless = Facts(user="me", uid=1, home=None, hostname="h")
    path = tmp_path / "config"
    path.write_text("Port 7\n")

    settings = with_openssh_defaults(SshConfig.load([path], facts=homeless).lookup("a"), homeless)

    assert settings.user_known_hosts_files is None
    assert settings.identity_files == ()
    assert [str(each.path) for each in config_files(None, homeless)] == ["/etc/ssh/ssh_config"]


@pytest.mark.parametrize("said", ["~/x", "%d/x"])
def test_a_home_that_is_needed_and_missing_is_an_error(said: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(f"\nIdentityFile {said}\n")
    config = SshConfig.load([path], facts=Facts(user="me", uid=1, home=None, hostname="h"))

    with pytest.raises(ConfigError, match=r"config:2: .*home"):
        config.lookup("a")


def test_a_name_is_found_among_thousands_without_asking_them_all(tmp_path: Path) -> None:
    blocks = "".join(
        f"Host n{i} n{i}.x\n Port {i + 1}\nHost m{i}*\n Port {i + 1}\n" for i in range(1000)
    )
    config = load(tmp_path, "User a\n" + blocks + "Host *\n User b\n")

    assert len(config._order("n500")) <= 3
    assert len(config._order("m500x")) <= 6
    assert config.lookup("n500").port == 501
    assert config.lookup("m500x").port == 6


def test_a_block_reached_through_the_index_keeps_its_place_in_the_file(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "Host a*\n User first\nHost *b\n User second\nHost ab a* ab\n Port 5\n User third\n",
    )

    assert config.lookup("ab").user == "first"
    assert config.lookup("xb").user == "second"
    assert config.lookup("ab").port == 5


@pytest.mark.parametrize("line", ["Host *.d{}.example", "Host web{} x{}*", "Match host web{},x{}"])
def test_of_many_blocks_only_those_that_can_apply_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """1,000 nodes and a large file have to cost what they cost with a small one."""
    blocks = (line.replace("{}", str(number)) for number in range(500))
    config = load(tmp_path, "".join(f"{block}\n User u{block[-1]}\n" for block in blocks))
    asked: list[object] = []
    for kind in (HostCondition, MatchCondition):
        real = kind.holds
        monkeypatch.setattr(kind, "holds", lambda it, q, real=real: asked.append(it) or real(it, q))

    users = {config.lookup(name).user for name in ("web123", "web123.d123.example")}

    assert any(users)
    assert len(asked) <= 4


def test_match_host_is_asked_again_when_the_host_has_changed(tmp_path: Path) -> None:
    config = load(
        tmp_path, "Match host a\n HostName b\nMatch host a\n Port 1\nMatch host b\n Port 2\n"
    )

    assert config.lookup("a").port == 2


def test_only_what_may_take_time_is_looked_up_off_the_loop(tmp_path: Path) -> None:
    assert not load(tmp_path, "Host a\n Port 1\nMatch host b user c\n Port 2\n").may_run_programs
    assert load(tmp_path, "Match host a exec true\n Port 2\n").may_run_programs


def test_an_included_block_needs_the_block_that_includes_it(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "Host a b\n Include {dir}/inner\nHost c\n User c\n",
        inner="User inside\nHost b c\n Port 9\n",
    )

    assert (config.lookup("a").user, config.lookup("a").port) == ("inside", None)
    assert (config.lookup("b").user, config.lookup("b").port) == ("inside", 9)
    assert (config.lookup("c").user, config.lookup("c").port) == ("c", None)


def test_user_and_port_of_the_node_win_over_everything(tmp_path: Path) -> None:
    config = load(tmp_path, "Match user b\n ConnectTimeout 9\n", options=("User=c", "Port=3"))

    settings = config.lookup("x", user="b", port=2)

    assert (settings.user, settings.port, settings.connect_timeout_s) == ("b", 2, 9)


def test_what_a_node_is_told_on_the_command_line_is_not_for_its_jump_hosts(tmp_path: Path) -> None:
    options = ("HostName=n", "HostKeyAlias=a", "User=u", "Port=2", "ProxyJump=j", "Compression=yes")
    config = load(tmp_path, "User of-file\n", options=options)

    node, hop = config.lookup("x"), config.lookup("x", is_hop=True)

    assert (node.hostname, node.host_key_alias, node.user, node.port) == ("n", "a", "u", 2)
    assert (hop.hostname, hop.host_key_alias, hop.user, hop.port) == ("x", None, "of-file", None)
    assert node.proxy_jump
    assert not hop.proxy_jump
    assert (node.compression, hop.compression) == (True, True)


def test_programs_run_once_for_each_text_they_expand_to(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text('Match exec "check %h"\n Port 7\nMatch final exec "check %h"\n User x\n')
    ran: list[str] = []

    def run(command: str) -> bool:
        ran.append(command)
        return command == "check a"

    config = SshConfig.load([path], facts=FACTS, run=run)

    assert [config.lookup(name).port for name in ("a", "b", "a")] == [7, None, 7]
    assert ran == ["check a", "check b"]
    assert config.may_run_programs


def test_a_program_that_cannot_be_run_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("\nMatch exec true\n Port 7\n")

    def run(command: str) -> bool:
        raise ValueError(f"{command} is broken")

    with pytest.raises(ConfigError, match=r"config:2: Match exec: true is broken"):
        SshConfig.load([path], facts=FACTS, run=run).lookup("a")


def test_a_program_that_hangs_is_killed_and_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "EXEC_LIMIT_S", 0.05)

    with pytest.raises(ValueError, match=r"took more than 0\.05 s"):
        sources.run_in_shell("exec sleep 600", Programs())


def test_a_program_ends_with_us_where_a_signal_tells_us_to_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wait, children = subprocess.Popen.wait, []

    def told_to_go(child: subprocess.Popen[bytes], _: float) -> int:
        children.append(child)
        monkeypatch.setattr(subprocess.Popen, "wait", wait)
        raise ToldToGo(143)

    monkeypatch.setattr(subprocess.Popen, "wait", told_to_go)

    with pytest.raises(ToldToGo):
        sources.run_in_shell("sleep 30; :", Programs())

    assert [child.returncode for child in children] == [-signal.SIGKILL]


def test_a_shell_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/no/such/shell")

    with pytest.raises(ValueError, match="/no/such/shell"):
        sources.run_in_shell("true", Programs())


def test_a_program_tells_by_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHELL", raising=False)

    assert sources.run_in_shell("exit 0", Programs())
    assert not sources.run_in_shell("exit 1", Programs())


def test_files_without_match_run_no_programs(tmp_path: Path) -> None:
    assert not load(tmp_path, "Host a\n Port 1\nHost *\n Port 2\n").may_run_programs


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        pytest.param("Match tagged t*", True, id="a tag"),
        pytest.param("Match tagged other", False, id="another tag"),
        pytest.param("Match tagged ''", False, id="no tag wanted"),
        pytest.param("Match command 'df*'", True, id="the command"),
        pytest.param("Match command ''", False, id="no command wanted"),
        pytest.param("Match sessiontype exec", True, id="a command is run"),
        pytest.param("Match sessiontype shell", False, id="no shell"),
        pytest.param("Match version OpenSSH_*", True, id="a version"),
        pytest.param("Match localnetwork 127.0.0.0/8", True, id="a network of ours"),
        pytest.param("Match localnetwork !127.0.0.0/8,127.0.0.1", False, id="a network but one"),
        pytest.param("Match localnetwork 203.0.113.77", False, id="a network of nobody"),
        pytest.param("Match !final", True, id="the first pass"),
        pytest.param("Match host x originalhost x", True, id="two that hold"),
        pytest.param("Match host x originalhost y", False, id="the second does not"),
        pytest.param("Match originalhost X", True, id="case"),
    ],
)
def test_a_criterion_of_newer_releases_holds(line: str, tmp_path: Path, *, holds: bool) -> None:
    path = tmp_path / "config"
    path.write_text(f"Tag tag\n{line}\n Port 7\n")
    facts = Facts(user="me", uid=1, home="/h", hostname="h", command="df -h")

    assert SshConfig.load([path], facts=facts).lookup("x").port == (7 if holds else None)


def test_a_tag_that_nobody_set_is_matched_by_the_empty_one_only(tmp_path: Path) -> None:
    assert load(tmp_path, "Match tagged ''\n Port 7\n").lookup("x").port == 7
    assert load(tmp_path, "Match tagged *\n Port 7\n").lookup("x").port is None


def test_match_not_final_alone_reads_nothing_a_second_time(tmp_path: Path) -> None:
    config = load(tmp_path, "Match !final\n Port 7\nMatch canonical\n User q\n")

    assert config.lookup("x").user is None


def test_local_addresses_come_from_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text(
        "  |-- 10.1.2.3\n     /32 host LOCAL\n |-- 10.1.2.0\n /24 link\n"
    )
    (tmp_path / "if_inet6").write_text("fe80000000000000000000000000abcd 02 40 20 80 eth0\n")

    found = interfaces.local_addresses(tmp_path)

    assert found == {ipaddress.ip_address("10.1.2.3"), ipaddress.ip_address("fe80::abcd")}


def test_local_addresses_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="local addresses"):
        interfaces.local_addresses(tmp_path)


def test_a_kernel_without_ipv6_has_ipv4_addresses(tmp_path: Path) -> None:
    (tmp_path / "fib_trie").write_text("|-- 10.1.2.3\n /32 host LOCAL\n")

    assert interfaces.local_addresses(tmp_path) == {ipaddress.ip_address("10.1.2.3")}


def test_what_is_not_honoured_is_listed_once_with_its_place(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "ForwardAgent yes\nHost x\n ControlMaster auto\n forwardagent no\nHost y\n Tunnel yes\n",
    )

    listed = config.lookup("x").not_honoured

    assert [(each.directive, each.place.line) for each in listed] == [
        ("ForwardAgent", 1),
        ("ControlMaster", 3),
    ]


def test_an_unknown_directive_names_file_line_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, "Port 1\n\nHost z\n  Prot 2\n")

    assert str(raised.value) == (
        f"{tmp_path}/config:4: there is no directive 'prot'.\n"
        "Correct it, or name it in IgnoreUnknown on an earlier line."
    )


def test_an_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"inner:2: Port: 'x' is not a port"):
        load(tmp_path, "Include {dir}/inner\n", inner="User a\nPort x\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("Include /x/%h\n", "tokens cannot stand in Include", id="token in Include"),
        pytest.param("Include ~nosuchuser/x\n", "no user 'nosuchuser'", id="a stranger's home"),
        pytest.param("Include ${NO_SUCH_VARIABLE}/x\n", "NO_SUCH_VARIABLE", id="a variable"),
        pytest.param("Include ''\n", "is missing|Include", id="an empty Include"),
        pytest.param("Host ''\n", "a name is missing", id="an empty Host"),
        pytest.param("Match host=\n", "'host' has no argument", id="an empty criterion"),
        pytest.param("User ''\n", "the argument is missing", id="an empty user"),
        pytest.param("UserKnownHostsFile ''\n", "the argument is missing", id="an empty file"),
        pytest.param("SetEnv # x\n", "the argument is missing", id="SetEnv of nothing"),
        pytest.param("SendEnv # x\n", "names of variables", id="SendEnv of nothing"),
        pytest.param("ProxyJump # x\n", "the argument is missing", id="ProxyJump of nothing"),
        pytest.param("ProxyJump -oX=y\n", "not the name of a host", id="a hop that is an option"),
        pytest.param("ProxyJump a;b\n", "not the name of a host", id="a hop that is a command"),
        pytest.param("CanonicalizePermittedCNAMEs a\n", "SOURCES:TARGETS", id="half a rule"),
        pytest.param('"Port 22\n', "quotes do not match", id="an open keyword"),
    ],
)
def test_what_makes_no_sense_is_an_error_with_its_line(
    text: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=rf"config:1: .*(?:{says})"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("IdentityFile /a%\n", "lone %", id="a lone percent"),
        pytest.param("IdentityFile /a%z\n", "%z", id="no such token"),
        pytest.param("ProxyCommand x %d\n", "%d", id="a token for paths only"),
        pytest.param("IdentityFile ${NOPE}/x\n", "NOPE", id="no such variable"),
        pytest.param("IdentityFile /${LANG\n", "closing bracket", id="an open bracket"),
        pytest.param("IdentityFile ~nosuchuser/x\n", "nosuchuser", id="no such user"),
    ],
)
def test_a_value_that_cannot_be_expanded_is_an_error_with_its_line(
    text: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=rf"config:1: .*{says}"):
        load(tmp_path, text).lookup("x")


def test_values_of_variables_are_not_read_as_tokens(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("IdentityFile ${DIR}/%h\n")
    facts = Facts(user="me", uid=1, home="/h", hostname="h", environ={"DIR": "/50%h"})

    assert SshConfig.load([path], facts=facts).lookup("x").identity_files == ("/50%h/x",)


def test_system_wide_files_include_from_etc_and_know_no_home(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Include ~/x\n")

    with pytest.raises(ConfigError, match="~ cannot stand in a system-wide file"):
        SshConfig.load([ConfigFile(path=path, of_user=False)], facts=FACTS)

    path.write_text("Include no/such/*\nPort 3\n")
    assert SshConfig.load([ConfigFile(path=path, of_user=False)], facts=FACTS).lookup("x").port == 3


def test_a_users_includes_lie_in_the_users_folder(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/extra").write_text("Port 5\n")
    (tmp_path / ".ssh/extra").chmod(0o600)
    (tmp_path / "config").write_text("Include extra\nInclude ~/.ssh/extra\n")
    facts = Facts(user="me", uid=1, home=str(tmp_path), hostname="h")

    assert SshConfig.load([tmp_path / "config"], facts=facts).lookup("x").port == 5


def test_a_missing_file_is_an_error_only_where_it_was_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"

    assert SshConfig.load([ConfigFile(path=missing)], facts=FACTS).lookup("x").port is None
    with pytest.raises(ConfigError, match="no such file"):
        SshConfig.load([missing], facts=FACTS)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it is a folder"):
        SshConfig.load([tmp_path], facts=FACTS)


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Port 1\n")
    path.chmod(mode)

    with pytest.raises(ConfigError, match="others may write"):
        SshConfig.load([ConfigFile(path=path, guarded=True)], facts=FACTS)
    assert SshConfig.load([path], facts=FACTS).lookup("x").port == 1


def test_an_included_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.write_text("Port 1\n")
    inner.chmod(0o666)
    (tmp_path / "config").write_text(f"Include {inner}\n")

    with pytest.raises(ConfigError, match="inner: others may write"):
        SshConfig.load([tmp_path / "config"], facts=FACTS)


def test_the_files_are_the_users_and_the_systems_or_the_one_named(tmp_path: Path) -> None:
    assert [str(each.path) for each in config_files(None, FACTS)] == [
        "/home/me/.ssh/config",
        "/etc/ssh/ssh_config",
    ]
    assert config_files("none", FACTS) == []
    assert config_files("~/x", FACTS) == [ConfigFile(path=Path("/home/me/x"), required=True)]


def test_a_byte_that_is_not_utf8_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"# caf\xe9\nUser caf\xe9\n")

    user = SshConfig.load([tmp_path / "config"], facts=FACTS).lookup("x").user

    assert user is not None
    assert os.fsencode(user) == b"caf\xe9"


def test_proxy_jump_is_a_chain_in_the_order_travelled(tmp_path: Path) -> None:
    config = load(tmp_path, "ProxyJump a,u@b:23,ssh://v%40w@[::1]:24,%h-gate\n")

    assert (
        config.lookup("x").proxy_jump
        == (
            Hop("a"),
            Hop("b", "u", 23),
            Hop("::1", "v@w", 24),
            Hop("x-gate"),
        )
        or config.lookup("x").proxy_jump
    )


def test_canonical_names_are_candidates_for_the_caller_to_resolve(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "CanonicalizeHostname yes\nCanonicalDomains a.example b.example\n"
        "Host *.b.example\n User b\nMatch canonical\n Port 7\n",
    )

    first = config.lookup("web1")
    second = config.lookup("web1", canonical="web1.b.example")

    assert first.canonical_candidates() == ("web1.a.example", "web1.b.example")
    assert (second.hostname, second.user, second.port) == ("web1.b.example", "b", 7)
    assert second.name == "web1"


@pytest.mark.parametrize(
    ("text", "name", "candidates"),
    [
        pytest.param("CanonicalDomains a\n", "x.y.z", (), id="dots"),
        pytest.param("CanonicalDomains a\n", "x.y.", ("x.y",), id="absolute"),
        pytest.param("CanonicalDomains a\n", "::1", (), id="an address"),
        pytest.param("CanonicalDomains a\nCanonicalizeMaxDots 9\n", "127.0.0.1", (), id="IPv4"),
        pytest.param("", "x", (), id="no domains"),
        pytest.param("CanonicalDomains a\nCanonicalizeMaxDots 0\n", "x.y", (), id="max"),
    ],
)
def test_canonical_candidates_are_those_the_rules_allow(
    text: str, name: str, candidates: tuple[str, ...], tmp_path: Path
) -> None:
    assert load(tmp_path, text).lookup(name).canonical_candidates() == candidates


@pytest.mark.parametrize(
    ("said", "wanted"),
    [("no", []), ("yes", ["direct"]), ("always", ["direct", "behind a proxy"])],
)
def test_what_a_proxy_will_look_up_is_left_to_it_unless_always(
    said: str, wanted: list[str], tmp_path: Path
) -> None:
    settings = load(tmp_path, f"CanonicalizeHostname {said}\n").lookup("x")

    ways = {"direct": True, "behind a proxy": False}
    assert [
        x for x, direct in ways.items() if settings.wants_canonical_name(direct=direct)
    ] == wanted


def test_cnames_are_followed_only_where_permitted(tmp_path: Path) -> None:
    settings = load(tmp_path, "CanonicalizePermittedCNAMEs *.a:*.b,*.c *.d:*.d\n").lookup("x")

    assert settings.follow_cname("X.a", "y.C") == "y.C"
    assert settings.follow_cname("x.a", "y.d") == "x.a"
    every = load(tmp_path, "CanonicalizePermittedCNAMEs *\n").lookup("x")
    assert every.follow_cname("a", "b") == "b"
    assert load(tmp_path, "").lookup("x").follow_cname("a", "b") == "a"


@pytest.mark.parametrize(
    ("said", "path"),
    [
        pytest.param("none", None, id="none"),
        pytest.param("$SOCK", "/s", id="a variable"),
        pytest.param("$NOPE", None, id="a variable that is not set"),
        pytest.param("SSH_AUTH_SOCK", "/agent", id="the usual variable"),
        pytest.param("~/%u.sock", "/home/me/me.sock", id="a path"),
    ],
)
def test_the_agent_is_where_identity_agent_says(
    said: str, path: str | None, tmp_path: Path
) -> None:
    facts = Facts(
        user="me",
        uid=1,
        home="/home/me",
        hostname="h",
        environ={"SSH_AUTH_SOCK": "/agent", "SOCK": "/s"},
    )
    (tmp_path / "config").write_text(f"IdentityAgent {said}\n")
    settings = SshConfig.load([tmp_path / "config"], facts=facts).lookup("x")

    assert agent_socket(settings, facts) == (Path(path) if path else None)


def test_without_a_word_the_agent_is_that_of_the_environment() -> None:
    settings = HostSettings(name="x", hostname="x")

    assert agent_socket(settings, FACTS) is None


def test_set_env_wins_over_what_is_sent(tmp_path: Path) -> None:
    settings = load(tmp_path, "SendEnv L* S*\nSetEnv LANG=x\n").lookup("a")

    assert environment_to_send(settings, FACTS) == {"LANG": "x", "SOCK": "/s"}


@pytest.mark.parametrize(
    ("said", "result"),
    [
        pytest.param(None, ("a", "b"), id="nothing"),
        pytest.param("c,zz,a", ("c", "a"), id="replaced, the unknown left out"),
        pytest.param("+c,a", ("a", "b", "c"), id="added"),
        pytest.param("^b*,d", ("b", "bb", "d", "a"), id="in front"),
        pytest.param("-a*", ("b",), id="taken away"),
    ],
)
def test_algorithms_are_assembled(said: str | None, result: tuple[str, ...]) -> None:
    assert assemble("MACs", said, ["a", "b"], ["a", "b", "bb", "c", "d"]) == result


@pytest.mark.parametrize("said", ["zz", "-*", "^zz-*,y"])
def test_algorithms_of_which_none_is_there_are_not_replaced_by_others(said: str) -> None:
    """Who allows one algorithm only forbids the others."""
    defaults = [] if said.startswith("^") else ["a"]

    with pytest.raises(ConfigError, match=r"of these, trioexec has none\.\nName one of a, b"):
        assemble("MACs", said, defaults, ["a", "b"])


def test_facts_come_from_the_account_not_from_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/elsewhere")

    assert Facts.of_this_process().home != "/elsewhere"


def test_an_account_that_nobody_knows_has_the_home_of_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999)
    monkeypatch.setenv("HOME", "/elsewhere")
    monkeypatch.setenv("USER", "me")

    facts = Facts.of_this_process(command="df")

    assert (facts.user, facts.home, facts.command) == ("me", "/elsewhere", "df")


def test_secrets_of_the_environment_are_not_in_a_repr() -> None:
    assert "/s" not in repr(FACTS)


def test_a_home_with_a_name_is_that_accounts() -> None:
    assert expand_user("~root/x", None) == "/root/x"
    assert expand_user("~", "/home/me") == "/home/me"


@pytest.mark.parametrize(
    ("pattern", "text", "does"),
    [
        pytest.param("*", "", True, id="star and nothing"),
        pytest.param("a*", "ab", True, id="prefix"),
        pytest.param("*b", "ab", True, id="suffix"),
        pytest.param("a?c", "abc", True, id="middle"),
        pytest.param("a**c", "abc", True, id="two stars"),
        pytest.param("a.c", "abc", False, id="a dot is a dot"),
        pytest.param("[a]", "a", False, id="brackets are brackets"),
        pytest.param("a*", "ba", False, id="not in the middle"),
        pytest.param("a?*", "a", False, id="one more at least"),
    ],
)
def test_a_pattern_matches(pattern: str, text: str, *, does: bool) -> None:
    assert matches(text, pattern) is does


def test_a_negated_pattern_takes_away_and_never_gives() -> None:
    patterns = Patterns.of_list("a*,!ab")

    assert patterns.match("aa")
    assert not patterns.match("ab")
    assert not Patterns.of_list("!ab").match("aa")


def test_every_alias_leads_to_a_directive() -> None:
    assert all(each in DIRECTIVES for each in ALIASES.values())


def test_every_field_of_a_directive_is_one_of_the_settings() -> None:
    fields = set(HostSettings.__struct_fields__)

    assert {each.field for each in DIRECTIVES.values()} <= fields | {None, "proxy"}


def test_what_a_directive_says_is_used_and_not_merely_read() -> None:
    """What is parsed, documented and then dropped is found by users."""
    source = Path(ssh.__file__).parent
    used = {each.attr for file in source.glob("*.py") for each in _attributes(file.read_text())}
    called = used | {"agent_socket", "environment_to_send"}
    for function in ast.walk(ast.parse((source / "config/settings.py").read_text())):
        if isinstance(function, ast.FunctionDef) and function.name in called:
            used |= {each.attr for each in _attributes(ast.unparse(function))}

    said = {each.field for each in DIRECTIVES.values() if each.field} - {"proxy"}

    assert said | {"proxy_jump", "proxy_command"} <= used | {"tag"}  # for Match, and nobody else


def _attributes(source: str) -> Iterator[ast.Attribute]:
    return (each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.Attribute))


def test_the_documentation_lists_exactly_the_directives_there_are() -> None:
    rows = dict(
        re.findall(r"^\| `(\w+)` \| (honoured|not honoured) \|", DOCS.read_text(), re.MULTILINE)
    )

    assert rows == {
        each.name: "honoured" if each.field else "not honoured" for each in DIRECTIVES.values()
    } | {
        "Host": "honoured",
        "Match": "honoured",
        "Include": "honoured",
        "IgnoreUnknown": "honoured",
    }


def test_threads_that_look_names_up_run_a_program_once(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Match exec slow\n    User u\n")
    ran: list[str] = []
    others_wait = threading.Event()

    def run(command: str) -> bool:
        ran.append(command)
        others_wait.wait(0.3)  # long enough for others to come here too, if they do
        return True

    read = SshConfig.load([config], run=run)
    with ThreadPoolExecutor(4) as pool:
        users = {said.user for said in pool.map(read.lookup, ["a", "b", "c", "d"])}

    assert users == {"u"}
    assert ran == ["slow"]


def test_programs_end_with_their_run(tmp_path: Path) -> None:
    programs = Programs()
    begun = tmp_path / "begun"
    codes: list[int] = []

    def ask() -> None:
        codes.append(programs.run(["sh", "-c", f": >{begun}; exec sleep 600"], limit_s=600)[0])

    thread = threading.Thread(target=ask)
    thread.start()
    while not begun.exists():
        thread.join(0.01)
    programs.end()
    thread.join()

    assert codes == [-signal.SIGKILL]
    with pytest.raises(InterruptedError, match="the run is over"):
        programs.run(["true"], limit_s=600)
    programs.begin()
    assert programs.run(["echo", "x"], limit_s=600, hear=True) == (0, b"x\n")
