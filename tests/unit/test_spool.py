from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.sinks.spool import BLOCK_BYTES, Kept, Spool


def unexpected(exc: OSError) -> None:
    pytest.fail(f"the spool broke: {exc}")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def open_files() -> set[str]:
    return {
        path.readlink().name
        for path in Path("/proc/self/fd").iterdir()
        if path.is_symlink() and "trioexec-" in str(path.readlink())
    }


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3 * BLOCK_BYTES)), max_size=8),
    st.integers(0, 4 * BLOCK_BYTES),
)
def test_what_was_kept_comes_back_whole(pieces: list[tuple[int, int]], memory: int) -> None:
    spool = Spool(memory_bytes=memory, on_error=unexpected)
    texts = [Kept(spool) for _ in range(3)]
    expected = [b"", b"", b""]

    for number, (which, size_bytes) in enumerate(pieces):
        data = bytes([number]) * size_bytes
        texts[which].append(data)
        expected[which] += data
    texts[0].settle()

    for text, data in zip(texts, expected, strict=True):
        assert b"".join(text.parts()) == data
        assert b"".join(text.parts()) == data
        assert text.size_bytes == len(data)


def test_blocks_that_were_given_back_are_used_again() -> None:
    spool = Spool(memory_bytes=0, on_error=unexpected)

    for round_ in range(10):
        text = Kept(spool)
        text.append(bytes([round_]) * (5 * BLOCK_BYTES))
        assert b"".join(text.parts()) == bytes([round_]) * (5 * BLOCK_BYTES)
        text.drop()

    assert os.fstat(spool._fd).st_size == 5 * BLOCK_BYTES
    assert text.size_bytes == 0


def test_memory_that_was_given_back_is_used_again() -> None:
    spool = Spool(memory_bytes=2 * BLOCK_BYTES, on_error=unexpected)

    for _ in range(10):
        text = Kept(spool)
        text.append(b"x" * (2 * BLOCK_BYTES))
        text.drop()

    assert spool._fd == -1


def test_the_file_has_no_name_and_is_gone_with_the_spool(temporary: Path) -> None:
    before = open_files()
    spool = Spool(memory_bytes=0, on_error=unexpected)
    text = Kept(spool)
    text.append(b"x" * BLOCK_BYTES)

    assert list(temporary.iterdir()) == []
    fd = spool._fd
    del spool, text

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    assert open_files() == before


def test_without_a_file_everything_is_kept_in_memory_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    errors: list[OSError] = []
    spool = Spool(memory_bytes=0, on_error=errors.append)
    text = Kept(spool)

    text.append(b"x" * (3 * BLOCK_BYTES + 1))
    text.settle()

    assert b"".join(text.parts()) == b"x" * (3 * BLOCK_BYTES + 1)
    assert len(errors) == 1
    text.drop()


def test_a_disk_that_is_full_half_way_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[OSError] = []
    spool = Spool(memory_bytes=0, on_error=errors.append)
    text = Kept(spool)
    text.append(b"a" * BLOCK_BYTES)
    written = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: written(fd, data[:10], at))

    text.append(b"b" * BLOCK_BYTES)

    assert b"".join(text.parts()) == b"a" * BLOCK_BYTES + b"b" * BLOCK_BYTES
    assert errors[0].strerror == "No space left on device"


def test_a_file_that_was_cut_is_an_error_not_a_shorter_text() -> None:
    spool = Spool(memory_bytes=0, on_error=unexpected)
    text = Kept(spool)
    text.append(b"x" * BLOCK_BYTES)
    os.ftruncate(spool._fd, 10)

    with pytest.raises(OSError, match="cut short"):
        b"".join(text.parts())


def test_a_short_text_is_handed_over_and_a_long_one_is_not() -> None:
    text = Kept(Spool(memory_bytes=0, on_error=unexpected))
    text.append(b"abc")

    assert text.take_short() == b"abc"
    assert text.size_bytes == 0
    text.append(b"x" * BLOCK_BYTES)
    assert text.take_short() is None
    assert text.size_bytes == BLOCK_BYTES
