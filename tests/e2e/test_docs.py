"""Every example of the documentation, and everything on its pages that the code decides."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

import trioexec
import trioexec.api
import trioexec.testing
from tests.e2e.docs_rig import (
    HANG_S,
    ROOT,
    Block,
    Folder,
    Page,
    check_command_line,
    check_data,
    pages,
    run_python,
    settled,
    type_all,
)
from trioexec.api import open_fleet
from trioexec.cli.registry import COMMANDS
from trioexec.testing import Asked, open_ssh_fleet

PAGES = pages()
RUNNABLE = [page for page in PAGES if any(block.runs for block in page.blocks)]
LINES = [
    pytest.param(page, line, id=f"{page.name}: {line}")
    for page in PAGES
    for line in dict.fromkeys(page.command_lines())
]
DATA = [
    pytest.param(block, id=f"{page.name}:{block.line}")
    for page in PAGES
    for block in page.blocks
    if block.language in {"json", "toml", "yaml"} and not block.not_run
]

FILES = {
    "nodes.txt": "a\nb\n",
    "hosts.txt": "a\nb\n",
    "setup.sh": "#!/bin/sh\n",
    "hosts.ini": "[web]\nweb[1:9]\n[prod]\nweb[1:5]\n",
    "groups.conf": "[Main]\ndefault: site\nautodir: $CFGDIR\n",
    "site.yaml": "site:\n  all: web[1-9]\n  web: web[1-9]\n  compute: web[1-9]\n  old: web[8-9]\n",
}
"""What the command lines speak of."""

FINDS_FILES = {"CLUSTERSHELL_CFGDIR": ".", "ANSIBLE_INVENTORY": "hosts.ini"}


@contextlib.asynccontextmanager
async def surroundings(page: Page, path: Path) -> AsyncIterator[Folder]:
    """What a page's examples need to be there."""
    folder = Folder(path)
    folder.make(page)
    async with contextlib.AsyncExitStack() as kept:
        if page.fleet:
            fleet = await kept.enter_async_context(
                open_ssh_fleet(page.fleet, runs_commands=True, user="ops")
            )
            folder.write(".ssh/config", fleet.ssh_config.read_text())
        yield folder


@pytest.mark.parametrize("page", RUNNABLE, ids=repr)
async def test_a_page_shows_what_its_examples_do(page: Page, tmp_path: Path) -> None:
    async with surroundings(page, tmp_path) as folder:
        for typed in await type_all(page, folder):
            in_order = typed.command.startswith("trioexec nodes")
            shown, printed = (
                settled(text, in_order=in_order) for text in (typed.wanted, typed.printed)
            )
            assert printed == shown, typed.command
            if typed.wanted.startswith("trioexec: "):
                assert typed.code == 2, typed.command

        for block, output in page.outputs():
            if block.language == "python":
                done = await run_python(block, page, folder)
                printed_text = done.stdout.decode()
                assert done.returncode == 0, f"line {block.line}\n{printed_text}"
                if output is not None:
                    in_order = "any-order" not in output.info
                    assert settled(printed_text, in_order=in_order) == settled(
                        output.text, in_order=in_order
                    ), f"line {block.line}"


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_command_line_on_a_page_is_one(
    page: Page, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)
    for name, value in {**FINDS_FILES, **page.env}.items():
        monkeypatch.setenv(name, value)

    assert check_command_line(line) == 0


@pytest.mark.parametrize("block", DATA)
def test_data_on_a_page_is_of_its_format(block: Block) -> None:
    check_data(block)


def test_what_is_not_run_is_listed_for_everybody_to_see() -> None:
    marked = {
        (page.name, block.not_run) for page in PAGES for block in page.blocks if block.not_run
    }
    text = (ROOT / "docs/contributing.md").read_text()
    section = text.partition("## Examples that no test runs")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE))

    assert listed == marked


def test_every_python_and_shell_block_is_run_or_marked() -> None:
    loose = [
        f"{page.name}:{block.line}"
        for page in PAGES
        for block in page.blocks
        if block.language in {"bash", "shell", "py", "pycon", "zsh", "fish"}
    ]

    assert loose == []


def test_pages_made_of_the_code_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    for name, make in module.PAGES.items():
        assert (ROOT / "docs" / name).read_text() == make(), "run: python docs/generate.py"


