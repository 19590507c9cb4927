from __future__ import annotations

import errno
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sink_fakes import UNIX_S, ended, err, finished, out, run_of, started
from trioexec.model.errors import UsageError
from trioexec.sinks.files import MOST_OPEN, FilesSink


def silent(line: str) -> None:
    pytest.fail(f"nothing was to be said, but: {line}")


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_OPEN + 64, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_output_is_there_as_soon_as_it_arrives_byte_for_byte(tmp_path: Path) -> None:
    sink = FilesSink(tmp_path / "new" / "run", say=silent)
    sink.handle(started("web1", "web2"))

    sink.handle(out("web1", b"\xff\r\x00no newline"))
    sink.handle(err("web1", b"oops\n"))

    assert (sink.directory / "web1.out").read_bytes() == b"\xff\r\x00no newline"
    assert (sink.directory / "web1.err").read_bytes() == b"oops\n"
    assert names_in(tmp_path / "new" / "run") == ["web1.err", "web1.out"]
    sink.close()


def test_run_json_says_how_each_node_ended_and_where_its_output_is(tmp_path: Path) -> None:
    sink = FilesSink(tmp_path, say=silent)

    for event in run_of(("a:22", [out("a:22", b"x")], 0), ("b", [], 3), exit_code=1):
        assert not (tmp_path / "run.json").exists()
        sink.handle(event)

    run = json.loads((tmp_path / "run.json").read_bytes())
    assert names_in(tmp_path) == ["a:22.out", "run.json"]
    assert {key: run[key] for key in run if key != "nodes"} == {
        "v": 1,
        "command": "true",
        "unix_s": UNIX_S,
        "took_s": 1.2,
        "exit_code": 1,
        "stopped": None,
        "complete": True,
    }
    assert [(row["stdout"], row["stderr"], row["outcome"]["text"]) for row in run["nodes"]] == [
        ("a:22.out", None, "exit 0"),
        (None, None, "exit 3"),
    ]
    assert run["nodes"][0]["node"] == {
        "name": "a:22",
        "host": "a",
        "port": 22,
        "user": None,
        "rank": 0,
    }
    assert run["nodes"][1]["finished_s"] == 1.0


def test_a_directory_of_an_earlier_run_is_not_mixed_with_a_new_one(tmp_path: Path) -> None:
    said: list[str] = []
    events = run_of(("a", [out("a", b"x")], 0))
    directories = []
    for _ in range(3):
        sink = FilesSink(tmp_path, say=said.append)
        directories.append(sink.directory)
        for event in events:
            sink.handle(event)

    assert len(set(directories)) == 3
    assert directories[0] == tmp_path
    assert (tmp_path / "latest").resolve() == directories[2].resolve()
    assert not (tmp_path / "latest").readlink().is_absolute()
    for directory in directories:
        assert (directory / "a.out").read_bytes() == b"x"
    assert said == [
        f"{tmp_path} is not empty: this run is kept in {own}" for own in directories[1:]
    ]


def test_two_runs_at_one_time_do_not_share_an_empty_directory(tmp_path: Path) -> None:
    first = FilesSink(tmp_path, say=silent)
    second = FilesSink(tmp_path, say=lambda _: None)

    assert first.directory == tmp_path
    assert second.directory.parent == tmp_path
    first.close()
    second.close()


@pytest.mark.parametrize("make", ["file", "latest"])
def test_a_directory_that_cannot_be_used_is_a_usage_error(tmp_path: Path, make: str) -> None:
    directory = tmp_path / "run"
    if make == "file":
        directory.write_text("")
    else:
        (directory / "latest").mkdir(parents=True)

    with pytest.raises(UsageError, match=f"--output-dir {directory}: "):
        FilesSink(directory, say=silent)

    assert [path.name for path in tmp_path.glob("run/*")] == ["latest"] * (make == "latest")


def test_a_run_that_cannot_begin_for_want_of_a_link_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes").touch()

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")  # as FAT does

    monkeypatch.setattr(Path, "symlink_to", refuse)
    with pytest.raises(UsageError, match="the link latest in it cannot be made: Operation not"):
        FilesSink(tmp_path, say=silent)

    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


@pytest.mark.usefixtures("few_descriptors")
def test_many_nodes_need_few_descriptors_and_lose_nothing(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(3 * MOST_OPEN)]
    sink = FilesSink(tmp_path, say=silent)
    sink.handle(started(*names))

    for _ in range(2):
        for name in names:
            sink.handle(out(name, name.encode()))
    opened = len(list(Path("/proc/self/fd").iterdir()))
    for name in names:
        sink.handle(finished(name))
    sink.handle(ended())

    assert opened <= MOST_OPEN + 40
    for name in names:
        assert (tmp_path / f"{name}.out").read_text() == 2 * name


def test_a_hostile_name_stays_in_the_directory(tmp_path: Path) -> None:
    sink = FilesSink(tmp_path / "run", say=silent)
    hostile = ["..", "../x", "/etc/x", "a\nb", ".hidden", "n" * 300]

    for name in hostile:
        sink.handle(out(name, b"x"))
    sink.close()

    assert names_in(tmp_path) == ["run"]
    assert len(names_in(tmp_path / "run")) == len(hostile)
    assert not [name for name in names_in(tmp_path / "run") if name.startswith(".")]


def test_a_file_in_the_place_of_the_directory_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")

    with pytest.raises(UsageError, match=r"run: it is no directory\.\nName a directory that"):
        FilesSink(tmp_path / "run", say=print)


def test_a_link_planted_in_the_directory_is_not_followed(tmp_path: Path) -> None:
    said: list[str] = []
    sink = FilesSink(tmp_path / "run", say=said.append)
    (tmp_path / "victim").write_text("safe")
    (tmp_path / "run" / "a.out").symlink_to(tmp_path / "victim")

    sink.handle(out("a", b"x"))
    sink.close()

    assert (tmp_path / "victim").read_text() == "safe"
    assert "File exists" in said[0]


def test_a_write_that_fails_is_said_once_and_recorded(tmp_path: Path) -> None:
    said: list[str] = []
    sink = FilesSink(tmp_path, say=said.append)
    sink.handle(started("a"))

    (tmp_path / "a.out").symlink_to("/dev/full")
    sink.handle(out("a", b"x"))
    sink.handle(out("a", b"y"))
    sink.handle(finished("a"))
    sink.handle(ended())

    assert len(said) == 1
    assert said[0].endswith("what is there is not complete")
    assert json.loads((tmp_path / "run.json").read_bytes())["complete"] is False


def test_a_run_json_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    sink = FilesSink(tmp_path, say=said.append)
    (tmp_path / "run.json").mkdir()

    sink.handle(started("a"))
    sink.handle(ended())

    assert said == [
        f"trioexec: cannot write to {tmp_path}: Is a directory; what is there is not complete"
    ]


def test_closing_twice_is_no_error(tmp_path: Path) -> None:
    sink = FilesSink(tmp_path, say=silent)
    sink.handle(started("a"))
    sink.handle(out("a", b"x"))

    sink.close()
    sink.close()

    assert names_in(tmp_path) == ["a.out"]


async def test_serve_returns_at_once(tmp_path: Path) -> None:
    sink = FilesSink(tmp_path, say=silent)

    await sink.serve()

    sink.close()
    assert names_in(tmp_path) == []
