"""The console blocks of docs/howto/journal.md, typed one after the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "journal.md"
HANG_S = 120


def settled(text: str) -> list[str]:
    """Times, dates and IDs differ from run to run; lines of different nodes may change places."""
    text = re.sub(r" {2,}\d+\.\d s|\b\d+\.\d s", " T s", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "WHEN", text)
    text = re.sub(r"^[a-z2-9]{4}(?=  WHEN| -> )", "ID", text, flags=re.MULTILINE)
    text = re.sub(r"-> [a-z2-9]{4}:", "-> ID:", text)
    text = re.sub(r"^(RUN +WHEN +)TOOK", r"\1TOOK", text, flags=re.MULTILINE)
    return sorted(re.sub(r" {3,}", "  ", line).rstrip() for line in text.splitlines())


def test_every_example_says_what_the_page_says(tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "trioexec"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m trioexec "$@"\n')
    tool.chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{tool.parent}:{os.environ['PATH']}",
        "SHELL": "/bin/sh",
        "TRIOEXEC_TRANSPORT": "local",
        "XDG_STATE_HOME": str(tmp_path),
    }
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    examples = [part for block in blocks for part in block.split("$ ", 1)[1].split("\n$ ")]

    assert len(examples) == 7
    for example in examples:
        command, _, wanted = example.partition("\n")
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=env,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANG_S,
            check=False,
        )
        assert settled(done.stdout) == settled(wanted), command
