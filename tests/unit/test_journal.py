from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.unit.recorded import EVERY_WAY, UNIX_S, events_of
from trioexec.model.errors import UsageError
from trioexec.model.events import RunStarted
from trioexec.model.journal import DamagedError, Header
from trioexec.settings import journal as settings_journal
from trioexec.settings.journal import Entry, Journal, journal_directory
from trioexec.sinks import journal as sinks_journal
from trioexec.sinks.journal import FLUSH_S, JournalSink


def header(run_id: str, event: RunStarted) -> Header:
    return Header(id=run_id, unix_s=event.unix_s, command=event.command, nodes=len(event.nodes))


def keep(journal: Journal, *, unix_s: float | None = None) -> tuple[str, list[str]]:
    """Record a run; returns its ID and what was said."""
    said: list[str] = []

    def create(start_s: float) -> tuple[str, int]:
        return journal.create(start_s if unix_s is None else unix_s)

    sink = JournalSink(create=create, header=header, say=said.append)
    for event in events_of(EVERY_WAY):
        sink.handle(event)
    return sink.run_id, said


def test_the_directory_is_the_users_state() -> None:
    assert journal_directory({"XDG_STATE_HOME": "/s"}) == Path("/s/trioexec/runs")
    assert journal_directory({"XDG_STATE_HOME": "relative", "HOME": "/h"}) == Path(
        "/h/.local/state/trioexec/runs"
    )
    assert journal_directory({}).is_absolute()


