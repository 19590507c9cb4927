"""Shell completion: scripts that their shells take, and what they offer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trioexec.cli.commands.completion import MARK, place_of
from trioexec.cli.main import main

SHELLS = ("bash", "zsh", "fish")
PLACES = {
    "bash": ".local/share/bash-completion/completions/trioexec",
    "zsh": ".local/share/zsh/site-functions/_trioexec",
    "fish": ".config/fish/completions/trioexec.fish",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "BASH_COMPLETION_USER_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def ask(shell: str, *words: str, home: Path) -> str:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    program = home / "bin" / "trioexec"
    program.parent.mkdir()
    program.symlink_to(Path(sys.executable).with_name("trioexec"))
    path = f"{program.parent}:{os.environ['PATH']}"
    env = {"PATH": path, "HOME": str(home), "TERM": "dumb"}
    done = subprocess.run(
        [shell, *words], capture_output=True, text=True, check=False, env=env, cwd=home, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_script_is_one_that_its_shell_takes(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out

    assert "__complete" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_completion_wants_a_shell_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert main(["completion"]) == 2

    assert "completion takes one shell" in capsys.readouterr().err


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_installed_where_its_shell_looks_and_what_was_done_is_said(
    shell: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell, "--install"]) == 0
    assert main(["completion", "--install", shell]) == 0  # ours: it is written anew

    path = home / PLACES[shell]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{path} is written.\n")
    assert "__complete" in path.read_text()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("there", ["a file", "a link into nowhere", "a directory"])
def test_what_is_not_ours_is_never_overwritten(
    shell: str, there: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / PLACES[shell]
    path.parent.mkdir(parents=True)
    match there:
        case "a file":
            path.write_text("mine\n")
        case "a directory":
            path.mkdir()
        case _:
            path.symlink_to("nowhere")
    before = (path.lstat().st_ino, path.lstat().st_mtime_ns)

    assert main(["completion", shell, "--install"]) == 2

    assert f"{path} is there already, and trioexec did not write it" in capsys.readouterr().err
    assert (path.lstat().st_ino, path.lstat().st_mtime_ns) == before


def test_a_link_to_a_file_of_ours_stays_a_link(home: Path) -> None:
    path = home / PLACES["fish"]
    path.parent.mkdir(parents=True)
    (home / "dotfiles.fish").write_text(f"{MARK}\nold\n")
    path.symlink_to(home / "dotfiles.fish")

    assert main(["completion", "fish", "--install"]) == 0

    assert path.is_symlink()
    assert "__complete" in (home / "dotfiles.fish").read_text()


@pytest.mark.parametrize(
    ("shell", "env", "place"),
    [
        ("bash", {"XDG_DATA_HOME": "/d"}, "/d/bash-completion/completions/trioexec"),
        ("bash", {"BASH_COMPLETION_USER_DIR": "/u:/v"}, "/u/completions/trioexec"),
        ("zsh", {"XDG_DATA_HOME": "/d"}, "/d/zsh/site-functions/_trioexec"),
        ("fish", {"XDG_CONFIG_HOME": "/c"}, "/c/fish/completions/trioexec.fish"),
        ("fish", {"XDG_CONFIG_HOME": "c"}, "/h/.config/fish/completions/trioexec.fish"),
    ],
)
def test_the_place_is_the_one_that_the_environment_names(
    shell: str, env: dict[str, str], place: str
) -> None:
    assert place_of(shell, {"HOME": "/h", **env}) == Path(place)  # type: ignore[arg-type]


def test_without_a_home_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HOME")

    assert main(["completion", "fish", "--install"]) == 2

    assert "there is no HOME" in capsys.readouterr().err
    assert list(home.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".config").write_text("a file in the way")

    assert main(["completion", "fish", "--install"]) == 2

    said = capsys.readouterr().err
    assert f"{home / PLACES['fish']} cannot be written: Not a directory.\n" in said


def test_fish_finds_what_was_installed(home: Path) -> None:
    main(["completion", "fish", "--install"])

    offered = ask("fish", "-c", "complete -C 'trioexec --paral'", home=home)

    assert offered.startswith("--parallel\t")


def test_zsh_finds_what_was_installed_with_the_lines_that_were_said(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["completion", "zsh", "--install"])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("  ")]
    lines[1] = lines[1].replace("&& compinit", "&& compinit -u")  # the test's folder is anybody's
    after = 'autoload +X "$_comps[trioexec]"; print -r -- "$functions[$_comps[trioexec]]"'

    found = ask("zsh", "-fc", "\n".join([*lines, after]), home=home)

    assert "__complete" in found


def test_zsh_completes_with_what_it_evaluates(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["completion", "zsh"])
    (home / "script").write_text(capsys.readouterr().out)
    lines = ["autoload -Uz compinit && compinit -u", f'eval "$(cat {home}/script)"']

    found = ask("zsh", "-fc", "\n".join([*lines, 'print -r -- "$_comps[trioexec]"']), home=home)

    assert found == "_trioexec\n"


def test_bash_finds_what_was_installed_with_the_line_that_was_said(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["completion", "bash", "--install"])
    line = capsys.readouterr().err.splitlines()[-1]

    found = ask("bash", "--norc", "-c", f"{line}; complete -p trioexec", home=home)

    assert found.endswith("-F _trioexec trioexec\n")


def test_bash_completion_finds_what_was_installed(home: Path) -> None:
    package = Path("/usr/share/bash-completion/bash_completion")
    if not package.exists():
        pytest.skip("no bash-completion here")
    main(["completion", "bash", "--install"])
    load = f". {package}; _comp_load trioexec || __load_completion trioexec; complete -p trioexec"

    assert "-F _trioexec trioexec\n" in ask("bash", "--norc", "-c", load, home=home)
