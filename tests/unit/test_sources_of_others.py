"""Names from ClusterShell's groups, and from sources that other packages bring."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from tests.unit.sources_rig import Site, is_alive, lose_patience_once, wait_until
from trioexec.model.errors import UsageError
from trioexec.settings.sources import (
    ENTRY_POINTS,
    resolver,
)

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
