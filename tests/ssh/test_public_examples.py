"""The examples in the docstrings of the promised names, each run as it stands."""

from __future__ import annotations

import inspect
import re
import textwrap
from functools import partial
from typing import Any

import pytest
import trio

import trioexec
import trioexec.api
import trioexec.testing
from trioexec.model import events, failures, outcomes

MODULES = (trioexec, trioexec.api, trioexec.testing, events, outcomes, failures)
HANG_S = 60

EXAMPLES = {
    name: textwrap.dedent(code)
    for module in MODULES[:3]
    for name in module.__all__
    for code in re.findall(
        r"^Example:\n    .*::\n\n((?:        .*\n?|\n)+)",
        inspect.getdoc(getattr(module, name)) or "",
        re.MULTILINE,
    )
}


def test_the_main_names_have_an_example() -> None:
    assert sorted(EXAMPLES) == [
        "EventStream",
        "FakeTransport",
        "Fleet",
        "Process",
        "Report",
        "SshFleet",
    ]


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_does_what_it_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    known: dict[str, Any] = {
        each: getattr(module, each) for module in MODULES for each in module.__all__
    }
    program = "async def example():\n" + textwrap.indent(EXAMPLES[name], "    ")

    with trio.fail_after(HANG_S):
        async with trioexec.testing.open_ssh_fleet("web[1-3]", runs_commands=True) as servers:
            ours = partial(trioexec.api.open_fleet, ssh=servers.ssh_options())
            scope = {**known, "open_fleet": ours, "trio": trio}
            exec(compile(program, name, "exec"), scope)  # noqa: S102 - our own docstring
            await scope["example"]()

    if "print" in program:
        assert capsys.readouterr().out
