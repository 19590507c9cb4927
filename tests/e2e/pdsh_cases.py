"""Command lines of pdsh: what `test_pdsh_against_pdsh` runs through both, and the page shows.

``127.0.1.y`` is a node, ``127.0.9.y`` lets nobody in, the key of ``127.0.6.y`` is another.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["CASES", "FILES", "Case"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One command line."""

    line: str
    """For sh; ``pdsh`` is the one or the other."""

    code: int = 0
    """What the real one exits with."""

    differs: frozenset[str] = field(default_factory=frozenset)
    """In which of stdout, stderr and code we are another; empty: in none."""

    why: str = ""
    """And that on purpose."""


FILES = {
    "hosts": "a1\na2 a3   # two on a line\n\n#include more\n",
    "more": "b[1-2]\n",
}


def same(line: str, code: int = 0) -> Case:
    return Case(line=line, code=code)


def other(line: str, what: str, why: str, code: int = 0) -> Case:
    return Case(line=line, code=code, differs=frozenset(what.split()), why=why)


N = "127.0.1"

SSH = (
    same(f"pdsh -R ssh -w {N}.1 echo hi"),
    same(f"PDSH_RCMD_TYPE=ssh pdsh -w {N}.1 echo hi"),
    same(f"pdsh -R ssh -w {N}.1,{N}.2 'echo hi; echo ho'"),
    same(f"pdsh -R ssh -w '{N}.[1-3]' -f 1 'echo hi'"),
    same(f"pdsh -R ssh -w '{N}.[1-3]' -x {N}.2 hostname"),
    same(f"pdsh -R ssh -w ssh:{N}.1 echo x"),
    same(f"pdsh -R ssh -N -w '{N}.[1-2]' echo x"),
    same(f"pdsh -R ssh -w {N}.1 'echo e >&2; echo o'"),
    same(f"pdsh -R ssh -w {N}.1 'echo \"two  words\"  apart'"),
    same(f"pdsh -R ssh -w {N}.1 echo %h %n %% %q"),
    same(f"pdsh -R ssh -w '{N}.[1-2]' 'echo hi; exit 3'"),
    same(f"pdsh -R ssh -S -w '{N}.[1-2]' 'echo hi; exit 3'", 3),
    same(f"pdsh -R ssh -S -w '{N}.[1-3]' 'exit %n'", 2),
    same(f"pdsh -R ssh -S -w {N}.1 'exit 255'", 255),
    same(f"pdsh -R ssh -S -w {N}.1 'kill -9 $$'", 255),
    same(f"pdsh -R ssh -S -w {N}.1 'sh -c \"kill -9 \\$\\$\"; exit'", 137),
    same(f"pdsh -R ssh -S -w {N}.1 nosuchprogram", 127),
    same(f"pdsh -R ssh -w {N}.1 nosuchprogram"),
    same("pdsh -R ssh -w 127.0.9.1 true"),
    same("pdsh -R ssh -S -w 127.0.9.1 true", 255),
    same(f"pdsh -R ssh -S -w {N}.1,127.0.9.1 echo x", 255),
    same("pdsh -R ssh -S -w 127.0.6.1 true", 255),
    same("pdsh -R ssh -S -w nosuch.invalid true", 255),
    same(f"pdsh -R ssh -S -u 1 -w {N}.1 'sleep 30; echo x'", 255),
    same(f"PDSH_COMMAND_TIMEOUT=1 pdsh -R ssh -w {N}.1 'sleep 30; echo x'"),
    same(f"DSHPATH=/nowhere:/bin:/usr/bin pdsh -R ssh -w {N}.1 'echo $PATH'"),
    same(f"pdsh -R ssh -b -w {N}.1 echo x"),
    same(f"pdsh -R ssh -t 30 -w {N}.1 echo x"),
    same(f"pdsh -R ssh -w {N}.1 seq 2000"),
    same(f"pdsh -R ssh -w {N}.1 \"printf 'a\\\\n\\\\n\\\\nb\\\\n'\""),
    same(f'pdsh -R ssh -w {N}.1 "printf \'a\\\\r\\\\nb\\\\n\'"'),
    same(f'pdsh -R ssh -w {N}.1 \'printf ""\''),
    same(f'pdsh -R ssh -w {N}.1 "printf \'a\\\\tb\\\\033[1mc\\\\n\'"'),
    same(f'pdsh -R ssh -w {N}.1 "printf \'\\\\377\\\\376\\\\n\'"'),
    same(f"pdsh -R ssh -w {N}.1 'echo 100%'"),
    same(f"pdsh -R ssh -S -w '{N}.[1-3],127.0.9.1' 'exit 2'", 255),
    same(f"pdsh -R ssh -b -S -w {N}.1 'exit 9'", 9),
    same(f"pdsh -R ssh -l nobody123 -S -w {N}.1 true", 255),
    same(f"pdsh -w {N}.1 -R ssh echo x"),
    other(
        f"pdsh -R ssh -w {N}.1 'printf last'", "stdout",
        "A last line without a newline is completed: another node's output cannot follow on it.",
    ),
    other(
        f"pdsh -R ssh -w {N}.1 \"printf 'a\\\\000b\\\\n'\"", "stdout",
        "pdsh cuts a line at a NUL byte; here bytes stay as they are.",
    ),
    other(
        f"pdsh -R ssh -w {N}.1,{N}.1 echo x", "stdout",
        "A host that is named twice runs the command once.",
    ),
)  # fmt: skip

