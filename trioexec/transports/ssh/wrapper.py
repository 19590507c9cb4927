r"""The remote end of structured concurrency: the text that a command travels in.

Closing a channel does not end a remote command, and sshd refuses the SSH
"signal" request for root logins.  So the command brings its own watchdog: a
small POSIX shell process, which knows the command's session and outlives it by as
much as it takes to see that empty; from when it has something to do, in a session
of its own.

How it learns that time is up:

* ``GUARDED`` (the command's stdin is /dev/null): the watchdog holds the channel's
  stdin.  That ends when we send EOF, when the connection is gone, and when sshd
  has reaped the command: one mechanism for every way out.  A line on it says that
  the command is not short.
* ``FED`` (stdin is the command's own, or a terminal): it gets USR1 from us over a
  second channel, or from the shell that waits for the command; and it looks once a
  second whether its sshd is still there.

What it does then: nothing where the session is empty; else TERM, a grace, KILL.  It
keeps the channel open meanwhile (it holds the session's stderr), so a channel that
is closed by the server says that nothing of the command is left: that is the
confirmation.

What the command sees is what it would have seen: its login shell interprets it
(``$SHELL -c``), it is the session's leader in GUARDED mode, its exit status and
signal go straight to sshd.  Text only: no I/O here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from functools import cache
from typing import Final

from msgspec import Struct

from trioexec.model.command import Command
from trioexec.transports.living import GROUPS, LIVE

__all__ = [
    "SWEEP_REQUEST",
    "Marker",
    "MarkerFilter",
    "Unwrapped",
    "group_request",
    "is_fed",
    "quote",
    "stop_request",
    "sweep_request",
    "unwrap",
    "wrap",
]

_NAME = "trioexec"
_TICKS_PER_S = 100
"""What /proc/uptime counts: a clock that costs a shell no fork."""

# Watchdog: $1 session, $2 grace in ticks, $3 sshd's pid (FED).
# What is ended is the session, group by group: `timeout`, shells with job control (csh's always)
# and others give what they start a group of its own.  Who leaves the session does so on purpose.
# Zombies do not count as alive: some containers have an init that never reaps.  A
# group that we may not signal (sudo) is seen by its leader's /proc entry.
#
# Many nodes may be one machine, and then a thousand of these run at once: looking at all
# processes costs more than all else here.  Where there are many, a command that has ended by
# itself is looked at by its first group only; one that is to be ended is asked for its children;
# and later looks are rare, when init has had some seconds to bury what is dead, which it mostly
# does.  Of a command that was short, mostly nobody comes into question, which costs no program.
#
# A shell's variables are everybody's: e is when the grace ends, g the groups, n counts the naps,
# and t is now.
_LADDER = (
    LIVE + "n=0 t=0 all= g=; case $SHELL in *csh) all=1;; esac; now && o=$u; "
    'empty() { l=$(many=; live "$1") || return 2; [ -z "$l" ]; }; '
    'look() { case $n$many in 0*|2|4|8|16|32|64|12m|6k|12k) empty "$1";; *) false;; esac; }; '
    'gone() { for x in ${g:-$1}; do if kill -0 "-$x"; then '
    '[ $n -gt 0 ] && { [ $n -ge 12 ] || [ ! -d "/proc/$1" ]; } && look "$1"; return; fi; done; '
    '[ ! -d "/proc/$1" ] || { s_of "/proc/$1/stat" && [ "${s%% *}" = Z ]; } || return; '
    'narrow "$1"; case $?$many$all in 1*|2[mk]) return 0;; esac; '
    'empty "$1"; l=$?; k=; [ $l -ne 1 ]; }; '
    'end() { for x in $1 $(live "$1"); do '
    'case " 0 1 $g " in *" $x "*) ;; *) g="$g $x";; esac; done; '
    'for x in $g; do kill "-$2" "-$x" || { [ -d "/proc/$1" ] && sudo -n kill "-$2" -- "-$x"; }; '
    "done; }; "
    "nap() { n=$((n+1)); if [ $n -le 2 ]; then i=05; elif [ $many ]; then i=50; "
    "elif [ $n -le 12 ]; then i=10; else i=25; fi; "
    'sleep "0.$i" || sleep 1; '
    "now && t=$u || t=$((t+i)); }; "
    # Mostly who is told to go is gone when a fork has been: the first looks start no `sleep`.
    'wait_gone() { n=0; for x in 1 2 3; do (:); gone "$1" && exit 0; done; '
    'nap; e=$((t+$2)); while ! gone "$1"; do [ $t -lt $e ] || return; nap; done; exit 0; }; '
    # How many want to run now, and how many threads there are: a big machine is not yet a crowd.
    f"ladder() {{ {GROUPS}p=; read -r u u u p u </proc/loadavg; "
    '[ "${p#*/}" -lt 800 ] || [ "${p%/*}" -lt 8 ] || many=${p:+m}; gone "$1" && exit 0; '
    'end "$1" TERM; wait_gone "$1" "$2"; end "$1" KILL; many=${many:+k}; wait_gone "$1" 500; }; '
)
# A young watchdog is in its command's group, and starts no program but itself.  It moves out into
# a session of its own when the command turns out not to be short, which we say by a line, or when
# somebody is to be ended; mostly nobody is, and it goes.  What is sent to the group spares it, but
# for KILL: that has then ended the command as well, and so we hear of it.
# $3 is this text, while it is young; $4 is when it began, after that.
_WATCH_STDIN = _LADDER + (
    'if [ "$3" ]; then if ! read -r x; then read -r y x </proc/self/autogroup; narrow "$1"; '
    'case $? in 1) exit;; 0) empty "$1" && exit;; esac; fi; '
    'exec setsid /bin/sh -c "$3" trioexec-watch "$1" "$2" "" "$o"; fi; '
    'while read -r x; do :; done; o=$4; ladder "$1" "$2"'
)
_SWEEP = 'o=; ladder "$1" "$2"'  # it may be an old session
_WATCH_SSHD = _LADDER + (
    "exec 3>&2 2>/dev/null; e=; trap 'e=1' USR1; trap '' HUP INT TERM; "
    "echo $$; exec >/dev/null; "
    'while [ -z "$e" ] && { [ -d "/proc/$3" ] || kill -0 "$3"; }; do '
    "sleep 1 & s=$!; wait $s; done; kill -KILL $s; "
    'ladder "$1" "$2"'
)

# The command's side: $1 command, $2 watchdog, $3 token, $4 grace in ticks, $5 exports what the
# command is to find in its environment.  No variable of its own: it might be one of these.
# $0 is the script itself.  Not a group's leader (some servers start commands in
# their own group): become one, lest we end the server.
_PROLOGUE = 'kill -0 "-$$" 2>/dev/null || exec setsid /bin/sh -c \'eval "$0"\' "$0" "$@"; '
_UNFOLD = (
    r"""set -- "$(printf %s_ "$1" | tr '\001' '\012')" "$2" "$3" "$4" """
    r""""$(printf %s_ "$5" | tr '\001' '\012')"; set -- "${1%_}" "$2" "$3" "$4" "${5%_}"; """
)
_EXPORT = 'eval "$5"; '
# A shell that waits for a command says what signal ended it, which is no word of the command's.
# In a subshell: dash redirects, forks, and says it there.
_WAITED_FOR = 'exec 4>&2 2>/dev/null; (exec "${SHELL:-/bin/sh}" -c "$1" 2>&4 4>&-)'
# What a young watchdog is deaf to: all that can be ignored and has a name in every shell.
_SPARED = (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM "
    "TSTP TTIN TTOU XCPU XFSZ VTALRM PROF SYS"
)
_GUARDED = (
    'printf "\\001trioexec %s %s 0\\n" "$3" "$$" >&2; exec 3<&0; '
    "if command -v setsid >/dev/null 2>&1; then "
    # Not the command's child, lest one that waits for all its children waits for it, which
    # waits for the command.  A program, lest `pgrep -f` finds the command's words in its own;
    # by exec, as not every shell (yash) spares a fork there.
    # The channel stays open as long as the watchdog has stderr: some servers give a
    # session a socket pair, others three pipes.
    f"trap '' {_SPARED}; "
    '(exec /bin/sh -c "$2" trioexec-watch "$$" "$4" "$2" <&3 3>&2 >/dev/null 2>&1 &); '
    f"trap - {_SPARED}; "
    'exec "${SHELL:-/bin/sh}" -c "$1" </dev/null 3<&-; fi; '
    # No setsid here: the watchdog lives in the group that it ends, spared by a trap.
    "trap : TERM; "
    "(trap '' TERM; while read -r x; do :; done; kill -s TERM 0; "
    "sleep $(($4 / 100 + 1)); kill -s KILL 0) <&3 3<&- >/dev/null 2>&1 & "
    f"{_WAITED_FOR} </dev/null 3<&-; r=$?; "
    "kill -s KILL $!; kill -s TERM 0; exit $r"
)
_FED = (
    'exec 3<&0; set -- "$1" "$2" "$3" "$4" 0; if command -v setsid >/dev/null 2>&1; then '
    'set -- "$1" "$2" "$3" "$4" '
    '"$(exec setsid /bin/sh -c "$2" trioexec-watch "$$" "$4" "$PPID" </dev/null 3<&- &)"; fi; '
    'printf "\\001trioexec %s %s %s\\n" "$3" "$$" "$5" >&2; '
    "trap : HUP INT QUIT TERM; "
    f"{_WAITED_FOR} <&3 3<&-; r=$?; "
    '[ "$5" = 0 ] || kill -USR1 "$5" 2>/dev/null; exit $r'
)

# Under sudo the whole wrapper runs as root, watchdog and all: nobody else could end it.
_UNDER_SUDO = (
    "trioexec_prompt=$1; shift; "
    'LC_ALL=C exec sudo -S -p "$trioexec_prompt" -- /bin/sh -c \'eval "$0"\' "$@"'
)

_SAFE = {"'": "'\\''", "\\": "'\\\\'", "!": "'\\!'"}
_RAW = {quoted: raw for raw, quoted in _SAFE.items()}
_WORDS = 7  # of the wire text
_FOLD = "\x01"  # a newline, which csh takes in no quotes
_WIRE_HEAD = "exec /bin/sh -c "


def quote(text: str) -> str:
    """Quote one word so that sh, csh and fish read the same; no newline may be in it.

    csh expands ``!`` and fish knows backslashes inside single quotes, so both stand
    outside of them.
    """
    return "'" + re.sub(r"['\\!]", lambda found: _SAFE[found[0]], text) + "'"


SWEEP_REQUEST: Final = _WIRE_HEAD + quote(_LADDER + _SWEEP) + " trioexec-sweep "
"""Ends what lives in a session, whose number follows, after a grace in ticks, which follows too.

