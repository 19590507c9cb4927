"""Imports point downwards only: the picture in ``trioexec/__init__.py``, held."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "trioexec"

TIERS = (
    ("model",),
    ("settings", "transports", "sinks"),
    ("engine",),
    ("api",),
    ("testing",),
    ("cli",),
)
"""From the bottom up; folders of one tier do not know each other."""

TIER_OF = {folder: tier for tier, folders in enumerate(TIERS) for folder in folders}

SEAMS = {"trioexec.transports.base", "trioexec.sinks.base"}
"""All that the engine may know of transports and sinks."""

FRONT_DOORS = {"__init__.py", "__main__.py"}
"""They name what is public, lazily, and call the command line: above every layer."""

SHIELDED = ("CancelScope", "fail_after", "fail_at", "move_on_after", "move_on_at")


EXEMPT_SHIELDS = {
    # It waits for a task to take its first step, which nothing outside can hold up.
    "transports/ssh/quick_loop.py": 2,
    # The servers of a test fleet end with the block that uses them, and not before.
    "testing/fleet.py": 1,
}
"""Shields that need no deadline, by module: how many, and why."""


def modules() -> list[Path]:
    found = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return sorted(path for path in found if str(path) not in FRONT_DOORS)


def imports_of(source: str) -> set[str]:
    """All that a module imports of ours, wherever in it, for types only or not."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from trioexec.sinks import base` imports a module too.
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.startswith("trioexec.")}


def is_seam(name: str) -> bool:
    return any(name == seam or name.startswith(f"{seam}.") for seam in SEAMS)


def wrong_imports(module: Path, source: str) -> list[str]:
    folder = module.parts[0]
    assert folder in TIER_OF, f"{module}: which layer is this? Draw it, and add it to TIERS"
    wrong = []
    for name in imports_of(source):
        other = name.split(".")[1]
        if other == folder or other.startswith("__"):
            continue
        if other not in TIER_OF or TIER_OF[other] >= TIER_OF[folder]:
            wrong.append(f"{folder} may not know {name}")
        elif folder == "engine" and other in ("transports", "sinks") and not is_seam(name):
            wrong.append(f"engine knows the seams by their base only, not {name}")
    return wrong


def unbounded_shields(source: str) -> list[str]:
    """Calls that shield and have no deadline that is known where they are made."""
    wrong = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or not any(kw.arg == "shield" for kw in call.keywords):
            continue
        name = ast.unparse(call.func).rpartition(".")[2]
        if name not in SHIELDED:
            continue
        has_deadline = bool(call.args) or any(
            kw.arg in ("deadline", "relative_deadline", "seconds") for kw in call.keywords
        )
        if not has_deadline:
            wrong.append(f"line {call.lineno}: {ast.unparse(call)}")
    wrong += [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign)
        and any(
            isinstance(target, ast.Attribute) and target.attr == "shield" for target in node.targets
        )
    ]
    return wrong


@pytest.mark.parametrize("module", modules(), ids=str)
def test_imports_point_downwards(module: Path) -> None:
    assert wrong_imports(module, (PACKAGE / module).read_text()) == []


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        pytest.param("model/nodes.py", "from trioexec.cli.main import main", id="model knows cli"),
        pytest.param("sinks/x.py", "import trioexec.transports.base", id="sinks know transports"),
        pytest.param("transports/x.py", "from trioexec.sinks import base", id="and the reverse"),
        pytest.param("settings/x.py", "from trioexec.sinks.base import Sink", id="settings, sinks"),
        pytest.param("engine/x.py", "from trioexec.transports.local import X", id="past the seam"),
        pytest.param("engine/x.py", "from trioexec.transports import ssh", id="past it by a name"),
        pytest.param("engine/x.py", "from trioexec.api import run_job", id="engine knows api"),
        pytest.param("api/x.py", "def f():\n    import trioexec.cli", id="inside a function"),
        pytest.param("api/x.py", "if T:\n    from trioexec.testing import fakes", id="for types"),
    ],
)
def test_a_planted_upward_import_is_caught(module: str, planted: str) -> None:
    assert wrong_imports(Path(module), planted) != []


@pytest.mark.parametrize("module", modules(), ids=str)
def test_every_shield_has_a_deadline(module: Path) -> None:
    found = unbounded_shields((PACKAGE / module).read_text())

    assert len(found) <= EXEMPT_SHIELDS.get(str(module), 0), found


@pytest.mark.parametrize(
    "planted",
    [
        "with trio.CancelScope(shield=True): ...",
        "scope = CancelScope(shield=shielded)",
        "scope.shield = True",
    ],
)
def test_a_planted_shield_without_a_deadline_is_caught(planted: str) -> None:
    assert len(unbounded_shields(planted)) == 1


@pytest.mark.parametrize(
    "bounded",
    [
        "with trio.move_on_after(GRACE_S, shield=True): ...",
        "with trio.CancelScope(deadline=at_s, shield=True): ...",
    ],
)
def test_a_shield_with_a_deadline_is_let_pass(bounded: str) -> None:
    assert unbounded_shields(bounded) == []


def test_every_module_has_a_docstring_and_a_sorted_all() -> None:
    wrong = []
    for module in modules():
        tree = ast.parse((PACKAGE / module).read_text())
        if module.name == "__init__.py" and len(tree.body) <= 1:
            continue  # nothing to re-export
        if not ast.get_docstring(tree):
            wrong.append(f"{module}: no docstring")
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                # ruff's order: CONSTANTS, Classes, functions.
                if sorted(names) != sorted(set(names)):
                    wrong.append(f"{module}: a name twice in __all__")
                break
        else:
            wrong.append(f"{module}: no __all__")
    assert wrong == []


KNOW_DATACLASSES = (Path("cli/parameters.py"),)
"""For cyclopts, which knows no structs."""


def test_records_are_structs() -> None:
    """A dataclass costs every start 0.7 ms: docs/explanation/decisions/records.md."""
    wrong = [
        module
        for module in modules()
        if module not in KNOW_DATACLASSES
        if re.search(r"(?m)^ *(from|import) dataclasses\b", (PACKAGE / module).read_text())
    ]
    assert wrong == []


SIGNALS = (
    Path("engine/signals.py"),
    # Before a run there is nobody else.
    Path("cli/early.py"),
    # textual's driver has handlers of its own for SIGTSTP and SIGCONT; ours puts them right.
    Path("sinks/tui/driver.py"),
    # A password is asked for before there is a run.
    Path("cli/prompt.py"),
)


def test_only_signals_and_cli_touch_signals_or_exit() -> None:
    wrong = []
    for module in modules():
        source = (PACKAGE / module).read_text()
        if module.parts[0] != "cli" and re.search(r"\bsys\.exit\(|\bos\._exit\(", source):
            wrong.append(f"{module}: exits")
        if module not in SIGNALS and re.search(
            r"\bopen_signal_receiver\(|\bsignal\.signal\(", source
        ):
            wrong.append(f"{module}: takes signals")
        if module.parts[0] != "cli" and re.search(r"except\*", source):
            wrong.append(f"{module}: except*")
    assert wrong == []
