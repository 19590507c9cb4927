from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.sinks.filenames import LONGEST_BYTES, file_name_for


@pytest.mark.parametrize(
    ("node", "name"),
    [
        pytest.param("web1", "web1", id="plain"),
        pytest.param("root@web1.example:2222", "root@web1.example:2222", id="user and port"),
        pytest.param("[::1]:22", "[::1]:22", id="ipv6"),
        pytest.param("..", "%2E.", id="dots"),
        pytest.param("a/../b", "a%2F..%2Fb", id="slashes"),
        pytest.param("a%2Fb", "a%252Fb", id="what looks like a slash made harmless"),
        pytest.param("ü", "%C3%BC", id="not ascii"),
        pytest.param("\udcff", "%FF", id="not utf-8"),
        pytest.param("a\n\x00", "a%0A%00", id="control characters"),
    ],
)
def test_a_name_reads_like_its_node(node: str, name: str) -> None:
    assert file_name_for(node) == name


def test_names_too_long_for_a_file_system_differ_where_their_nodes_do() -> None:
    one, other = file_name_for("x" * 1000 + "1"), file_name_for("x" * 1000 + "2")

    assert one != other
    assert len(one) == len(other) == LONGEST_BYTES


@given(st.text(), st.text())
def test_no_two_nodes_share_a_file_and_no_name_leads_elsewhere(one: str, other: str) -> None:
    one, other = (text.encode("utf-8", "replace").decode() for text in (one, other))
    names = [file_name_for(one), file_name_for(other)]

    assert (names[0] == names[1]) == (one == other)
    for name in names:
        assert name
        assert len(name) <= LONGEST_BYTES
        assert "/" not in name
        assert not name.startswith(".")