EXEC = (
    same("pdsh -R exec -w a,b echo %h %n"),
    same("pdsh -R exec -w 'u@a[1-2],v@b' echo %u"),
    same("pdsh -R exec -l joe -w 'u@a,b' echo %u %h"),
    same("pdsh -R exec -w a echo '%%h' '%q'"),
    same("pdsh -R exec -f 1 -w c,a,b echo %n"),
    same("pdsh -R exec -w 'a[01-03]-eth0' echo x"),
    same("pdsh -R exec -w 'a[1-2]b[1-2]' echo x"),
    same("pdsh -R exec -w 'a[1,3,5-6]' echo x"),
    same("pdsh -R exec -w 'a[1-3],b' -x 'a2,b' echo x"),
    same("pdsh -R exec -w 'a[1-9],-a[2-8]' echo x"),
    same("pdsh -R exec -w 'a[1-9],/[123]/' echo x"),
    same("pdsh -R exec -w 'a[1-9],-/[123]/' echo x"),
    same("pdsh -R exec -w 'a[1-9]' -x '/[123]/' echo x"),
    same("pdsh -R exec -w a -w b echo x"),
    same("pdsh -R exec -w 'a b' echo x"),
    same("pdsh -R exec -w a,,b echo x"),
    same("pdsh -R exec -w ^hosts echo x"),
    same("pdsh -R exec -w 'a[1-3]' -x ^more echo x"),
    same("pdsh -R exec -w 'a[1-4],-^hosts' echo x"),
    same("WCOLL=hosts pdsh -R exec echo x"),
    same("WCOLL=hosts pdsh -R exec -x a1 echo x"),
    same("WCOLL=hosts pdsh -R exec -w /a/ echo x"),
    same("WCOLL=/nonexistent pdsh -R exec -w a echo x"),
    same("printf 'x\\ny[1-2]\\n' | pdsh -R exec -w - echo x"),
    same("pdsh -R exec -w a.example.com,b.example.com echo %h"),
    same("pdsh -R exec -w a.example.com,b.example.org echo %h"),
    same("pdsh -R exec -w a.example.com,b echo %h"),
    same("pdsh -R exec -wa echo x"),
    same("pdsh -R exec -f2 -w a echo x"),
    same("pdsh -R exec -w a -- echo -n"),
    same("pdsh -R exec -w a echo -S -w b"),
    same("pdsh -R exec -w a echo 'two  words' '$HOME;*'"),
    same("pdsh -R exec -w 'a[1-3]' sh -c 'echo %h; exit %n'"),
    same("pdsh -R exec -S -w 'a[1-3]' sh -c 'echo %h; exit %n'", 2),
    same("pdsh -R exec -NSw a,b sh -c 'echo x; exit 4'", 4),
    same("pdsh -R exec -w a sh -c 'kill -9 $$'"),
    same("pdsh -R exec -q -w 'a[1-3],b' -f 5 echo x | grep -v /"),
    same("pdsh -R exec -q -w 'b[1-3],b7,a,b4' -x b2 -l u -b -N -u 3 -S -d | grep -v /"),
    same("FANOUT=7 pdsh -R exec -q -w a | grep -v /"),
    same("pdsh -R ssh -t 2 -q -w a true | grep -v /"),
    same("PDSH_CONNECT_TIMEOUT=3 pdsh -R ssh -q -w a true | grep -v /"),
    same("pdsh -R exec -w 'a[1-10]' -x 'a[2-4],a7' echo x"),
    same("pdsh -R exec -w 'a[1-10]' -x 'a[2-4]' -x a9 echo x"),
    same("pdsh -R exec -w 'a[1-3]' -x '' echo x"),
    same("pdsh -R exec -w 'a[1-3],-a2,-a3' echo x"),
    same("pdsh -R exec -w ^hosts,x9 echo x"),
    same("pdsh -R exec -w ^hosts -x ^more echo x"),
    same("printf 'q1\\n' | pdsh -R exec -w -,z1 echo x"),
    same("WCOLL=hosts pdsh -R exec -w z echo x"),
    same("WCOLL=more pdsh -R exec -N -f 1 echo %n"),
    same("WCOLL=hosts pdsh -R exec -q | grep -v /"),
    same("pdsh -R exec -w a01,a02,a3 -q | grep -v /"),
    same("pdsh -R exec -w a9,a10,a11 -q | grep -v /"),
    same("pdsh -R exec -w a09,a10,a11 -q | grep -v /"),
    same("pdsh -R exec -w 'a[1-2]-[1-2]' -q | grep -v /"),
    same("pdsh -R exec -w a -q -f 0 | grep -v /"),
    same("pdsh -R exec -w a -q -u 3x | grep -v /"),
    same("pdsh -R exec -w a -q -- -x | grep -v /"),
    same("DSHPATH=/x pdsh -R exec -w a -q id | grep -v /"),
    same("PDSH_COMMAND_TIMEOUT=7 pdsh -R exec -w a -q id | grep -v /"),
    same("PDSH_COMMAND_TIMEOUT=' 3' pdsh -R exec -w a -q id | grep -v /"),
    same("pdsh -R exec -w a -l '' echo %u"),
    same("pdsh -R exec -w 'joe@a,b' -l bob echo %u %h"),
    same("pdsh -R exec -w 'joe@a[1-2]' -x a1 echo %u %h"),
    same("pdsh -R exec -w exec:a echo x"),
    same("pdsh -R exec -w 1.2.3.4,1.2.3.5 echo %h"),
    same("pdsh -R exec -w 'x[1-2].y.z,x3.y.z' sh -c 'exit 1'"),
    same("pdsh -R exec -w ',a,' echo x"),
    same("pdsh -R exec -w 'a[08-11]' echo x"),
    same("pdsh -R exec -w 'a[8-11]' echo x"),
    same("pdsh -R exec -w 'a[1-2][3-4]' echo x"),
    same("pdsh -R exec -w 'a[1-2]5' echo x"),
    same("pdsh -R exec -w '[1-3]' echo x"),
    same("pdsh -R exec -w a -x b echo x"),
    same("pdsh -R exec -w 'a1,a2,/^a1$/' echo x"),
    same("pdsh -R exec -w 'a1,b1,a2' -x '/a/,/z/' echo x"),
    same("pdsh -R exec -f 1 -w 'a[3,1,2]' echo x"),
    same("pdsh -R exec -w a echo ''"),
    same("pdsh -R exec -S -w a,b sh -c 'exit 300'", 44),
    same("pdsh -R exec -N -w a sh -c 'echo a; echo b >&2; exit 2'"),
    same("pdsh -R exec -w a,b sh -c 'kill -TERM $$'"),
    same('pdsh -R exec -w a sh -c \'echo "$@"\' x y z'),
    same("pdsh -Rexec -wa,b -f1 -N echo %h"),
    same("pdsh -R exec -Sbw a echo x"),
    same("WCOLL=hosts pdsh -R exec -w -a1 echo x"),
    other(
        "printf 'echo a\\nexit\\n' | pdsh -R exec -w x", "stdout",
        "What is read from a pipe is not echoed.",
    ),
    other(
        "pdsh -R exec -w a printf last", "stdout",
        "A last line without a newline is completed.",
    ),
    other(
        "pdsh -R exec -w a nosuchprogram", "stderr",
        "A program that is not there counts as 127, as for a shell, not as 255.",
    ),
    other(
        "pdsh -R exec -S -w a nosuchprogram", "stderr code",
        "The same.", 255,
    ),
    other(
        "pdsh -R exec -S -w a sh -c 'kill -9 $$'", "code",
        "A command that a signal ended has failed: 137 here; pdsh says 0.",
    ),
    other(
        "pdsh -R exec -S -u 1 -w a sleep 30", "stderr",
        "The program is ended in the same way; the line says what it counts as.", 254,
    ),
    other(
        "pdsh -R exec -w 'n[1-' echo x", "stdout stderr code",
        "A range that is never closed is an error; pdsh takes it for a host's name.",
    ),
    other(
        "pdsh -R exec -w 'a[001-3]' echo x", "stdout stderr code",
        "Two ends with zeros to different widths are an error: which is meant would be a guess.",
    ),
    other(
        "pdsh -R exec -w 'a]' echo x", "stdout stderr code",
        "A bracket that was never opened is an error, too.",
    ),
    other(
        "pdsh -R exec -w 'a[1,1-2]' echo x", "stdout",
        "A host that is named twice runs the command once.",
    ),
)  # fmt: skip

