"""Node sources, one after another, on files and programs of the test's own."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from trioexec.model.errors import UsageError
from trioexec.model.hostlist import expand
from trioexec.settings.sources import (
    ENTRY_POINTS,
    Resolver,
    Surroundings,
    open_sources,
    process,
    programs,
    resolver,
)
from trioexec.settings.sources import lines as lines_module
from trioexec.settings.sources.base import unknown_group

HANG_S = 60


class Site:
    """A home directory, an environment and settings, and what expressions come to there."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.env = {"PATH": f"{self.bin}:/usr/bin:/bin"}
        self.stdin: io.StringIO | None = None
        self.groups: dict[str, Sequence[str]] = {}
        self.commands: dict[str, Sequence[str]] = {}
        self.ssh_config: str | None = None
        self.inventory: str | None = None

    def resolver(self) -> Resolver:
        return Resolver(
            Surroundings(
                env=self.env,
                home=self.home,
                stdin=self.stdin,
                groups=self.groups,
                commands=self.commands,
                ssh_config=self.ssh_config,
                ansible_inventory=self.inventory,
            )
        )

    def nodes(self, *expressions: str) -> list[str]:
        return [node.name for node in expand(expressions, sources=self.resolver())]

    def error(self, *expressions: str) -> str:
        with pytest.raises(UsageError) as caught:
            self.nodes(*expressions)
        text = str(caught.value)
        assert len(text.splitlines()) == 2
        return text

    def program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def file(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def words(text: str) -> list[str]:
    return text.split()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("CLUSTERSHELL_CFGDIR", str(tmp_path / "clustershell"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        "ClusterShell.Defaults.config_paths",
        lambda name: [str(tmp_path / "clustershell" / name)],
    )
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("trioexec.settings.sources.ssh.SYSTEM", tmp_path / "etc-ssh")
    return Site(tmp_path)


# Files and stdin


def test_a_file_has_expressions_comments_and_blank_lines(site: Site) -> None:
    path = site.file(
        "hosts",
        "\ufeff# all of them\n\nweb1\n  web2 # rack 2\nn[1, 3]\nann@[::1]:22\ta b ,c\nx[1-3] ! x2\n",
    )

    assert site.nodes(f"^{path}") == words("web1 web2 n1 n3 ann@[::1]:22 a b c x1 x3")


def test_a_file_is_found_in_the_home_directory(site: Site) -> None:
    site.file("my hosts", "web1\n")

    assert site.nodes("^~/my hosts") == ["web1"]


def test_a_file_may_name_groups_and_files(site: Site) -> None:
    site.groups = {"db": ["db[1-2]"]}
    site.file("other hosts", "x9\n")
    path = site.file("hosts", "@db\n^~/other hosts\n")

    assert site.nodes(f"^{path}") == ["db1", "db2", "x9"]


def test_an_error_in_a_file_names_file_and_line(site: Site) -> None:
    path = site.file("hosts", "# one\nweb1\nweb[1-\n")

    assert site.error(f"^{path}").startswith(f"^{path}, line 3: 'web[1-', character 4: ")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        pytest.param(lambda _: None, "no such file or directory", id="missing"),
        pytest.param(lambda path: path.mkdir(), "is a directory", id="directory"),
        pytest.param(lambda path: path.write_bytes(b"\xff\xfe\n"), "not a text file", id="binary"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(site: Site, make: object, what: str) -> None:
    path = site.home / "hosts"
    assert callable(make)
    make(path)

    assert site.error(f"^{path}").startswith(f"^{path}: cannot read this file of nodes: {what}.")


def test_a_file_without_an_end_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioexec.settings.sources.files.MAX_BYTES", 4 * 1024 * 1024)
    monkeypatch.setattr(lines_module, "MAX_BYTES", 4 * 1024 * 1024)

    assert site.error("^/dev/zero").startswith("^/dev/zero: more than 4 MiB")


def test_a_million_line_file_is_read_and_one_more_refused(site: Site) -> None:
    path = site.file("hosts", "\n".join(f"n{number}" for number in range(1_000_000)))
    assert len(site.nodes(f"^{path}")) == 1_000_000

    path.write_text(path.read_text() + "\none-more\n")
    assert "no set may have more than 1,000,000" in site.error(f"^{path}")


def test_stdin_is_read_once_and_remembered(site: Site) -> None:
    site.stdin = io.StringIO("web1 web2\nweb3\n")
    answers = site.resolver()

    first = [node.name for node in expand(["-"], sources=answers)]
    again = [node.name for node in expand(["-!web2"], sources=answers)]

    assert first == ["web1", "web2", "web3"]
    assert again == ["web1", "web3"]


def test_no_stdin_is_an_error(site: Site) -> None:
    assert site.error("-").startswith("-: there is no standard input")


def test_stdin_that_is_no_text_is_an_error(site: Site) -> None:
    site.stdin = io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8")  # type: ignore[assignment]

    assert site.error("-").startswith("-: cannot read nodes from standard input: not a text file")


# Groups of the user's settings


def test_groups_of_the_settings_come_first_and_may_nest(site: Site) -> None:
    site.groups = {"slurm": ["own"], "web": ["web[1-2]", "@db!db2"], "db": ["db[1-2]"]}

    assert site.nodes("@slurm,@web") == ["own", "web1", "web2", "db1"]
    assert site.nodes("@*") == ["own", "web1", "web2", "db1", "db2"]
    assert site.nodes("@config:db") == ["db1", "db2"]
    assert site.resolver().groups("config") == ["slurm", "web", "db"]


def test_an_unknown_group_names_the_nearest(site: Site) -> None:
    site.groups = {"production": ["a"], "staging": ["b"]}

    assert site.error("@prodution") == (
        "@prodution: no such group of nodes.\nDid you mean @production?"
    )
    assert "Did you mean @config:staging?" in site.error("@config:stagin")


def test_an_unknown_group_with_nothing_near_lists_some() -> None:
    assert str(unknown_group("@zz", ["a", "b"])).endswith("There are @a, @b.")
    assert str(unknown_group("@zz", "abcdefghij")).endswith("@h, and more.")
    assert str(unknown_group("@zz", [])).endswith("There are none at all to choose from.")


def test_an_unknown_source_is_an_error(site: Site) -> None:
    assert site.error("@slrum:debug").endswith("Did you mean @slurm?")
    with pytest.raises(UsageError, match="@nope: no such source"):
        site.resolver().groups("nope")


# Programs of the user's


def test_a_program_prints_nodes(site: Site) -> None:
    site.program("inventory", 'echo "web[1-2] # $#"; echo "$1"')
    site.commands = {"cmdb": ["inventory"], "by": ["inventory", "{group}-1"]}

    assert site.nodes("@cmdb") == ["web1", "web2"]
    assert site.nodes("@cmdb:db7") == ["web1", "web2", "db7"]
    assert site.nodes("@by:a") == ["web1", "web2", "a-1"]
    assert site.resolver().groups("cmdb") == []


def test_a_group_never_reaches_a_shell(site: Site) -> None:
    script = site.program("show", 'printf "%s" "$1" > seen; echo web1')
    site.commands = {"cmdb": [str(script)]}

    site.nodes("^" + str(site.file("hosts", "@cmdb:$(touch${IFS}pwned)\n")))

    assert Path("seen").read_text() == "$(touch${IFS}pwned)"
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        pytest.param(["/no/such"], "the program '/no/such' is not on this machine.", id="missing"),
        pytest.param(["/etc/passwd"], "cannot run '/etc/passwd': permission denied.", id="no program"),
        pytest.param(["sh", "-c", "echo a >&2; echo no\x1b[m >&2; exit 3"], r"failed with 3: no\x1b[m", id="fails"),
        pytest.param(["false"], "'false' failed with 1: it said nothing", id="fails in silence"),
        pytest.param(["sh", "-c", "x=1; exit 3"], "\nTry it by hand: sh -c 'x=1; exit 3'", id="in a shell"),
    ],
)  # fmt: skip
def test_a_program_that_fails_is_an_error(site: Site, argv: list[str], what: str) -> None:
    site.commands = {"cmdb": argv}

    assert what in site.error("@cmdb")


def test_a_program_that_hangs_is_an_error_and_ended_with_what_it_started(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Path("started")
    lose_patience_once(started, monkeypatch)
    site.commands = {"cmdb": ["sh", "-c", "sleep 3600 & echo $! >started; wait; echo x"]}

    assert "'sh' has not answered in 0.1 s." in site.error("@cmdb")
    wait_until(lambda: not is_alive(int(started.read_text())))


def lose_patience_once(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for 0.1 s, and then for as long as a slow machine takes to write down who has started."""
    end = programs.end_with_offspring

    def end_what_started(pid: int) -> None:
        wait_until(lambda: started.exists() and started.read_text().endswith("\n"))
        end(pid)

    monkeypatch.setattr(programs, "PATIENCE_S", 0.1)
    monkeypatch.setattr(programs, "end_with_offspring", end_what_started)


def wait_until(holds: Callable[[], object]) -> None:
    limit_s = time.monotonic() + HANG_S
    while not holds():
        assert time.monotonic() < limit_s
        time.sleep(0.01)  # noqa: TID251 - no loop here


def is_alive(pid: int) -> bool:
    """Whether it runs; one that is dead and not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_a_group_is_never_an_option_to_a_program(site: Site) -> None:
    site.commands = {"cmdb": ["echo"]}

    assert "@cmdb:-n: 'echo' would take this group for an option" in site.error("@cmdb:-n")


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


# ClusterShell


@pytest.fixture
def clustershell(site: Site, tmp_path: Path) -> Path:
    folder = tmp_path / "clustershell"
    folder.mkdir()
    (folder / "groups.conf").write_text(
        f"[Main]\ndefault: roles\nautodir: {folder}\n"
        "[upcall]\nmap: echo up-$GROUP\nlist: echo one two\n"
        "[silent]\nmap: [ $GROUP = known ] && echo s1 || true\n"
        "[broken]\nmap: echo a >&2; printf 'no\\033[m' >&2; exit 4\nall: exit 4\nlist: exit 4\n"
        "[bytes]\nmap: printf '\\377'\n"
        "[reads]\nmap: cat; echo $SOURCE-$GROUP; cd $CFGDIR && [ -f groups.yaml ] && echo here\n"
        "[hangs]\nmap: echo $$$$ >$CFGDIR/hangs; sleep 3600; echo x\n"
    )
    (folder / "groups.yaml").write_text(
        "roles:\n  web: 'web[1-3]'\n  db: ['db[2,1]', 'x5[8-11]']\n  both: '@web!web2,@rack:r2'\n"
        "  circle: '@circle'\nrack:\n  r1: n[1-2]\n  r2: n[3-4]\n  rows: '@r1,@r2!n1'\n  none: ''\n"
    )
    return folder


@pytest.mark.usefixtures("clustershell")
@pytest.mark.parametrize(
    ("expression", "nodes"),
    [
        pytest.param("@web", "web1 web2 web3", id="default source"),
        pytest.param("@rack:r1", "n1 n2", id="named source"),
        pytest.param("@rack:r[1-2]", "n1 n2 n3 n4", id="range of groups"),
        pytest.param("@rack:rows", "n2 n3 n4", id="groups in a group of a named source"),
        pytest.param("@both", "web1 web3 n3 n4", id="groups in a group"),
        pytest.param("@db", "db2 db1 x58 x59 x510 x511", id="read as ours"),
        pytest.param("@rack:*", "n1 n2 n3 n4", id="all of a source"),
        pytest.param("@rack:none", "", id="empty group"),
        pytest.param("@upcall:one", "up-one", id="upcall"),
        pytest.param("@silent:known", "s1", id="source without a list"),
        pytest.param("@silent:other", "", id="unknown to a source without a list"),
    ],
)
def test_groups_of_clustershell(site: Site, expression: str, nodes: str) -> None:
    assert site.nodes(expression) == nodes.split()


@pytest.mark.usefixtures("clustershell")
def test_the_users_own_groups_win_over_clustershells(site: Site) -> None:
    site.groups = {"web": ["mine"]}

    assert site.nodes("@web") == ["mine"]
    assert site.nodes("@db!x[0-999]") == ["db2", "db1"]


def test_all_of_clustershells_default_source(site: Site, clustershell: Path) -> None:
    (clustershell / "groups.yaml").write_text("roles:\n  web: web1\n  db: db1\n")

    assert site.nodes("@*") == ["db1", "web1"]
    assert site.resolver().groups("") == ["db", "web"]


@pytest.mark.parametrize("pointed_at", [False, True])
def test_the_sample_that_pip_puts_into_an_environment_is_nobodys(
    site: Site, clustershell: Path, monkeypatch: pytest.MonkeyPatch, *, pointed_at: bool
) -> None:
    monkeypatch.setattr("sys.prefix", str(clustershell.parent))
    if not pointed_at:
        monkeypatch.delenv("CLUSTERSHELL_CFGDIR")
    (clustershell / "groups.yaml").write_text("roles:\n  web: web1\n")

    if pointed_at:
        assert site.nodes("@web") == ["web1"]
    else:
        assert "@web" in site.error("@web")


def test_a_default_source_that_cannot_list_is_asked(site: Site, clustershell: Path) -> None:
    (clustershell / "groups.conf").write_text("[Main]\ndefault: s\n[s]\nmap: [ $GROUP = a ] && echo s1 || true\n")  # fmt: skip

    assert site.nodes("@a") == ["s1"]
    assert "no such group" in site.error("@b")


@pytest.mark.usefixtures("clustershell")
@pytest.mark.parametrize(
    ("expression", "what"),
    [
        pytest.param("@wbe", "Did you mean @web?", id="unknown in the default source"),
        pytest.param("@rack:r9", "Did you mean @rack:r", id="unknown in a source"),
        pytest.param("@upcall:three", "up-three", id="an upcall that knows all"),
        pytest.param(
            "@broken:x",
            "@broken:x: ClusterShell's upcall 'map' of 'broken' failed with 4: no\\x1b[m\nTry it by hand: `nodeset -f @broken:x`",
            id="failing upcall",
        ),
        pytest.param(
            "@broken:*", "ClusterShell's upcall 'all' of 'broken' failed with 4", id="failing all"
        ),
        pytest.param("@bytes:x", "'\\\\xff', character 1: '\\\\' cannot be part", id="no text"),
        pytest.param("@upcall:-n", "no such group", id="a group that is an option"),
        pytest.param(
            "@rakc:r1",
            "@rakc:r1: no such source of nodes.\nDid you mean @rack?",
            id="unknown source",
        ),
        pytest.param("@upcall:$(touch${IFS}pwned)", "no such group", id="shell in a group"),
        pytest.param("@circle", "refers to itself: @circle > @circle", id="circle"),
    ],
)
def test_errors_of_clustershell_groups(site: Site, expression: str, what: str) -> None:
    if what == "up-three":
        assert site.nodes(expression) == [what]
        return

    assert what in site.error(expression)
    assert not Path("pwned").exists()


@pytest.mark.usefixtures("clustershell")
def test_a_source_that_cannot_list_its_groups_fails_with_two_lines(site: Site) -> None:
    with pytest.raises(UsageError, match="upcall 'list' of 'broken' failed with 4"):
        site.resolver().groups("broken")


@pytest.mark.usefixtures("clustershell")
def test_an_upcall_reads_nothing_of_ours_and_runs_where_its_files_are(site: Site) -> None:
    assert site.nodes("@reads:g") == ["reads-g", "here"]


def test_an_upcall_that_hangs_is_an_error_and_ended(
    site: Site, clustershell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = clustershell / "hangs"
    lose_patience_once(started, monkeypatch)

    assert "upcall 'map' of 'hangs' has not answered in 0.1 s." in site.error("@hangs:x")
    wait_until(lambda: not is_alive(int(started.read_text())))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("no section\n", id="no section"),
        pytest.param("[Main]\ndefault: nowhere\n", id="no such default"),
    ],
)
def test_a_broken_groups_conf_is_an_error(site: Site, clustershell: Path, text: str) -> None:
    (clustershell / "groups.conf").write_text(text)

    assert "ClusterShell's group source failed" in site.error("@web")


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


# Sources of other people's

MODULE = """
from trioexec.model.errors import UsageError

class Racks:
    def __init__(self, surroundings): self.surroundings = surroundings
    def nodes(self, group):
        if group == "boom":
            yield "a"
            raise RuntimeError("no database")
        if group == "refused":
            raise UsageError("@racks:refused: not today.\\nTry r1.")
        if group == "number":
            yield 1
        yield f"{group or 'all'}-[1-2]"
    def groups(self): return ["r1"]

class Text(Racks):
    def nodes(self, group): return "web[1-2]"

class Unmade:
    def __init__(self, surroundings): raise OSError("no file")
"""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "their_racks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    points = EntryPoints(
        [
            EntryPoint("racks", "their_racks:Racks", ENTRY_POINTS),
            EntryPoint("broken", "their_racks:Nothing", ENTRY_POINTS),
            EntryPoint("unmade", "their_racks:Unmade", ENTRY_POINTS),
            EntryPoint("text", "their_racks:Text", ENTRY_POINTS),
        ]
    )
    monkeypatch.setattr(
        resolver,
        "_entry_points",
        lambda name=None: points.select(**({"name": name} if name else {})),
    )


@pytest.mark.usefixtures("installed")
def test_an_installed_source_answers(site: Site) -> None:
    assert site.nodes("@racks:r1") == ["r1-1", "r1-2"]
    assert site.nodes("@racks") == ["all-1", "all-2"]
    assert site.resolver().groups("racks") == ["r1"]
    assert "racks" in site.resolver().names()


@pytest.mark.usefixtures("installed")
def test_one_text_of_an_installed_source_is_an_expression(site: Site) -> None:
    assert site.nodes("@text:x") == ["web1", "web2"]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("expression", "what"),
    [
        pytest.param("@broken:x", "@broken: the node source of their_racks:Nothing cannot be loaded: AttributeError", id="not there"),
        pytest.param("@unmade", "cannot be loaded: OSError: no file (", id="cannot be made"),
        pytest.param("@racks:boom", "@racks:boom: the node source of their_racks:Racks failed: RuntimeError: no database (", id="fails on the way"),
        pytest.param("@racks:number", "failed: TypeError: 1 is no text (", id="no text"),
        pytest.param("@racks:refused", "@racks:refused: not today.\nTry r1.", id="says so itself"),
    ],
)  # fmt: skip
def test_what_goes_wrong_in_an_installed_source_is_its_packages(
    site: Site, expression: str, what: str
) -> None:
    assert site.error(expression).startswith(what) or what[0] != "@"
    assert what in site.error(expression)


def test_entry_points_are_looked_for_in_the_group_of_the_documentation() -> None:
    assert ENTRY_POINTS == "trioexec.node_sources"
    assert list(resolver._entry_points("none-of-this-name")) == []
