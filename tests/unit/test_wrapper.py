from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.transports.ssh.wrapper import Marker, MarkerFilter, unwrap, wrap

TOKEN = "t0k"
MARKER = Marker(pid=12, watch_pid=345)
LONGEST_BYTES = 100


def passed(pieces: list[bytes]) -> tuple[bytes, bytes, Marker | None]:
    marker = MarkerFilter(TOKEN)
    before, after = b"", b""
    for piece in pieces:
        more = marker.feed(piece)
        before, after = before + more[0], after + more[1]
    return before + marker.flush(), after, marker.marker


@given(
    st.lists(st.sampled_from([b"\x01", b"trioexec ", b"t0k ", b"1", b" ", b"\r", b"x"])),
    st.binary(max_size=30),
    st.integers(1, 40),
)
def test_the_marker_is_found_in_whatever_pieces_it_comes(
    before: list[bytes], after: bytes, size: int
) -> None:
    text = b"".join(before) + b"\n" + MARKER.line(TOKEN) + after

    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    assert passed(pieces) == (b"".join(before) + b"\n", after, MARKER)


@given(st.binary(), st.integers(1, 40))
def test_without_a_marker_all_of_it_stands_before_one(text: bytes, size: int) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    assert passed(pieces) == (text, b"", None)


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b"1" * 4096, id="digits"),
        pytest.param(b"\x01" * 4096, id="beginnings"),
        pytest.param(b"\x01trioexec t0k ", id="heads"),
        pytest.param(b"\x01trioexec t0k 1 2\r", id="all but the end"),
    ],
)
def test_a_node_that_never_ends_its_marker_fills_no_memory(piece: bytes) -> None:
    marker = MarkerFilter(TOKEN)
    marker.feed(b"\x01trioexec t0k ")

    sent = sum(len(marker.feed(piece)[0]) for _ in range(100))

    assert len(marker.flush()) < LONGEST_BYTES
    assert sent > 100 * len(piece) - LONGEST_BYTES


@given(
    command=st.text(st.characters(exclude_characters="\0\x01", codec="utf-8")),
    fed=st.booleans(),
    prompt=st.none() | st.just("[sudo x]"),
)
def test_what_is_wrapped_can_be_unwrapped(command: str, prompt: str | None, *, fed: bool) -> None:
    wire = wrap(command, token=TOKEN, grace_s=1.5, fed=fed, env={"A": "'\\!"}, sudo_prompt=prompt)

    unwrapped = unwrap(wire)

    assert unwrapped is not None
    assert (unwrapped.command, unwrapped.token) == (command, TOKEN)
    assert (unwrapped.grace_s, unwrapped.fed) == (1.5, fed)
