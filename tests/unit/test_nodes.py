from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.model.errors import NodeSetError
from trioexec.model.nodes import check_host, check_user, parse_node


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("web1", None, "web1", None),
        ("web1:2222", None, "web1", 2222),
        ("root@web1", "root", "web1", None),
        ("root@web1.example.org:22", "root", "web1.example.org", 22),
        ("10.0.0.1:1", None, "10.0.0.1", 1),
        ("[::1]", None, "::1", None),
        ("[::1]:65535", None, "::1", 65535),
        ("me@[fe80::1%eth0]:22", "me", "fe80::1%eth0", 22),
        ("::1", None, "::1", None),
        ("me@2001:db8::2:22", "me", "2001:db8::2:22", None),
    ],
)
def test_a_node_is_user_host_and_port(
    text: str, user: str | None, host: str, port: int | None
) -> None:
    node = parse_node(text, rank=4)

    assert (node.name, node.user, node.host, node.port, node.rank) == (text, user, host, port, 4)


@pytest.mark.parametrize(
    "text", ["", "@", "a b", "user@", "[::1", "::1]", "a@b@c", "web:80:90", "[]", "a\n"]
)
def test_what_is_no_node_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(NodeSetError, match="is not a node") as caught:
        parse_node(text)

    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    "port", ["", "0", "65536", "-1", "x", "22x", "\N{SUPERSCRIPT TWO}", "9" * 5000]
)
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(NodeSetError, match="is not a port"):
        parse_node(f"web:{port}")


@given(st.text(max_size=30))
def test_any_text_is_a_node_or_refused(text: str) -> None:
    try:
        node = parse_node(text)
    except NodeSetError:
        return
    assert node.name == text
    assert node.host


@pytest.mark.parametrize("name", ["web1", "a.b-c_d", "fe80::1%eth0", "10.0.0.1", "h\u00f6st"])
def test_a_plain_name_is_a_hosts(name: str) -> None:
    check_host(name)
    check_user(name)


@pytest.mark.parametrize("name", ["DOM\\ann", "HOST1$", "ann@corp", "ann+x"])
def test_a_user_may_have_what_a_host_may_not(name: str) -> None:
    check_user(name)


@pytest.mark.parametrize(
    "name", ["-x", "a b", "a\n", "a;b", "$(x)", "`x`", "a|b", "a&b", "a>b", "a'b", "{a}", "\x1b"]
)
def test_what_a_shell_could_take_for_more_is_no_name(name: str) -> None:
    with pytest.raises(NodeSetError, match="cannot be the name of a host"):
        check_host(name)
    with pytest.raises(NodeSetError, match="cannot be the name of a user"):
        check_user(name)


def test_a_backslash_at_the_end_of_a_user_would_take_the_next_letter_with_it() -> None:
    with pytest.raises(NodeSetError):
        check_user("ann\\")