def test_a_run_is_kept_whole_and_private(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state" / "runs")

    run_id, said = keep(journal)

    (entry,) = journal.entries()
    assert (entry.id, said) == (run_id, [])
    assert list(entry.read().events) == events_of(EVERY_WAY)
    assert entry.header().nodes == 10
    summary = entry.summary()
    assert summary is not None
    assert summary.exit_code == 130
    assert entry.path.stat().st_mode & 0o777 == 0o600
    assert journal.directory.stat().st_mode & 0o777 == 0o700


def test_a_new_record_only_looks_at_those_that_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    kept = {keep(journal, unix_s=UNIX_S + at)[0] for at in range(3)}

    def unwanted(**_: object) -> Entry:
        raise AssertionError  # every run would, of a thousand

    with monkeypatch.context() as patched:
        patched.setattr(settings_journal, "Entry", unwanted)
        _, fd = journal.create(UNIX_S + 3)

    os.close(fd)
    assert {entry.id for entry in journal.entries()} == kept


def test_an_open_directory_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    keep(Journal(tmp_path))

    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_runs_are_found_by_id_by_its_beginning_and_from_the_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    ids = [keep(journal, unix_s=UNIX_S + at)[0] for at in range(3)]

    assert journal.find(ids[0]).id == ids[0]
    assert journal.find("last").id == ids[2]
    assert journal.find("last-2").id == journal.find("last~2").id == ids[0]


def test_what_cannot_be_found_says_what_to_do(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(UsageError, match="no run in the journal yet"):
        journal.find("last")
    for at, name in enumerate(("abcd", "abce", "abcd2")):
        (tmp_path / f"2026010{at + 1}T000000Z-{name}.jsonl.gz").write_bytes(b"x")
    (tmp_path / "something else").write_bytes(b"")

    assert journal.find("abcd").id == "abcd"
    assert journal.find("abce").id == "abce"
    with pytest.raises(UsageError, match="beginning of several runs: abcd2, abce, abcd"):
        journal.find("ab")
    with pytest.raises(UsageError, match="no run 'zz'"):
        journal.find("zz")
    with pytest.raises(UsageError, match="the journal has 3 runs"):
        journal.find("last-3")


def test_old_runs_go_by_number_size_and_age(tmp_path: Path) -> None:
    for at in range(6):
        keep(Journal(tmp_path), unix_s=UNIX_S + at)
    size = Journal(tmp_path).entries()[0].path.stat().st_size

    keep(Journal(tmp_path, most_runs=5), unix_s=UNIX_S + 10)
    assert len(Journal(tmp_path).entries()) == 5

    keep(Journal(tmp_path, most_bytes=int(2.5 * size)), unix_s=UNIX_S + 11)
    assert len(Journal(tmp_path).entries()) == 3

    keep(Journal(tmp_path, most_age_s=100), unix_s=UNIX_S + 200)
    assert len(Journal(tmp_path).entries()) == 1


def test_a_record_that_never_began_is_not_listed_and_goes(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for at_s in (0, 50):  # by a disk that was full, and by a run that begins just now
        os.close(journal.create(UNIX_S + at_s)[1])

    run_id, _ = keep(journal, unix_s=UNIX_S + 70)

    assert [entry.id for entry in journal.entries()] == [run_id]
    assert len(list(tmp_path.glob("*.gz"))) == 2


def test_a_name_that_is_no_time_is_as_old_as_can_be(tmp_path: Path) -> None:
    (tmp_path / "99999999T999999Z-abcd.jsonl.gz").write_bytes(b"x")

    assert Journal(tmp_path).entries()[0].began_unix_s == 0


def test_a_run_that_is_going_on_is_seen_and_never_removed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, most_runs=1)
    run_id, fd = journal.create(UNIX_S)
    os.write(fd, b"x")

    keep(journal, unix_s=UNIX_S + 1)

    assert journal.find(run_id).is_running()
    os.close(fd)
    assert not journal.find(run_id).is_running()
    keep(journal, unix_s=UNIX_S + 2)
    assert len(journal.entries()) == 1


def test_while_somebody_else_clears_up_a_run_is_kept_all_the_same(tmp_path: Path) -> None:
    keep(Journal(tmp_path))
    lock = os.open(tmp_path / ".lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)

    _, said = keep(Journal(tmp_path, most_runs=1))

    assert said == []
    assert len(Journal(tmp_path).entries()) == 2
    os.close(lock)


def test_two_at_once_get_two_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = iter("aaaaaaaabbbb" + "c" * 100)
    monkeypatch.setattr(settings_journal.secrets, "choice", lambda _: next(letters))
    monkeypatch.setattr(Journal, "entries", lambda _: [])

    first, one = Journal(tmp_path).create(UNIX_S)
    second, two = Journal(tmp_path).create(UNIX_S)

    assert (first, second) == ("aaaa", "bbbb")
    os.close(one)
    os.close(two)


def test_when_every_name_is_taken_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_journal.secrets, "choice", lambda _: "a")
    monkeypatch.setattr(settings_journal, "_TRIES", 3)
    keep(Journal(tmp_path))

    run_id, said = keep(Journal(tmp_path))

    assert run_id == ""
    assert said == ["trioexec: this run is not kept in the journal: no free name for the record"]


def test_a_directory_that_cannot_be_made_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    run_id, said = keep(Journal(tmp_path / "file" / "runs"))

    assert run_id == ""
    assert said == [
        f"trioexec: this run is not kept in the journal: {tmp_path}/file/runs: Not a directory"
    ]


def test_a_full_disk_is_said_once_and_leaves_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 400
    write = os.write

    def narrow(fd: int, data: memoryview) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(28, "No space left on device")
        count = write(fd, data[:room])
        room -= count
        return count

    monkeypatch.setattr(sinks_journal.os, "write", narrow)
    _, said = keep(Journal(tmp_path))

    assert said == ["trioexec: this run is not kept in the journal: No space left on device"]
    (entry,) = Journal(tmp_path).entries()
    assert not entry.read().complete
    assert not entry.is_running()


async def test_from_second_to_second_the_record_holds_what_has_happened(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    journal = Journal(tmp_path)
    sink = JournalSink(create=journal.create, header=header, say=pytest.fail)
    *events, last = events_of(EVERY_WAY)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sink.serve)
        for event in events:
            sink.handle(event)
        before = journal.entries()[0].read().events
        await trio.sleep(FLUSH_S + 0.1)  # in which nothing happens
        after = journal.entries()[0].read()
        sink.handle(last)

    assert len(before) < len(events)
    assert list(after.events) == events
    assert not after.complete
    assert list(journal.entries()[0].read().events) == [*events, last]


async def test_a_disk_that_is_full_when_the_record_is_brought_up_to_date_is_said_once(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    said: list[str] = []

    def create(unix_s: float) -> tuple[str, int]:
        return "full", os.open("/dev/full", os.O_WRONLY)

    sink = JournalSink(create=create, header=header, say=said.append)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sink.serve)
            for event in events_of(EVERY_WAY):
                sink.handle(event)

    assert said == ["trioexec: this run is not kept in the journal: No space left on device"]


def test_a_record_that_is_gone_or_broken_is_a_line_not_a_traceback(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    keep(journal)
    (entry,) = journal.entries()
    entry.path.write_bytes(b"junk")

    with pytest.raises(DamagedError, match=f"run {entry.id}: its beginning is missing"):
        entry.read()
    entry.path.unlink()
    with pytest.raises(DamagedError, match="No such file"):
        entry.header()
