"""What the README promises, beside its examples: `test_docs` runs those."""

from __future__ import annotations

import re
from pathlib import Path

from trioexec.model.exitcodes import EXIT_CODES, Strategy
from trioexec.model.interrupt import Interrupt, Stage, status_line, text_for

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_readme_has_exactly_two_commands_for_newcomers() -> None:
    blocks = re.findall(r"^```sh[^\n]*\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]

    assert [line for line in lines if not line.startswith("trioexec ")] == [
        "python3 dev.py demo",
        "python3 dev.py test",
    ]


def test_ci_runs_the_readmes_test_command_to_the_letter() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec python3 dev.py test"


def test_the_readmes_exit_codes_are_those_of_the_program() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", README, re.MULTILINE))

    assert rows == {str(code): EXIT_CODES[code] for code in (2, 70, 129, 130, 141, 143)}


def test_every_strategy_is_in_the_readme() -> None:
    assert all(f"`{strategy.value}`" in README for strategy in Strategy if strategy.value)


def test_the_readme_shows_what_a_first_press_says() -> None:
    warned = Interrupt(stage=Stage.WARNED)

    assert f"  {text_for(warned)}\n" in README
    assert f"  {status_line(running=2, completed=17, queued=1)}\n" in README


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    ours = [link for link in links if not link.startswith("https://")]

    assert len(ours) > 8
    assert [link for link in ours if not (ROOT / link).exists()] == []
