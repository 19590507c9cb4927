"""What the directives come to."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.ssh_config_rig import FACTS, load
from trioexec.model.errors import ConfigError
from trioexec.transports import ssh
from trioexec.transports.ssh.config import (
    Facts,
    Hop,
    HostSettings,
    SshConfig,
    agent_socket,
    assemble,
    environment_to_send,
)
from trioexec.transports.ssh.config.directives import ALIASES, DIRECTIVES
from trioexec.transports.ssh.config.facts import expand_user

DOCS = Path(__file__).parents[2] / "docs/reference/ssh-config.md"


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
