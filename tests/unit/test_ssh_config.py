"""Which blocks of the files apply to a node, and what they ask to know that."""

from __future__ import annotations

import ipaddress
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.ssh_config_rig import FACTS, load
from trioexec.cli.early import ToldToGo
from trioexec.model.command import TimeLeft
from trioexec.model.errors import ConfigError
from trioexec.transports.ssh.config import (
    Facts,
    HostSettings,
    NoTimeLeftError,
    Programs,
    SshConfig,
    config_files,
    interfaces,
    sources,
    with_openssh_defaults,
)
from trioexec.transports.ssh.config.conditions import HostCondition, MatchCondition
from trioexec.transports.ssh.patterns import Patterns, matches


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


def test_programs_before_a_run_share_what_it_has_left() -> None:
    programs, left = Programs(), TimeLeft(600)
    programs.before = left

    assert programs.run(["sleep", "0.05"], limit_s=600) == (0, b"")
    assert 500 < left.seconds < 600 - 0.05
    with pytest.raises(subprocess.TimeoutExpired):  # its own limit is the shorter one
        programs.run(["sleep", "600"], limit_s=0.05)
    left.seconds = 0.05
    for argv in (["sleep", "600"], ["true"]):
        with pytest.raises(NoTimeLeftError):
            programs.run(argv, limit_s=600)

    programs.begin()

    assert programs.run(["true"], limit_s=600) == (0, b"")
