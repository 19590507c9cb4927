"""What a look-up costs with files of 2,000 lines: ``python tests/bench/ssh_config.py``."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from trioexec.transports.ssh.config import Facts, SshConfig, with_openssh_defaults

LINES = 2000
LOOKUPS = 1000
BLOCK = "{head}\n  HostName 10.0.{high}.{low}\n  User u{low}\n  IdentityFile ~/.ssh/key\n"
HEADS = {
    "empty": None,
    "Host name": "Host web{i} web{i}.example.com",
    "Host prefix*": "Host web{i}*",
    "Match host": "Match host web{i}*",
}


def _text(head: str | None) -> str:
    if head is None:
        return ""
    blocks = (
        BLOCK.format(head=head.format(i=i), high=i // 250, low=i % 250) for i in range(LINES // 4)
    )
    return "".join(blocks) + "Host *\n  ServerAliveInterval 30\n"


def main() -> None:
    """Print one line a kind of file."""
    facts = Facts.of_this_process()
    for kind, head in HEADS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "config")
            path.write_text(_text(head))
            began_s = time.process_time()
            config = SshConfig.load([path], facts=facts)
            read_s = time.process_time() - began_s
        costs_s = []
        for _ in range(5):
            began_s = time.process_time()
            for i in range(LOOKUPS):
                with_openssh_defaults(config.lookup(f"web{i}"), facts)
            costs_s.append(time.process_time() - began_s)
        per_node_us = min(costs_s) / LOOKUPS * 1e6
        print(f"{kind}: read in {read_s * 1e3:.1f} ms, {per_node_us:.0f} us a node")  # noqa: T201


if __name__ == "__main__":
    main()