REFUSED = (
    same("pdsh -R exec echo x", 1),
    same("pdsh -R exec -w '' echo x", 1),
    same("pdsh -R exec -w a -x a echo x", 1),
    same("pdsh -R exec -w /a/ echo x", 1),
    same("pdsh -R exec -w -a1 echo x", 1),
    same("pdsh -R exec -w ^nonexistent echo x", 1),
    same("WCOLL=/nonexistent pdsh -R exec echo x", 1),
    same("pdsh -R exec -w a -x ^nonexistent echo x", 1),
    same("pdsh -R nosuch -w a echo x", 1),
    same("PDSH_RCMD_TYPE=nosuch pdsh -w a echo x", 1),
    same("pdsh -R exec -w a -Z echo x", 1),
    same("pdsh -R exec -w", 1),
    same("pdsh -R exec -w a -f x echo x", 1),
    same("FANOUT=x pdsh -R exec -w a echo x", 1),
    same("pdsh -R exec -t 3 -w a echo x", 1),
    same("PDSH_CONNECT_TIMEOUT=3 pdsh -R exec -w a echo x", 1),
    same("pdsh -R ssh -t -3 -w a echo x", 1),
    same("pdsh -R exec -u -1 -w a echo x", 1),
    same("pdsh -R exec -w 'a[3-1]' echo x", 1),
    same("pdsh -h", 1),
    same("pdsh -q", 1),
    same("pdsh -R exec -q", 1),
    same("pdsh -R '' -w a echo x", 1),
    same("pdsh -R", 1),
    same("pdsh -R exec -f 3x -w a echo x", 1),
    same("PDSH_COMMAND_TIMEOUT=3x pdsh -R exec -w a echo x", 1),
    same("PDSH_CONNECT_TIMEOUT=x pdsh -R ssh -w a echo x", 1),
    same("PDSH_CONNECT_TIMEOUT=-3 pdsh -R ssh -w a echo x", 1),
    same("pdsh -R exec -w nosuch:a echo x", 1),
    same("pdsh -R exec -w 'a[x]' echo x", 1),
    same("pdsh -R exec -w 'a[1-x]' echo x", 1),
    same("pdsh -R exec -w 'a[1,]' echo x", 1),
    same("pdsh -R exec -w 'a[1--2]' echo x", 1),
    same("pdsh -R exec -x a echo x", 1),
    same("pdsh -R exec -w a -x '/(/' echo x", 1),
    same("pdsh -R exec -w a -D echo x", 1),
    same("WCOLL= pdsh -R exec echo x", 1),
    other(
        "pdsh -R exec -w a -k echo x", "stdout stderr code",
        "-k, which newer ones have, stops everything when one command fails.", 1,
    ),
    other(
        "pdsh -R exec -w a:22 echo %h", "stdout stderr code",
        "A host may have a port; to pdsh what stands before a colon is a way to run commands.", 1,
    ),
    other(
        "pdsh -V", "stdout",
        "The name of another program.",
    ),
    other(
        "pdsh -L", "stdout stderr",
        "There are no modules to tell of.",
    ),
)  # fmt: skip

CASES: dict[str, tuple[Case, ...]] = {
    "Over ssh": SSH,
    "On this machine": EXEC,
    "Refused": REFUSED,
}
