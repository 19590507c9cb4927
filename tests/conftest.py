"""What holds for every test: signals are as in a foreground process."""

from __future__ import annotations

import signal

for _number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
    signal.signal(_number, signal.SIG_DFL)
# Started in the background of a shell, we and our children would be deaf to Ctrl-C, and
# under nohup to a hangup: both are respected, and not what is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
