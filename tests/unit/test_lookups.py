"""When the way to a host is looked up in a thread, and what the DNS is asked for it."""

from __future__ import annotations

import socket
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from trioexec.model.nodes import Node
from trioexec.transports.ssh import dial
from trioexec.transports.ssh.config import HostSettings
from trioexec.transports.ssh.lookups import find_hop, find_node
from trioexec.transports.ssh.routes import Route, Routes

NODE = Node(name="web1", host="web1")


class FakeRoutes:
    """Finds a way as one configuration says, and remembers who asked."""

    def __init__(self, *, programs: bool = False, direct: bool = True, **said: Any) -> None:
        self.may_run_programs = programs
        self.threads: list[threading.Thread] = []
        self._direct = direct
        self._said = said

    def find(self, *_: object, canonical: str | None = None) -> Route:
        self.threads.append(threading.current_thread())
        name = canonical or "web1"
        said = HostSettings(name="web1", hostname=name, **self._said)
        way = dial.Way(host=name, port=22)
        found = SimpleNamespace(said=said, is_direct=self._direct, way=way)
        return cast("Route", found)

    find_hop = find


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the resolver was asked; it knows names in b.example, aliases of real.example."""
    names: list[str] = []

    def resolve(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        names.append(host)
        if not host.endswith(".b.example."):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "real.example", ("127.0.0.1", 0))]

    monkeypatch.setattr(dial.socket, "getaddrinfo", resolve)
    return names


@pytest.mark.parametrize("find", [find_node, find_hop])
async def test_a_look_up_is_off_the_loop_where_it_may_run_a_program(find: Any) -> None:
    quick, slow = FakeRoutes(), FakeRoutes(programs=True)

    await find(cast("Routes", quick), NODE)
    await find(cast("Routes", slow), NODE)

    assert quick.threads == [threading.current_thread()]
    assert threading.current_thread() not in slow.threads


@pytest.mark.parametrize("find", [find_node, find_hop])
async def test_the_first_name_that_the_dns_knows_is_looked_up_again(
    find: Any, asked: list[str]
) -> None:
    routes = FakeRoutes(
        canonicalize_hostname="yes", canonical_domains=("a.example", "b.example", "c.example")
    )

    route = await find(cast("Routes", routes), NODE)

    # As absolute names: else the resolver would go on with domains of its own.
    assert asked == ["web1.a.example.", "web1.b.example."]
    assert route.way.host == "web1.b.example"


async def test_an_alias_is_followed_where_that_is_permitted(asked: list[str]) -> None:
    routes = FakeRoutes(
        canonicalize_hostname="yes",
        canonical_domains=("b.example",),
        canonicalize_permitted_cnames=(("*.b.example", "real.*"),),
    )

    assert (await find_node(cast("Routes", routes), NODE)).way.host == "real.example"


async def test_nothing_is_asked_for_a_name_that_a_proxy_will_look_up(asked: list[str]) -> None:
    routes = FakeRoutes(canonicalize_hostname="yes", canonical_domains=("b.example",), direct=False)

    assert (await find_node(cast("Routes", routes), NODE)).way.host == "web1"
    assert asked == []


async def test_a_name_without_a_canonical_one_is_used_unless_that_is_forbidden(
    asked: list[str],
) -> None:
    said = {"canonicalize_hostname": "yes", "canonical_domains": ("a.example",)}
    lenient = FakeRoutes(**said)
    strict = FakeRoutes(**said, canonicalize_fallback_local=False)

    assert (await find_node(cast("Routes", lenient), NODE)).way.host == "web1"
    with pytest.raises(dial.DialError, match="no canonical name"):
        await find_node(cast("Routes", strict), NODE)
