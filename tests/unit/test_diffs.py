from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from trioexec.sinks.diffs import diff_lines

LINES = st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), max_size=20)


def same(line: bytes) -> bytes:
    return line


def patched(before: list[bytes], diff: list[bytes]) -> list[bytes]:
    """What patch(1) would make of it."""
    after: list[bytes] = []
    place = 0
    for line in diff:
        if line.startswith(b"@@"):
            start_text, _, count = line.split()[1][1:].partition(b",")
            start = int(start_text) - (count != b"0")
            after += before[place:start]
            place = start
        elif line.startswith(b"+"):
            after.append(line[1:])
        else:
            assert before[place] == line[1:]
            place += 1
            if line.startswith(b" "):
                after.append(line[1:])
    return after + before[place:]


@given(LINES, LINES)
def test_a_diff_applied_to_one_gives_the_other(before: list[bytes], after: list[bytes]) -> None:
    diff = diff_lines(before, after, masks=(same, same))

    assert diff is not None
    assert patched(before, diff) == after
    assert (not diff) == (before == after)


def test_it_looks_like_any_unified_diff() -> None:
    before = [b"%d" % number for number in range(30)]
    after = [*before[:4], b"new", *before[5:20], *before[22:]]

    diff = diff_lines(before, after, masks=(same, same))

    expected = list(
        difflib.unified_diff([x.decode() for x in before], [x.decode() for x in after], lineterm="")
    )[2:]
    assert diff is not None
    assert [line.decode() for line in diff] == expected


def test_what_would_take_too_long_is_left() -> None:
    before = [b"%d" % number for number in range(2000)]
    after = [b"x%d" % number for number in range(2000)]

    assert diff_lines(before, after, masks=(same, same)) is None
    assert diff_lines(before, [*before, b"x"], masks=(same, same)) == [
        b"@@ -1998,3 +1998,4 @@",
        b" 1997",
        b" 1998",
        b" 1999",
        b"+x",
    ]
