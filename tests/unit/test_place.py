from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from trioexec.model.errors import ConfigError
from trioexec.transports.relay import place
from trioexec.transports.ssh.options import SshOptions

NOT_OURS = 64999


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Not in `tmp_path`: a socket's path has to be short, and that one has the test's name in it.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        yield Path(name)


def _missing(folder: Path) -> str:
    return str(folder / "missing")


def _a_file(folder: Path) -> str:
    (folder / "file").touch()
    return str(folder / "file")


def _inside_a_file(folder: Path) -> str:
    return _a_file(folder) + "/deeper"


def _relative(folder: Path) -> str:
    return os.path.relpath(folder)


def _too_long(folder: Path) -> str:
    path = folder / ("x" * 100)
    path.mkdir()
    return str(path)


@pytest.mark.parametrize(
    "value", [_missing, _a_file, _inside_a_file, _relative, _too_long, lambda _: ""]
)
def test_a_runtime_directory_that_will_not_do_is_as_none(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", value(runtime))  # type: ignore[operator]

    assert place.directory(make=False) == Path(f"/tmp/trioexec-{os.getuid()}")


def test_another_users_runtime_directory_is_as_none(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: NOT_OURS)

    assert place.directory(make=False) == Path(f"/tmp/trioexec-{NOT_OURS}")


@pytest.mark.parametrize(
    "refusal",
    [PermissionError(13, "Permission denied"), FileNotFoundError(2, "No such file or directory")],
    ids=["not allowed", "as /proc has it"],
)
def test_a_directory_that_cannot_be_made_says_what_to_do(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, refusal: OSError
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise refusal

    monkeypatch.setattr(Path, "mkdir", refuse)

    with pytest.raises(ConfigError, match=rf"{refusal.strerror}.*\nSet XDG_RUNTIME_DIR"):
        place.directory(make=True)


def test_a_place_that_takes_no_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "name.sock"
    path.with_suffix(".lock").mkdir()

    with (
        pytest.raises(ConfigError, match=r"Is a directory.*\nSet XDG_RUNTIME_DIR"),
        place.one_at_a_time(path),
    ):
        pass


def _open_to_others(path: Path) -> None:
    path.mkdir()
    path.chmod(0o750)


def _closed_to_us(path: Path) -> None:
    path.mkdir()
    path.chmod(0)


def _link(path: Path) -> None:
    target = path.with_name("target")
    target.mkdir(mode=0o700)
    path.symlink_to(target)


def _dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


@pytest.mark.parametrize(
    "squat", [_open_to_others, _closed_to_us, _link, _dangling_link, Path.touch]
)
def test_an_unsafe_place_is_refused_to_who_wants_one_and_no_matter_to_others(
    runtime: Path, squat: object
) -> None:
    squat(runtime / "trioexec")  # type: ignore[operator]

    with pytest.raises(ConfigError, match="not a directory of yours alone"):
        place.socket_path(SshOptions(), make=True)
    assert place.holder_socket(SshOptions()) is None


def test_the_place_is_ours_whatever_the_umask_takes_away(runtime: Path) -> None:
    before = os.umask(0o777)
    try:
        path = place.directory(make=True)
        with place.one_at_a_time(path / "x.sock"):
            mode = stat.S_IMODE((path / "x.lock").stat().st_mode)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert mode == 0o600


def test_a_place_of_another_user_is_said_to_be_that(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runtime / "trioexec").mkdir(mode=0o700)
    monkeypatch.setattr(place, "_runtime", lambda: runtime)
    monkeypatch.setattr(os, "getuid", lambda: NOT_OURS)

    with pytest.raises(ConfigError, match=r"another user's.*\nSet XDG_RUNTIME_DIR"):
        place.directory(make=True)


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("SendEnv TOLD_*", False),
        ("  sendenv=OTHER TOLD_NAME", False),
        ("IdentityFile ~/${TOLD_NAME}", False),
        ("IdentityAgent $TOLD_NAME", False),
        ("# nothing of the environment", True),
        ("SetEnv A=TOLD_NAME", True),
    ],
)
@pytest.mark.parametrize("by_option", [False, True], ids=["in the file", "with -o"])
def test_a_variable_that_counts_leads_to_another_holder(
    runtime: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    *,
    same: bool,
    by_option: bool,
) -> None:
    (tmp_path / "config").write_text("" if by_option else line)
    options = SshOptions(
        config_file=str(tmp_path / "config"), settings=(line,) if by_option else ()
    )
    found = set()

    for value in ("one", "two"):
        monkeypatch.setenv("TOLD_NAME", value)
        found.add(place.socket_path(options, make=False))

    assert (len(found) == 1) is same


def test_a_value_that_is_no_text_names_a_holder_too(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("SendEnv TOLD_*")
    monkeypatch.setenv("TOLD_NAME", "\udcff")

    assert place.socket_path(SshOptions(config_file=str(tmp_path / "config")), make=False)


def test_another_connect_timeout_is_another_way_to_reach_nodes(runtime: Path) -> None:
    paths = [
        place.socket_path(SshOptions(connect_timeout_s=limit_s), make=False)
        for limit_s in (None, 2.0, 60.0)
    ]

    assert len(set(paths)) == 3


def test_who_leaves_removes_what_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "name.sock"
    path.touch()
    with place.one_at_a_time(path):
        pass

    place.leave(path, path.stat().st_ino)

    assert list(tmp_path.iterdir()) == []


def test_who_leaves_lets_a_successor_be(tmp_path: Path) -> None:
    path = tmp_path / "name.sock"
    path.touch()

    place.leave(path, path.stat().st_ino + 1)

    assert path.exists()


def test_who_leaves_lets_one_be_who_is_about_to_come(tmp_path: Path) -> None:
    path = tmp_path / "name.sock"
    path.touch()

    with place.one_at_a_time(path):
        place.leave(path, path.stat().st_ino)

    assert path.exists()


def test_a_lock_that_was_removed_keeps_nobody_apart_and_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "name.sock"
    lock, opened = path.with_suffix(".lock"), []

    def open_and_lose(*args: object, **_: object) -> int:
        opened.append(real(*args))  # type: ignore[arg-type]
        if len(opened) == 1:
            lock.unlink()
        return opened[-1]

    real = os.open
    monkeypatch.setattr(os, "open", open_and_lose)

    with place.one_at_a_time(path) as had:
        assert had
        assert lock.stat().st_ino == os.fstat(opened[-1]).st_ino

    assert len(opened) == 2
