from __future__ import annotations

import math

import pytest

from trioexec.model.checks import Check
from trioexec.model.errors import ConfigError
from trioexec.settings.check_file import parse_checks

WHOLE = """
nodes = "web[1-3]"
[checks.up]
command = "systemctl is-active nginx"
exit-code = 3
output = "inactive"
matches = "^in"
same-on-all-nodes = true
timeout = 2.5
[checks.bare]
command = "true"
"""


def test_a_file_is_read_whole() -> None:
    read = parse_checks(WHOLE, "checks.toml")

    assert read.nodes == ("web[1-3]",)
    assert read.checks == (
        Check(
            name="up",
            command="systemctl is-active nginx",
            exit_code=3,
            output="inactive",
            matches="^in",
            same_on_all_nodes=True,
            timeout_s=2.5,
        ),
        Check(name="bare", command="true", timeout_s=math.inf),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("[checks.a\n", "checks.toml:1: this is no TOML", id="syntax"),
        pytest.param("a = " + "[" * 5000, "too many brackets", id="deep"),
        pytest.param("nodes = 3\n", "nodes is no node expression", id="nodes"),
        pytest.param("nodes = 'a'\n", "there are no checks", id="none"),
        pytest.param("check = 3\n", "Did you mean checks?", id="top key"),
        pytest.param("[checks]\na = 3\n", "is no table", id="no table"),
        pytest.param("[checks.a]\ncomand = 'x'\n", "Did you mean command?", id="key"),
        pytest.param("[checks.a]\nzzz = 'x'\n", "There are command", id="strange key"),
        pytest.param("[checks.a]\noutput = 'x'\n", "has no command", id="no command"),
        pytest.param("[checks.a]\ncommand = 3\n", "a text in quotes", id="type"),
        pytest.param(
            "[checks.a]\ncommand = 'x'\nexit-code = true\n", "a whole number", id="bool for int"
        ),
        pytest.param("[checks.a]\ncommand = 'x'\nexit-code = 256\n", "0 to 255", id="code"),
        pytest.param("[checks.a]\ncommand = 'x'\ntimeout = 0\n", "above 0", id="timeout"),
        pytest.param("[checks.a]\ncommand = 'x'\ntimeout = nan\n", "above 0", id="not a number"),
        pytest.param("[checks.a]\ncommand = 'x'\nmatches = '('\n", "regular expr", id="pattern"),
    ],
)
def test_what_is_wrong_is_named_in_two_lines(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_checks(text, "checks.toml")

    assert says in str(caught.value)
    assert str(caught.value).startswith("checks.toml:")
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("nodes = 'a'\n\nnode = 'b'\n", 3, id="a key of the file"),
        pytest.param("# 1\n[checks.a]\ncommand = 'x'\ncommandd = 'y'\n", 4, id="a key of a check"),
        pytest.param("\n[checks.a]\noutput = '''x\ny'''\ntimeout = -1\n", 5, id="a value"),
        pytest.param("[checks]\nup.command = 'x'\ndown.matches = '('\n", 3, id="dotted"),
        pytest.param("[checks.a]\ncommand = 'x'\n\n[checks.b]\nexit-code = 3\n", 4, id="a check"),
        pytest.param("nodes = 'a'\nchecks = [[\n", 2, id="syntax"),
    ],
)
def test_what_is_wrong_has_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError, match=rf"^checks\.toml:{line}: "):
        parse_checks(text, "checks.toml")


def test_a_limit_of_more_digits_than_a_float_has_is_none() -> None:
    text = f"[checks.a]\ncommand = 'x'\ntimeout = {'9' * 400}\n"

    assert parse_checks(text, "F").checks[0].timeout_s == math.inf
