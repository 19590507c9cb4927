"""What the docstrings of the promised names have to say."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import Struct

import trioexec
import trioexec.api
import trioexec.testing
from trioexec.sinks.console import Console

PROMISES = (trioexec, trioexec.api, trioexec.testing)

NOT_FOR_USERS = {
    *("EventStream.drop", "EventStream.handle"),
    *("Process.bind", "Process.handle", "Process.settled"),
}
"""Our own side of these; the page on the API leaves them out."""

CONTRACTS = {
    **dict.fromkeys(("CommandJob.run", "PingJob.run"), "Job"),
    **dict.fromkeys(("FakeTransport.open", "FakeTransport.ping", "FakeTransport.run"), "Transport"),
}
"""Methods that do what a Protocol describes."""

NO_SECONDS = {"parallel", "max_sessions"}
"""Floats, so that `math.inf` is one of their values."""


@dataclass(frozen=True, slots=True)
class Promised:
    """A function or method that users call."""

    name: str
    function: Callable[..., Any]

    @property
    def text(self) -> str:
        return inspect.getdoc(self.function) or ""

    @property
    def parameters(self) -> list[str]:
        return [name for name in inspect.signature(self.function).parameters if name != "self"]

    def section(self, title: str) -> str:
        found = re.search(rf"^{title}:\n((?:    .*\n?|\n)+)", self.text, re.MULTILINE)
        return textwrap.dedent(found[1]) if found else ""

    def __str__(self) -> str:
        return self.name


def names() -> Iterator[tuple[str, Any]]:
    for module in PROMISES:
        for name in module.__all__:
            if name != "__version__":
                yield name, getattr(module, name)


def methods(owner: type) -> Iterator[tuple[str, Any]]:
    for name, value in vars(owner).items():
        if not name.startswith("_") and isinstance(value, property | types.FunctionType):
            yield f"{owner.__name__}.{name}", value


CLASSES = {name: value for name, value in names() if inspect.isclass(value)}
RECORDS = {
    name: inspect.get_annotations(each)
    for name, each in CLASSES.items()
    if issubclass(each, Struct)
}
ALIASES = {name: value for name, value in names() if isinstance(value, types.UnionType)}
PROPERTIES = [
    pytest.param(member, id=name)
    for owner in CLASSES.values()
    for name, member in methods(owner)
    if isinstance(member, property)
]
FUNCTIONS = [
    Promised(name, function)
    for name, function in {
        **{name: value for name, value in names() if inspect.isfunction(value)},
        **{
            name: member
            for owner in CLASSES.values()
            for name, member in methods(owner)
            if inspect.isfunction(member)
        },
    }.items()
    if name not in NOT_FOR_USERS
]
OURS = [each for each in FUNCTIONS if each.name not in CONTRACTS]


def waits(function: Callable[..., Any]) -> bool:
    inner = inspect.unwrap(function)
    return inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)


def described_fields(owner: type) -> set[str]:
    """Those with a text under them, where the class says them."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(tree, ast.ClassDef)
    return {
        above.target.id
        for above, below in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(above, ast.AnnAssign) and isinstance(above.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def test_every_promised_name_is_of_a_kind_that_is_looked_at() -> None:
    known = {*CLASSES, *ALIASES, *(each.name for each in FUNCTIONS)}

    assert {name for name, _ in names()} <= known
    assert len(FUNCTIONS) > 25


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_says_what_it_is(name: str) -> None:
    text = vars(CLASSES[name]).get("__doc__") or ""

    assert re.match(r"[A-Z`].*[.:]$", text.strip().splitlines()[0]), text
    assert not text.startswith(f"{name}("), "made by dataclass, not by us"


@pytest.mark.parametrize("member", PROPERTIES)
def test_a_property_says_what_it_is(member: property) -> None:
    assert member.__doc__


@pytest.mark.parametrize("each", FUNCTIONS, ids=str)
def test_a_function_says_what_it_does(each: Promised) -> None:
    assert re.match(r"[A-Z`].*[.:;]$", each.text.splitlines()[0]), each.text


@pytest.mark.parametrize("each", [one for one in OURS if one.parameters], ids=str)
def test_a_function_says_what_each_argument_is(each: Promised) -> None:
    described = re.findall(r"^(\w+): \S", each.section("Args"), re.MULTILINE)

    assert described == each.parameters


@pytest.mark.parametrize("each", FUNCTIONS, ids=str)
def test_a_function_says_what_it_raises(each: Promised) -> None:
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(each.function))))
    raised = {
        node.exc.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        if isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
        if node.exc.func.id[0].isupper()
    } | {
        node.exc.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Name)
        and node.exc.id[0].isupper()
    }

    said = re.findall(r"^(\w+): \S", each.section("Raises"), re.MULTILINE)

    assert raised <= set(said)


@pytest.mark.parametrize("each", [one for one in OURS if waits(one.function)], ids=str)
def test_what_waits_says_what_holds_when_it_is_cancelled(each: Promised) -> None:
    assert "cancel" in each.text


@pytest.mark.parametrize("name", RECORDS)
def test_a_field_says_what_it_is(name: str) -> None:
    assert RECORDS[name].keys() - described_fields(CLASSES[name]) == set()


@pytest.mark.parametrize("name", RECORDS)
def test_a_float_is_in_seconds_and_says_so(name: str) -> None:
    floats = {field for field, hint in RECORDS[name].items() if hint in {"float", "float | None"}}

    assert {field for field in floats - NO_SECONDS if not field.endswith("_s")} == set()


@pytest.mark.parametrize("name", ALIASES)
def test_a_union_says_what_it_is(name: str) -> None:
    source = "".join(inspect.getsource(home) for home in homes(name))

    assert re.search(rf'^{name} = (?:\(\n(?:    .*\n)+\)|.*)\n"""\S', source, re.MULTILINE)


def homes(name: str) -> Iterator[types.ModuleType]:
    """The modules that define what these names stand for."""
    for home in ("model.events", "model.outcomes", "testing.scripts"):
        module = importlib.import_module(f"trioexec.{home}")
        if name in module.__all__:
            yield module


def test_a_method_that_keeps_a_contract_is_one_of_its_methods() -> None:
    protocols = {
        "Job": importlib.import_module("trioexec.engine.jobs").Job,
        "Transport": importlib.import_module("trioexec.transports.base").Transport,
    }

    for name, protocol in CONTRACTS.items():
        assert name.partition(".")[2] in vars(protocols[protocol]), name


def test_what_a_terminal_has_to_do_our_own_does() -> None:
    wanted = {name.partition(".")[2] for name, _ in methods(trioexec.api.Terminal)}

    assert all(hasattr(Console, name) for name in wanted)
