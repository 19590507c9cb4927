"""The process ends when its work has ended, whatever its libraries left running."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
sys.argv = ["trioexec", "--help"]
threading.Thread(target=threading.Event().wait).start()
from trioexec.__main__ import main
main()
"""


def test_a_thread_that_never_ends_does_not_keep_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 0
    assert b"Usage: trioexec" in done.stdout
