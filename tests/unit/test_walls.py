"""How large a file and a function may get: what is larger is split along a meaning."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "trioexec"

FILE_LINES = 500
FUNCTION_LINES = 60
"""From the decorators to the last line, docstring included; there are no exceptions."""


def too_large(name: str, source: str) -> list[str]:
    lines = len(source.splitlines())
    found = [f"{name}: {lines} lines"] if lines > FILE_LINES else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min(each.lineno for each in (node, *node.decorator_list))
            lines = (node.end_lineno or first) - first + 1
            if lines > FUNCTION_LINES:
                found.append(f"{name}:{first}: {node.name} has {lines} lines")
    return found


def test_no_file_and_no_function_is_over_the_wall() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        found += too_large(str(path.relative_to(PACKAGE)), path.read_text())

    assert found == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param("x = 1\n" * 500, 0, id="a file at the wall"),
        pytest.param("x = 1\n" * 501, 1, id="a file over it"),
        pytest.param("def f():\n" + "    x = 1\n" * 59, 0, id="a function at the wall"),
        pytest.param("def f():\n" + "    x = 1\n" * 60, 1, id="a function over it"),
        pytest.param("@g\nasync def f():\n" + "    x = 1\n" * 59, 1, id="with its decorator"),
        pytest.param(
            "class C:\n    def f(self):\n" + "        x = 1\n" * 60, 1, id="inside a class"
        ),
    ],
)
def test_what_is_planted_over_the_wall_is_caught(source: str, found: int) -> None:
    assert len(too_large("planted.py", source)) == found
