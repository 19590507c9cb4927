"""Which files are read, and what is said of those that cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.ssh_config_rig import FACTS, load
from trioexec.model.errors import ConfigError
from trioexec.transports.ssh.config import (
    ConfigFile,
    Facts,
    SshConfig,
    config_files,
)


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
