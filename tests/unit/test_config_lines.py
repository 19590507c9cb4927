from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.model.errors import ConfigError
from trioexec.settings.config.lines import lines_of, read_toml

SAMPLE = '''\
# [defaults] in a comment
[defaults]
parallel = 8 # parallel = 9
text = """
parallel = 10
[clusters.no]
"""

[clusters.prod]   # a comment with ] in it
nodes = [
    "web[1-3]",  # more
    {nodes = "web2", port = 2222},
]
"user" = 'de"ploy'
a.b = 1

[clusters."my.lab".nodes."web[1-2]"]
port = 22
[[things]]
x = 1
[[things]]
x = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        pytest.param(("defaults",), 2, id="table"),
        pytest.param(("defaults", "parallel"), 3, id="key"),
        pytest.param(("defaults", "text"), 4, id="text over several lines"),
        pytest.param(("clusters", "prod"), 9, id="dotted table"),
        pytest.param(("clusters",), 9, id="table above a table"),
        pytest.param(("clusters", "prod", "nodes"), 10, id="list over several lines"),
        pytest.param(("clusters", "prod", "nodes", "1", "port"), 12, id="inside it"),
        pytest.param(("clusters", "prod", "nodes", "0"), 11, id="element"),
        pytest.param(("clusters", "prod", "user"), 14, id="quoted key"),
        pytest.param(("clusters", "prod", "a", "b"), 15, id="dotted key"),
        pytest.param(("clusters", "my.lab", "nodes", "web[1-2]", "port"), 18, id="quoted table"),
        pytest.param(("things", "1", "x"), 22, id="list of tables"),
    ],
)
def test_a_key_stands_on_its_line(path: tuple[str, ...], line: int) -> None:
    assert lines_of(SAMPLE)[path] == line


def test_a_list_of_many_lines_with_odd_comments_and_texts_is_read_once_through() -> None:
    odd = (
        "'it # is'",
        '"a\\"]"',
        '"""x\n"y" """',
        "'''z]\n'''",
        "[1, [2]] ",
        "1979-05-27",
        "{a.b = 1}",
    )
    lines = [f'  {odd[at % len(odd)]},  # "{at}]"' for at in range(5000)]
    text = "\n".join(["list = [", *lines, "]"])

    found = lines_of(text)

    at = 2
    for count, line in enumerate(lines):
        assert found[("list", str(count))] == at
        at += 1 + line.count("\n")
    assert len(tomllib.loads(text)["list"]) == 5000


def test_what_a_text_holds_is_no_key() -> None:
    assert ("clusters", "no") not in lines_of(SAMPLE)


@given(
    st.dictionaries(
        st.text("abc.[] \"'#=", min_size=1, max_size=5),
        st.one_of(st.integers(), st.text("x\n\"'#[]={}", max_size=8), st.lists(st.integers())),
        min_size=1,
        max_size=5,
    )
)
def test_every_key_of_any_file_has_a_line_that_shows_its_value(
    table: dict[str, object],
) -> None:
    lines = [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items()]
    text = "\n".join(lines)

    found = lines_of(text)

    assert tomllib.loads(text) == table
    for number, key in enumerate(table, 1):
        assert found[(key,)] == number


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(
            "a = 1\nb = = 2\nc = 3", "F:2: this is no TOML: invalid value.", id="in a line"
        ),
        pytest.param("a = 1\nb = [1,\n", "F:2: this is no TOML: invalid value.", id="at the end"),
        pytest.param("a = " + "[" * 5000, "F:1: this is no TOML: too many brackets", id="too deep"),
    ],
)
def test_a_syntax_error_is_in_its_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_toml(text, "F", "Mend it.")

    assert str(caught.value).startswith(says)
    assert str(caught.value).endswith(".\nMend it.")
