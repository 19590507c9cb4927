"""Who lives in a session, as a POSIX shell finds out: text for whoever watches over commands.

Defines ``live SESSION``, which prints the process group of each process that lives in it, and
fails with 2 where nobody can tell.  Zombies do not live; what looks like one and has more
threads does: its main thread has ended.  With ``many`` set it looks only at the session's leader
and what descends from it, which costs next to nothing however many there are.

Before it, ``narrow SESSION`` finds out who comes into question, in a session that has begun less
than a second after the time ``o`` (hundredths of a second of uptime): it fails with 1 where that
is nobody but who asks, and with 2 where it can be anybody.  Linux hands out process numbers in
turn, and not all of them in a second.  So who belongs to a young session has a number between its
leader's and the one that was handed out last (the last field of /proc/loadavg); has memory, or
threads, which the dead have not; and is in the session's scheduling group, which has a name of
its own, if ``y`` says that (proc(5), autogroup).  Mostly there is nobody, and then no program has
to be started to look.  It goes upwards, and asks for the last number again when it has reached it:
whom a process starts before it ends has a higher one than its own, and so is seen.  It is not tried
where /proc is of another process namespace, or not the kernel's (lxcfs's files have a size).

Where /proc is as Linux has it, one grep looks, if there are more than a few: `ps` opens four files
a process.  A grep that found nothing says 2 where a process went meanwhile; more is "no grep", or
too many files.  It may have found a name that somebody gave a process to look like another: so
each is read again, from the end of its name on.
"""

from __future__ import annotations

from typing import Final

__all__ = ["GROUPS", "LIVE"]

LIVE: Final = (
    'kids() { for f in "/proc/$1/task/"*/children; do c=; read -r c <"$f"; '
    'for c in $c; do d="$d /proc/$c/stat"; kids "$c"; done; done; }; many= o= k= y= own=; '
    's_of() { s=; while read -r x; do s="$s$x "; done <"$1" && s=${s##*) }; }; '
    "now() { read -r u x </proc/uptime && u=${u%.*}${u#*.}; }; "
    "last() { read -r x x x x l </proc/loadavg && [ $l -ge $1 ] && [ $l -le $(($1+500)) ]; }; "
    'alike() { [ -z "$y" ] || { read -r z x <"$1/autogroup" && [ "$z" = "$y" ]; }; }; '
    'threads() { set -- "$1"/task/*; [ $# -gt 1 ]; }; '
    'lives() { [ $1 != /proc/$$ ] && read -r x <"$1/statm" && { [ "${x%% *}" != 0 ] || '
    'threads "$1"; }; }; '
    "[ /proc/$$ -ef /proc/self ] && [ ! -s /proc/loadavg ] && own=1; "
    'narrow() { k= b=$(($1-1)); [ $own ] && [ "$o" ] && now && [ $((u-o)) -lt 100 ] || return 2; '
    "while last $1 || { k=; return 2; }; [ $b -lt $l ]; do while [ $b -lt $l ]; do b=$((b+1)); "
    'f=/proc/$b; [ -d $f ] && alike $f && lives $f && k="$k $f/stat"; done; done; [ "$k" ]; }; '
    'live() { if [ $many ] && [ -r /proc/self/stat ]; then d=; kids "$1"; f="/proc/$1/stat $d"; '
    "elif [ -r /proc/self/stat ] && "
    '{ set -- "$1" $k; [ $# -gt 1 ] && [ $# -lt 10 ] && f=$k || '
    'f=$(grep -ls ") . [0-9]* [0-9]* $1 " ${k:-/proc/[0-9]*/stat}); [ $? -le 2 ]; }; then :; '
    "else p=$(ps -A -o sid= -o pgid= -o stat=) || return 2; "
    'printf "%s\\n" "$p" | while read -r s p x; do '
    '[ "$s" = "$1" ] && case $x in *l*|[!XZ]*) echo "$p";; esac; done; return 0; fi; '
    'for f in $f; do s_of "$f"; set -- "$1" $s; [ "$5" = "$1" ] && '
    'case $2${19} in [XZ][01]) ;; *) echo "$4";; esac; done; return 0; }; '
)
"""One line, without a newline, so that every login shell takes it as a quoted word."""

GROUPS: Final = (
    'PATH=/dev/null command -v kill >/dev/null 2>&1 || kill() { command kill "$1" -- "$2"; }; '
)
"""Has ``kill -SIGNAL -GROUP`` mean that in a shell without a kill of its own too.

The program of procps 4.0 takes the first digit for the group, and so 1234 for 1: that is everybody.
It wants a ``--``, which is an error to dash and busybox.  Asked without a fork: one of these in
each of many hundred watchdogs, when all are to end at once, is a tenth of a second.
"""
