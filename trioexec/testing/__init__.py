"""SSH fleets and fake nodes for tests; pytest finds the fixture by itself.

Imported when first used: pytest loads `trioexec.testing.fixtures` in every
environment that has trioexec, and must not pay for asyncssh there.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know it; `typing` costs 15 ms

if TYPE_CHECKING:
    from trioexec.testing.demo import open_demo_fleet
    from trioexec.testing.fakes import FakeNode, FakeTransport
    from trioexec.testing.fixtures import StartFleet
    from trioexec.testing.fleet import SshFleet, open_ssh_fleet
    from trioexec.testing.scripts import Answer, Answers, Asked, Fault, Reply, Say, ScriptedNode

__all__ = [
    "Answer",
    "Answers",
    "Asked",
    "FakeNode",
    "FakeTransport",
    "Fault",
    "Reply",
    "Say",
    "ScriptedNode",
    "SshFleet",
    "StartFleet",
    "open_demo_fleet",
    "open_ssh_fleet",
]

_HOME = {
    "FakeNode": "fakes",
    "FakeTransport": "fakes",
    "SshFleet": "fleet",
    "StartFleet": "fixtures",
    "open_demo_fleet": "demo",
    "open_ssh_fleet": "fleet",
}


if not TYPE_CHECKING:  # else every name would be there

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for (PEP 562)."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib  # noqa: PLC0415 - as above

        module = importlib.import_module(f"trioexec.testing.{_HOME.get(name, 'scripts')}")
        value = getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """List the public names too, imported or not."""
    return sorted({*globals(), *__all__})
