from __future__ import annotations

from trioexec.cli.commands.hold import connection_lines
from trioexec.transports.relay.wire import Held


def test_connections_that_are_alike_are_one_line_and_the_oldest_comes_first() -> None:
    new = [Held(name=f"web{number}", age_s=3.2, idle_s=1.1) for number in (10, 3, 1, 2)]
    old = Held(name="db", age_s=70, idle_s=1)

    assert connection_lines([*new, old]) == [
        "db: open 1 min 10 s, unused 1 s",
        "web[1-3,10]: open 3 s, unused 1 s",
    ]