Its exit status is 0 when nothing of it is left.  It ends by itself, whoever goes.
"""


def wrap(
    command: str,
    *,
    token: str,
    grace_s: float,
    fed: bool = False,
    env: Mapping[str, str] | None = None,
    sudo_prompt: str | None = None,
) -> str:
    """Make the text to send for a command.

    Args:
        command: As the user typed it; any text without NUL.
        token: Stands in the marker line that the wrapper prints on stderr first.
        grace_s: Between TERM and KILL.
        fed: Whether stdin (or a terminal) belongs to the command.
        env: Exported before the command; names and values as they are.
        sudo_prompt: Run all of it under sudo, which is to ask with this text.
    """
    variables = [f"{name}={value}" for name, value in (env or {}).items()]
    exports = " ".join(["export", *map(shlex.quote, variables)]) if variables else ""
    script, watchdog = _quoted_scripts("\n" in command + exports, fed)
    under_sudo = () if sudo_prompt is None else (quote(_UNDER_SUDO), quote(sudo_prompt))
    words = [
        quote('eval "$0"'),
        *under_sudo,
        script,
        quote(command.replace("\n", _FOLD)),
        watchdog,
        quote(token),
        quote(str(_ticks(grace_s))),
        quote(exports.replace("\n", _FOLD)),
    ]
    return _WIRE_HEAD + " ".join(words)


def _ticks(grace_s: float) -> int:
    return max(1, round(grace_s * _TICKS_PER_S))


@cache
def _quoted_scripts(folded: bool, fed: bool) -> tuple[str, str]:  # noqa: FBT001 - keys of a cache
    """Quote the command's side and the watchdog's, which are the same on every node."""
    script = _PROLOGUE + (_UNFOLD if folded else "") + _EXPORT + (_FED if fed else _GUARDED)
    return quote(script), quote(_WATCH_SSHD if fed else _WATCH_STDIN)


class Unwrapped(Struct, frozen=True, kw_only=True):
    """What `wrap` was given."""

    command: str
    token: str
    grace_s: float
    fed: bool


def unwrap(wire: str) -> Unwrapped | None:
    """Give back what a text was made of; None if it is not a wrapped one.

    For servers that answer commands without running a shell.
    """
    if not wire.startswith(_WIRE_HEAD):
        return None
    words = [
        re.sub(r"'\\''|'\\\\'|'\\!'", lambda found: _RAW[found[0]], word[1:-1])
        for word in re.findall(r"(?:'[^']*'(?:\\.(?='))?)+", wire[len(_WIRE_HEAD) :])
    ]
    if words[1:2] == [_UNDER_SUDO]:
        del words[1:3]
    if len(words) < _WORDS or not words[1].startswith(_PROLOGUE):
        return None
    return Unwrapped(
        command=words[2].replace(_FOLD, "\n"),
        token=words[4],
        grace_s=int(words[5]) / _TICKS_PER_S,
        fed=words[3] == _WATCH_SSHD,
    )


def is_fed(command: Command) -> bool:
    """Whether stdin, or a terminal, is the command's own, so that its watchdog has another line."""
    return command.tty or command.stdin is not None


