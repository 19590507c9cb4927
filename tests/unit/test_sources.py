"""Names from files, from stdin, from the user's settings and from the user's programs."""

from __future__ import annotations

import io
import math
import time
from pathlib import Path

import pytest

from tests.unit.sources_rig import Site, is_alive, lose_patience_once, wait_until, words
from trioexec.model.errors import UsageError
from trioexec.model.hostlist import expand
from trioexec.settings.sources import lines as lines_module
from trioexec.settings.sources.base import unknown_group
from trioexec.settings.sources.lines import expressions_of

# Files and stdin


def test_a_file_has_expressions_comments_and_blank_lines(site: Site) -> None:
    path = site.file(
        "hosts",
        "\ufeff# all of them\n\nweb1\n  web2 # rack 2\nn[1, 3]\nann@[::1]:22\ta b ,c\nx[1-3] ! x2\n",
    )

    assert site.nodes(f"^{path}") == words("web1 web2 n1 n3 ann@[::1]:22 a b c x1 x3")


@pytest.mark.parametrize("gap", ["n ", "  "], ids=["names", "blanks"])
def test_a_line_that_holds_everybody_is_read_in_linear_time(gap: str) -> None:
    def took_s(count: int) -> float:
        line = f"a{gap * count}b"
        best_s = math.inf
        for _ in range(3):
            started_s = time.process_time()
            assert list(expressions_of([line]))
            best_s = min(best_s, time.process_time() - started_s)
        return best_s

    assert took_s(40_000) < 8 * took_s(10_000)  # quadratic would be 16 times


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


def test_a_group_is_never_an_option_to_a_program(site: Site) -> None:
    site.commands = {"cmdb": ["echo"]}

    assert "@cmdb:-n: 'echo' would take this group for an option" in site.error("@cmdb:-n")
