"""What holds for every test: signals are as in a foreground process; asyncio is as we leave it."""

from __future__ import annotations

import signal

import trioexec.transports.ssh.plain_asyncio  # noqa: F401 - tests that import trio-asyncio: after it

for _number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
    signal.signal(_number, signal.SIG_DFL)
# Started in the background of a shell, we and our children would be deaf to Ctrl-C, and
# under nohup to a hangup: both are respected, and not what is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
