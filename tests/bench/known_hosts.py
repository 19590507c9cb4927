"""What known_hosts files of 10,000 hosts cost: ``python tests/bench/known_hosts.py``."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from trioexec.transports.ssh.hostkey_text import line_for
from trioexec.transports.ssh.hostkeys import HostKeys
from trioexec.transports.ssh.verdict import Peer

LOOKUPS = 300


def _key(seed: int) -> bytes:
    kind = b"ssh-ed25519"
    return len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + seed.to_bytes(32, "big")


def main() -> None:
    """Print one line a kind of file."""
    for kind, hosts in (("names", 10_000), ("hashed names", 1_000), ("hashed names", 10_000)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "known_hosts")
            hashed = kind != "names"
            path.write_text(
                "".join(line_for(f"web{i}", _key(i), hashed=hashed) + "\n" for i in range(hosts))
            )
            began_s = time.process_time()
            keys = HostKeys(user_files=(path,), policy="yes")
            read_s = time.process_time() - began_s
            began_s = time.process_time()
            for i in range(LOOKUPS):
                keys.types_for(Peer(f"web{i}"))
                assert keys.check(Peer(f"web{i}"), _key(i)).trusted
            per_node_us = (time.process_time() - began_s) / LOOKUPS * 1e6
            print(f"{hosts} {kind}: read in {read_s * 1e3:.0f} ms, {per_node_us:.0f} us a node")  # noqa: T201


if __name__ == "__main__":
    main()