def stop_request(watch_pid: int) -> str:
    """Make the command that tells a FED command's watchdog that time is up."""
    return f"kill -USR1 {watch_pid}"


def group_request(name: str, pgid: int) -> str:
    """Make the command that sends a signal to a process group, whatever the login shell's kill."""
    return _WIRE_HEAD + quote(f"{GROUPS}kill -{name} -{pgid}")


def sweep_request(session_pid: int, *, grace_s: float) -> str:
    """Make the command that ends what lives in a session, for want of its watchdog."""
    return f"{SWEEP_REQUEST}{session_pid} {_ticks(grace_s)}"


class Marker(Struct, frozen=True, kw_only=True):
    """What the wrapper says first: it runs, and the command is about to."""

    pid: int
    """Process group of the command."""

    watch_pid: int
    """Watchdog that `stop_request` speaks to; 0 where there is none to speak to."""

    def line(self, token: str) -> bytes:
        """Give the line back as the wrapper prints it."""
        return f"\x01{_NAME} {token} {self.pid} {self.watch_pid}\n".encode()


_NUMBER_DIGITS = 10
"""More than any process number has: who writes more writes no marker."""


class MarkerFilter:
    """Takes the marker line out of a stream; the rest passes, but for a marker's length or less."""

    def __init__(self, token: str) -> None:
        self.marker: Marker | None = None
        self._kept = b""
        self._head = f"\x01{_NAME} {token} ".encode()
        number = rb"\d{1,%d}" % _NUMBER_DIGITS
        self._line = re.compile(rb"%b(%b) (%b)\r?\n" % (re.escape(self._head), number, number))
        self._begun = re.compile(
            rb"\d{0,%d}|%b \d{0,%d}\r?" % (_NUMBER_DIGITS, number, _NUMBER_DIGITS)
        )
        self._longest = len(self._head) + 2 * _NUMBER_DIGITS + len(" \r")

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Take a piece; give what may be passed on now: what stood before the marker, and after."""
        if self.marker is not None:
            return b"", data
        data = self._kept + data
        found = self._line.search(data)
        if found is not None:
            self._kept = b""
            self.marker = Marker(pid=int(found[1]), watch_pid=int(found[2]))
            return data[: found.start()], data[found.end() :]
        start = self._possible_start(data)
        self._kept = data[start:]
        return data[:start], b""

    def flush(self) -> bytes:
        """Give what was kept because it might have become the marker."""
        kept, self._kept = self._kept, b""
        return kept

    def _possible_start(self, data: bytes) -> int:
        """Where a marker that is not complete yet may begin; the length if nowhere."""
        start = data.find(b"\x01", max(0, len(data) - self._longest))
        while start != -1:
            rest = data[start:]
            if self._head.startswith(rest) or (
                rest.startswith(self._head) and self._begun.fullmatch(rest, len(self._head))
            ):
                return start
            start = data.find(b"\x01", start + 1)
        return len(data)
