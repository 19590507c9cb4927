"""Names from what a site has: Slurm, a session of Backend.AI, ssh_config."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.unit.sources_rig import Site, words
from trioexec.model.hostlist import expand
from trioexec.settings.sources import (
    open_sources,
    process,
)

# Slurm

SINFO = r"""
echo "$*" >> sinfo-calls
case "$*" in
*%R*) printf 'debug*\nbatch\n' | tr -d '*' ;;
*--partition=debug*) echo 'n[01-02]'; echo 'gpu[1,3]' ;;
*--partition=empty*) ;;
*--partition=*) ;;
*) echo 'n[01-04],gpu[1-3]' ;;
esac
"""


@pytest.fixture
def sinfo(site: Site) -> None:
    site.program("sinfo", SINFO)


@pytest.mark.usefixtures("sinfo")
def test_a_partition_is_asked_of_sinfo(site: Site) -> None:
    assert site.nodes("@slurm:debug") == ["n01", "n02", "gpu1", "gpu3"]
    assert len(site.nodes("@slurm:*")) == 7
    assert site.resolver().groups("slurm") == ["debug", "batch"]


@pytest.mark.usefixtures("sinfo")
def test_a_partition_without_nodes_is_empty_and_an_unknown_one_an_error(site: Site) -> None:
    assert site.nodes("@slurm:batch") == []
    assert "Did you mean @slurm:debug?" in site.error("@slurm:debgu")


def test_inside_a_job_its_nodes_come_from_the_environment(site: Site) -> None:
    site.env["SLURM_JOB_NODELIST"] = "n[1-2],m7"

    assert site.nodes("@slurm") == ["n1", "n2", "m7"]


def test_outside_a_job_there_is_no_job(site: Site) -> None:
    assert site.error("@slurm").startswith("@slurm: this is not inside a Slurm job")


def test_without_sinfo_the_error_names_it(site: Site) -> None:
    site.env["PATH"] = str(site.bin)

    assert "@slurm:debug: the program 'sinfo' is not on this machine." in site.error("@slurm:debug")


# Backend.AI


def test_a_session_has_port_2200_and_its_order(site: Site) -> None:
    site.env["BACKENDAI_CLUSTER_HOSTS"] = "main1, sub1,sub2:22,"

    assert site.nodes("@backendai") == ["main1:2200", "sub1:2200", "sub2:22"]
    assert site.resolver().groups("backendai") == ["*"]


@pytest.mark.parametrize(
    ("role", "first"),
    [
        pytest.param("MAIN", "sub1:2200", id="main, in any case"),
        pytest.param("sub", "main1:2200", id="another role"),
    ],
)
def test_the_main_node_of_a_session_comes_first(site: Site, role: str, first: str) -> None:
    site.env |= {
        "BACKENDAI_CLUSTER_HOSTS": "main1,sub1",
        "BACKENDAI_CLUSTER_HOST": "sub1",
        "BACKENDAI_CLUSTER_ROLE": role,
    }

    assert site.nodes("@backendai:*")[0] == first


def test_outside_a_session_there_is_none(site: Site) -> None:
    assert "BACKENDAI_CLUSTER_HOSTS is not set" in site.error("@backendai")
    assert "no such group" in site.error("@backendai:x")


# ssh_config


def test_hosts_of_ssh_config_are_found_by_pattern(site: Site) -> None:
    site.file(
        ".ssh/config",
        'Include conf.d/*.conf "~/more"\n  Include one\nHost web1 web2 !web3 web* *\n  User x\n'
        "host=db1 # not this\nMatch host web9\n  HostName=web8\nHost ::1\n\n#Host web7\n",
    )
    site.file(".ssh/conf.d/b.conf", "HOST web5\n")
    site.file(".ssh/conf.d/a.conf", 'Host "web4"\n')
    site.file("more", "Host far\n")

    assert site.resolver().groups("ssh") == words("web4 web5 far web1 web2 db1 ::1")
    assert site.nodes("@ssh:web*") == ["web4", "web5", "web1", "web2"]
    assert site.nodes("@ssh:web[1-2]") == ["web1", "web2"]
    assert site.nodes("@ssh:db?|far") == ["far", "db1"]
    assert "[::1]" in site.nodes("@ssh")


def test_the_system_file_comes_after_the_users(site: Site, tmp_path: Path) -> None:
    site.file(".ssh/config", "Host a\n")
    (tmp_path / "etc-ssh").mkdir()
    (tmp_path / "etc-ssh" / "ssh_config").write_text("Host a b\nInclude part\n")
    (tmp_path / "etc-ssh" / "part").write_text("Host c\n")

    assert site.nodes("@ssh:*") == ["a", "b", "c"]


def test_another_ssh_config_stands_alone(site: Site) -> None:
    site.file(".ssh/config", "Host a\n")
    site.ssh_config = str(site.file("other", "Host b\n"))
    assert site.nodes("@ssh:*") == ["b"]

    site.ssh_config = "none"
    assert site.error("@ssh:*").endswith("There are none at all to choose from.")

    site.ssh_config = "~/missing"
    assert "cannot read" in site.error("@ssh:*")


def test_no_host_matching_is_an_error_with_the_nearest(site: Site) -> None:
    site.file(".ssh/config", "Host web1\n")

    assert "Did you mean @ssh:web1?" in site.error("@ssh:wbe1")
    assert "There are @ssh:web1." in site.error("@ssh:db*")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        pytest.param('Host "a\n', "line 1: a quotation mark is never closed", id="quotation"),
        pytest.param("Include ~/.ssh/config\n", "included more than 16 deep", id="circle"),
        pytest.param("Include ~/\n", "is a directory", id="directory"),
    ],
)
def test_an_ssh_config_that_cannot_be_read_is_an_error(site: Site, text: str, what: str) -> None:
    site.file(".ssh/config", text)

    assert what in site.error("@ssh:*")


# This process


def test_sources_of_this_process_have_its_environment_and_home(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n[1-2]")
    site.file("hosts", "web1\n")

    answers = open_sources(stdin=io.StringIO("s1\n"), groups={"g": ["g1"]})

    nodes = expand(["@slurm,^~/hosts,-,@g"], sources=answers)
    assert [node.name for node in nodes] == ["n1", "n2", "web1", "s1", "g1"]


def test_ssh_config_is_the_accounts_whatever_home_says(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site.file(".ssh/config", "Host a\n")
    monkeypatch.setattr("trioexec.settings.sources.process._home_of_account", lambda: site.home)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert list(open_sources()("@ssh:*")) == ["a"]


def test_an_account_without_an_entry_lives_where_home_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_entry(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", no_entry)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert process._home_of_account() == tmp_path

    monkeypatch.delenv("HOME")
    assert process._home_of_account() == Path("/")
    assert list(open_sources(ssh_config="none").groups("ssh")) == []
