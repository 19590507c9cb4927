from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from trioexec import __main__ as entry

PROGRAM = """
import atexit, sys, threading
atexit.register(print, "called at exit")
sys.argv = ["trioexec", "nodes", "a[1-2]", "--count"]
from trioexec.__main__ import main
{before}
try:
    main()
except SystemExit:
    print("taken apart")
    raise
"""
A_THREAD = "threading.Thread(target=threading.Event().wait).start()"
A_PROFILER = "sys.setprofile(lambda *_: None)"


class LeftError(Exception):
    """Instead of the end of this process."""


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_the_program_collects_garbage_more_rarely_than_a_library_may(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(code: int) -> None:
        raise LeftError(code)

    monkeypatch.setattr(sys, "argv", ["trioexec", "nodes", "a[1-2]", "--count"])
    monkeypatch.setattr(entry, "_leave", leave)

    with pytest.raises(LeftError, match="0"):
        entry.main()

    assert capsys.readouterr().out == "2\n"
    assert gc.isenabled()
    assert gc.get_threshold()[0] == entry.ALLOCATIONS_A_COLLECTION


def leave(before: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        # Coverage of subprocesses watches them, too.
        env={key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("before", "said"),
    [
        pytest.param("", "2\ncalled at exit\n", id="alone"),
        pytest.param(A_THREAD, "2\ncalled at exit\n", id="a thread that will not end"),
        pytest.param(A_PROFILER, "2\ntaken apart\ncalled at exit\n", id="watched"),
        pytest.param(f"{A_THREAD}; {A_PROFILER}", "2\ncalled at exit\n", id="both"),
    ],
)
def test_the_end_waits_for_who_asked_to_be_called_and_for_no_thread(before: str, said: str) -> None:
    done = leave(before)

    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


def test_a_ctrl_c_after_all_is_done_shows_no_traceback() -> None:
    done = leave("import signal; atexit.register(signal.raise_signal, signal.SIGINT)")

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "2\n", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")  # noqa: PTH110
def test_what_cannot_be_written_has_been_said_and_is_not_said_twice() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = leave("", stdout=full)
    finally:
        os.close(full)

    assert done.returncode == 141
    assert done.stderr.count("cannot write") == 1
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


@pytest.mark.parametrize(("tool", "watched"), [(None, False), ("profiler", True)])
def test_who_watches_as_python_3_12_has_it_is_seen(
    monkeypatch: pytest.MonkeyPatch, tool: str | None, *, watched: bool
) -> None:
    tools = [None, None, tool, None, None, None]
    monkeypatch.setattr(
        sys, "monitoring", SimpleNamespace(get_tool=tools.__getitem__), raising=False
    )
    monkeypatch.setattr(sys, "gettrace", lambda: None)  # we may be watched ourselves
    monkeypatch.setattr(sys, "getprofile", lambda: None)

    assert entry._is_watched() is watched


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("name", ["pdsh", "/usr/local/bin/pdsh"])
def test_under_the_name_of_pdsh_the_version_is_pdshs_answer(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(code: int) -> None:
        raise LeftError(code)

    monkeypatch.setattr(sys, "argv", [name, "-V"])
    monkeypatch.setattr(entry, "_leave", leave)

    with pytest.raises(LeftError, match="0"):
        entry.main()

    assert "rcmd modules: ssh,exec" in capsys.readouterr().out


EXEC = "os.execv(sys.executable, [sys.executable, '-m', 'trioexec', *sys.argv[1:]])"
LOCAL = ("-H", "a", "--transport", "local", "--no-record", "-q", "-N")


def begin(
    before: str, *words: str, stdout: int = subprocess.PIPE, **env: str
) -> subprocess.CompletedProcess[str]:
    """Have somebody do something and become us."""
    return subprocess.run(
        [sys.executable, "-c", f"import os, signal, sys; {before}; {EXEC}", *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env={key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ} | env,
        timeout=60,
        check=False,
    )


def test_who_started_us_and_ignores_its_children_makes_no_failure_a_success() -> None:
    done = begin("signal.signal(signal.SIGCHLD, signal.SIG_IGN)", *LOCAL, "exit 3")

    assert (done.returncode, done.stderr) == (3, "")


def test_a_name_that_the_locale_cannot_write_is_no_bug() -> None:
    done = begin("pass", "nodes", "caf\u00e9", PYTHONUTF8="1", PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stdout, done.stderr) == (0, "caf\\xe9\n", "")


GONE = "import tempfile; f = tempfile.mkdtemp(); os.chdir(f); os.rmdir(f)"


@pytest.mark.parametrize(
    "options", [(), ("--json",), ("--ssh-config", "relative")], ids=["plain", "json", "with a path"]
)
def test_in_a_folder_that_is_gone_commands_run(options: tuple[str, ...]) -> None:
    done = begin(GONE, *LOCAL, *options, "exit 3")

    assert done.returncode == 3, done.stderr


def test_in_a_folder_that_is_gone_a_file_is_not_there() -> None:
    done = begin(GONE, *LOCAL, "-H", "^nodes.txt", "true")

    assert done.returncode == 2
    assert done.stderr.startswith("trioexec: ^nodes.txt: cannot read this file of nodes: no such")
    assert "we are in a folder that is gone" in done.stderr


@pytest.mark.parametrize("env", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
def test_an_answer_that_is_written_in_part_is_no_success(
    tmp_path: Path, env: dict[str, str]
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))"
    with (tmp_path / "answer").open("w") as file:
        done = begin(limit, "nodes", "a[1-100000]", stdout=file.fileno(), **env)

    assert done.returncode == 141
    assert "cannot write" in done.stderr


def test_an_answer_is_whole_where_others_have_made_stdout_non_blocking() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    reader = subprocess.Popen(["wc", "-l"], stdin=reading, stdout=subprocess.PIPE, text=True)
    os.close(reading)

    done = begin("pass", "nodes", "a[1-100000]", stdout=writing)
    os.close(writing)

    assert (done.returncode, done.stderr) == (0, "")
    assert reader.communicate(timeout=60)[0].strip() == "100000"