def test_every_test_that_a_page_names_exists() -> None:
    functions: dict[str, set[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        names = {
            node.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        functions.setdefault(path.name, set()).update(names)
    named = [
        (page.name, file, function)
        for page in PAGES
        for file, function in re.findall(r"(test_\w+\.py)::(test_\w+)", page.text)
    ]

    assert len(named) > 10
    assert [entry for entry in named if entry[2] not in functions.get(entry[1], ())] == []


def test_every_module_that_a_page_names_exists() -> None:
    named = {
        (page.name, path)
        for page in PAGES
        if "/decisions/" in page.name or "/explanation/" in page.name
        for path in re.findall(
            r"`((?:model|engine|transports|sinks|settings|api|cli|testing)/[\w/.]+\.py)`", page.text
        )
    }

    assert len(named) > 15
    assert sorted(entry for entry in named if not (ROOT / "trioexec" / entry[1]).exists()) == []


def test_the_api_page_has_every_public_name() -> None:
    text = (ROOT / "docs/reference/api.md").read_text()
    missing = [
        name
        for module in (trioexec, trioexec.api, trioexec.testing)
        for name in module.__all__
        if name != "__version__"
        and not re.search(rf"^\.\. .*:: trioexec.*\.{name}(\(\))?$", text, re.MULTILINE)
    ]

    assert missing == []


def test_commands_that_the_migration_pages_call_missing_are_missing() -> None:
    for page in PAGES:
        for name in re.findall(r"no `trioexec (\w+)` yet", page.text):
            assert name not in COMMANDS, f"{page.name}: there is a `{name}` now; say so"


def test_the_source_of_the_page_on_nodes_is_one_that_can_be_installed(tmp_path: Path) -> None:
    page = next(page for page in PAGES if page.name == "docs/howto/node-sources.md")
    folder = Folder(tmp_path)
    folder.make(page)
    # What an installer makes of that pyproject.toml.
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["trioexec.node_sources"]
    lines = [f"{name} = {target}\n" for name, target in points.items()]
    info = tmp_path / "our_racks-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-racks\nVersion: 1\n")
    (info / "entry_points.txt").write_text("".join(["[trioexec.node_sources]\n", *lines]))
    env = folder.environment(page)

    done = subprocess.run(
        ["trioexec", "nodes", "--fold", "@racks:r1"],
        cwd=tmp_path,
        env=env | {"PYTHONPATH": f"{env['PYTHONPATH']}:{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("r1-n[1-4]\n", "")


async def test_the_service_goes_on_after_a_lost_connection_and_ends_what_it_left() -> None:
    spec = importlib.util.spec_from_file_location("service", ROOT / "docs/examples/service.py")
    assert spec is not None
    assert spec.loader is not None
    service = importlib.util.module_from_spec(spec)
    sys.modules["service"] = service  # its dataclass looks itself up there
    spec.loader.exec_module(service)
    calls: dict[str, int] = {}
    ended: list[str] = []
    said: list[tuple[str, str]] = []
    states: list[tuple[str, str]] = []

    async def answer(asked: Asked) -> int:
        calls[asked.node] = calls.get(asked.node, 0) + 1
        await asked.say(f"call {calls[asked.node]}\n".encode())
        if asked.node == "web2" and calls["web2"] == 1:
            asked.reset()
        try:
            await trio.sleep_forever()
        finally:
            ended.append(asked.node)
        return 0

    def note(node: str, line: str) -> None:
        said.append((node, line))
        heard.set()

    follower = service.Follower(
        command="tail -F log",
        on_line=note,
        on_state=lambda *state: states.append(state),
        first_pause_s=0.05,
    )
    heard = trio.Event()
    with trio.fail_after(HANG_S):
        async with (
            open_ssh_fleet("web[1-3]", answers=answer) as servers,
            open_fleet(servers.nodes, ssh=servers.ssh_options()) as fleet,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(follower.serve, fleet)
            while not {("web1", "call 1"), ("web2", "call 2"), ("web3", "call 1")} <= set(said):
                await heard.wait()
                heard = trio.Event()

            follower.remove("web1")
            while "web1" not in ended:
                await trio.sleep(0.01)
            assert "web3" not in ended
            nursery.cancel_scope.cancel()

    assert sorted(set(ended)) == ["web1", "web2", "web3"]
    assert calls == {"web1": 1, "web2": 2, "web3": 1}
    assert any(node == "web2" and "connection lost" in state for node, state in states)
