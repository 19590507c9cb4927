"""pdsh's options, hosts, words and variables; the real one stands beside ours in tests/e2e."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from trioexec.model.command import Limits
from trioexec.model.hostlist import expand
from trioexec.settings.pdsh.commands import command_for
from trioexec.settings.pdsh.grammar import PdshError, PdshOptions, Selector, parse
from trioexec.settings.pdsh.ssh_args import SshArgs, read_ssh_args
from trioexec.settings.pdsh.targets import Target, choose, fold, labels


def test_every_option_ends_in_its_field() -> None:
    argv = [
        "-w",
        "a",
        "-x",
        "b",
        "-g",
        "c",
        "-X",
        "d",
        "-a",
        "-A",
        "-R",
        "exec",
        "-l",
        "joe",
        "-u",
        "4",
        "-f",
        "5",
        "-S",
        "-b",
        "-N",
        "-d",
        "-k",
        "-M",
        "m",
        "uptime",
        "-S",
    ]

    assert parse(argv, {}) == PdshOptions(
        selectors=tuple(
            Selector(kind=kind, text=text)  # type: ignore[arg-type]
            for kind, text in [
                ("-w", "a"), ("-x", "b"), ("-g", "c"), ("-X", "d"), ("-a", ""), ("-a", ""),
            ]
        ),
        words=("uptime", "-S"),
        rcmd="exec",
        user="joe",
        fanout=5,
        command_timeout_s=4,
        largest_code=True,
        batch=True,
        labels=False,
        debug=True,
        fail_fast=True,
    )  # fmt: skip


def test_variables_count_where_no_option_does() -> None:
    env = {
        "FANOUT": "7",
        "PDSH_CONNECT_TIMEOUT": "8",
        "PDSH_COMMAND_TIMEOUT": "9",
        "PDSH_RCMD_TYPE": "ssh",
    }

    by_env = parse(["x"], env)
    by_option = parse(["-f", "1", "-t", "2", "-u", "3", "x"], env)

    assert (by_env.fanout, by_env.connect_timeout_s, by_env.command_timeout_s) == (7, 8, 9)
    assert (by_option.fanout, by_option.connect_timeout_s, by_option.command_timeout_s) == (1, 2, 3)


@pytest.mark.parametrize(
    ("flag", "ask"),
    [("-h", "usage"), ("-V", "version"), ("-L", "modules"), ("-q", "settings")],
)
def test_some_options_only_ask(flag: str, ask: str) -> None:
    assert parse([flag], {}).ask == ask


def test_seconds_are_read_as_c_does() -> None:
    assert parse(["-u", "x", "-t", " 3s", "y"], {}).command_timeout_s == 0
    assert parse(["-u", "x", "-t", " 3s", "y"], {}).connect_timeout_s == 3


@pytest.mark.parametrize("digits", [12, 400, 4000])
def test_numbers_that_no_c_int_holds_are_the_largest_that_it_does(digits: int) -> None:
    options = parse([flag + "9" * digits for flag in ("-f", "-t", "-u")], {})

    found = {options.fanout, options.connect_timeout_s, options.command_timeout_s}
    assert found == {2**31 - 1}
    Limits(parallel=options.fanout, timeout_s=options.command_timeout_s)


@pytest.mark.parametrize(
    ("argv", "env", "text"),
    [
        pytest.param(["-Z"], {}, "pdsh: invalid option -- 'Z'", id="option"),
        pytest.param(["-w"], {}, "pdsh: option requires an argument -- 'w'", id="no value"),
        pytest.param(["-f", "x"], {}, "Invalid fanout `x' passed to -f.", id="-f"),
        pytest.param([], {"FANOUT": "x"}, "Invalid environment variable FANOUT=x", id="FANOUT"),
        pytest.param(["-u", "-1"], {}, "command timeout must be >= 0", id="-u"),
        pytest.param(["-R", "exec", "-t", "1"], {}, 'Cannot specify -t with "-R exec"', id="-t"),
    ],
)
def test_a_mistake_is_told_in_pdshs_words(argv: list[str], env: dict[str, str], text: str) -> None:
    with pytest.raises(PdshError) as caught:
        parse(argv, env)

    assert str(caught.value) == text


def names(expression: str) -> Iterable[str]:
    groups = {"@web": ["web1", "web2"], "@*": ["all1", "web1"]}
    if expression in groups:
        return groups[expression]
    return (node.name for node in expand([expression], sources=None))


def hosts(*options: str, wcoll: str | None = None, stdin: str = "") -> list[str]:
    selectors = parse([*options, "-R", "exec"], {}).selectors
    found = choose(selectors, expand=names, rcmd="exec", wcoll=wcoll, read_stdin=stdin.splitlines)
    return [f"{one.user}@{one.host}" if one.user else one.host for one in found]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list").write_text("a1 a2 # x\n\n#include sub/more\n# no\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/more").write_text("#include last\nb[1-2]\n")
    (tmp_path / "sub/last").write_text("c")
    (tmp_path / "loop").write_text("#include loop\n")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(["-w", "a[1-3,5],b"], "a1 a2 a3 a5 b", id="ranges"),
        pytest.param(["-w", "b,a", "-w", "c,a"], "b a c", id="several, each once"),
        pytest.param(["-w", "u@a[1-2],exec:v@b,exec:c"], "u@a1 u@a2 v@b c", id="users"),
        pytest.param(["-w", "a[1-4],-a[2-3]"], "a1 a4", id="left out"),
        pytest.param(["-w", "-a1", "-w", "a[1-2]"], "a2", id="left out before"),
        pytest.param(["-w", "a[1-4],/[12]/,-/2/"], "a1", id="regex"),
        pytest.param(["-w", "a[1-4],/[12]"], "a1 a2", id="regex without its end"),
        pytest.param(["-w", "a[1-4]", "-x", "/[12]/,a4"], "a3", id="-x regex"),
        pytest.param(["-w", "^list"], "a1 a2 c b1 b2", id="file"),
        pytest.param(["-w", "a[1-3],b1", "-x", "^list"], "a3", id="file left out"),
        pytest.param(["-w", "-^list,a[1-3]"], "a3", id="file left out by -w"),
        pytest.param(["-w", "-"], "s1 s2 s3", id="stdin"),
        pytest.param(["-g", "web"], "web1 web2", id="group"),
        pytest.param(["-a", "-X", "web"], "all1", id="all but a group"),
        pytest.param(["-w", "web1,web3", "-x", "@web"], "web3", id="@group"),
        pytest.param(["-x", "a"], "", id="none"),
    ],
)
def test_hosts_are_chosen(options: list[str], expected: str, files: Path) -> None:
    assert hosts(*options, stdin="s1 s[2-3]\n") == expected.split()


def test_wcoll_counts_where_no_option_names_a_host(files: Path) -> None:
    assert hosts("-x", "a1,c", wcoll="list") == ["a2", "b1", "b2"]
    assert hosts("-w", "z", wcoll="list") == ["z"]
    assert hosts("-g", "web", wcoll="list") == ["web1", "web2"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param(["-w", "^nope"], "nope: No such file or directory", id="no file"),
        pytest.param(
            ["-w", "a,^"], r"\^: the name of a file is missing", id="a file without a name"
        ),
        pytest.param(["-w", "^loop"], "deep", id="loop"),
        pytest.param(["-w", "ssh:a"], "only exec is used here", id="another way"),
        pytest.param(["-w", "a,/[/"], "unterminated character set", id="regex"),
    ],
)
def test_hosts_that_cannot_be_chosen(options: list[str], text: str, files: Path) -> None:
    with pytest.raises(PdshError, match=text):
        hosts(*options)


@pytest.mark.parametrize(
    ("given", "called"),
    [
        pytest.param("a.x.y b.x.y", "a b", id="one domain"),
        pytest.param("a.x b", "a b", id="and without"),
        pytest.param("a.x b.y", "a.x b.y", id="two domains"),
        pytest.param("10.0.0.1", "10.0.0.1", id="address"),
        pytest.param("a.x 10.0.0.1", "a.x 10.0.0.1", id="and an address"),
        pytest.param("::1 a", "::1 a", id="IPv6"),
    ],
)
def test_hosts_are_called_without_a_domain_that_all_have(given: str, called: str) -> None:
    assert list(labels(given.split()).values()) == called.split()


@pytest.mark.parametrize(
    ("given", "folded"),
    [
        ("b1,b2,b3,a,b4", "b[1-3],a,b4"),
        ("b1,b2,b3,b2,b1", "b[1-3,2,1]"),
        ("a1,a01,a02", "a[1,01-02]"),
        ("a9,a10,a11", "a[9-11]"),
        ("a08,a09,a10", "a[08-10]"),
        ("a1b1,a1b2,a2b1", "a1b[1-2],a2b1"),
        ("a1-eth0,a2-eth0", "a1-eth0,a2-eth0"),
        ("1,2,3", "[1-3]"),
        ("x,x1,x", "x,x1,x"),
        ("", ""),
    ],
)
def test_a_list_folds_as_pdsh_folds(given: str, folded: str) -> None:
    assert fold(given.split(",")) == folded


VALUES = {"h": "web1", "u": "me", "n": "3"}


def test_words_go_to_a_node_joined_and_to_a_program_one_by_one() -> None:
    words = ["echo", "%h %u", "%n%%", "%q", "a  b;c"]

    assert command_for(words, VALUES, rcmd="ssh") == "echo web1 me 3% %q a  b;c"
    assert command_for(words, VALUES, rcmd="exec") == "exec echo 'web1 me' 3% %q 'a  b;c'"
    assert command_for(["x"], VALUES, rcmd="ssh", path="/a b") == "PATH='/a b';x"


def test_a_word_that_a_shell_could_take_for_more_is_refused() -> None:
    with pytest.raises(PdshError, match="%u is"):
        command_for(["echo", "%u"], {**VALUES, "u": "x;rm"}, rcmd="ssh")


def test_ssh_args_become_options_of_our_ssh() -> None:
    env = {
        "PDSH_SSH_ARGS": "-2 -a -x -l%u %h -p 22 -oBatchMode=yes",
        "PDSH_SSH_ARGS_APPEND": "-p 2222 -i k -F c -o 'ConnectTimeout 3' -J gw -6 -C -c aes -m mac -l joe",
    }

    assert read_ssh_args(env) == SshArgs(
        user="joe",
        port=2222,
        identities=["k"],
        config_file="c",
        settings=["ConnectTimeout=3", "Compression=yes", "Ciphers=aes", "MACs=mac", "BatchMode=yes"],
        jump="gw",
        address_family="inet6",
    )  # fmt: skip
    assert read_ssh_args({}) == SshArgs()


@pytest.mark.parametrize("text", ["-X", "-p x", "host", "'", "-A"])
def test_ssh_args_that_we_cannot_do_are_told(text: str) -> None:
    with pytest.raises(PdshError, match=r"^PDSH_SSH_ARGS: "):
        read_ssh_args({"PDSH_SSH_ARGS": text})


def test_a_target_is_a_host_and_a_user() -> None:
    found = choose(
        [Selector(kind="-w", text="u@a")],
        expand=names,
        rcmd="ssh",
        wcoll=None,
        read_stdin=list,
    )

    assert found == [Target(host="a", user="u")]


@pytest.mark.parametrize("text", ["x", "3x", "1.5"])
@pytest.mark.parametrize("what", ["CONNECT", "COMMAND"])
def test_a_variable_that_is_no_number_is_an_error_and_an_options_text_is_0(
    what: str, text: str
) -> None:
    variable = f"PDSH_{what}_TIMEOUT"

    with pytest.raises(PdshError, match=f"^Invalid environment variable {variable}={text}$"):
        parse(["x"], {variable: text})
    assert parse(["-u", "x", "x"], {}).command_timeout_s == 0


def test_an_empty_variable_is_none() -> None:
    env = {"PDSH_CONNECT_TIMEOUT": "", "PDSH_COMMAND_TIMEOUT": "", "PDSH_RCMD_TYPE": ""}

    assert parse(["x"], env) == parse(["x"], {})
