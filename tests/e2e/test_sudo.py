"""`--sudo-password` with the real sudo: its own prompt gets the password, and nothing else does."""

from __future__ import annotations

import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.rig import Cli, Done, Marker
from tests.e2e.ssh_rig import account, need_root, own_sshd
from tests.e2e.sshd_rig import Sshd

PASSWORD = "sesame-0pen"
NODE = "127.0.1.1"
USERS = {
    "trioexec-s1": "trioexec-s1 ALL=(ALL) ALL",
    "trioexec-s2": "trioexec-s2 ALL=(ALL) NOPASSWD: ALL",
    "trioexec-s3": "",
    "trioexec-s4": "Defaults:trioexec-s4 use_pty\ntrioexec-s4 ALL=(ALL) ALL",
    "trioexec-s5": "Defaults:trioexec-s5 !use_pty\ntrioexec-s5 ALL=(ALL) ALL",
    "trioexec-s6": "Defaults:trioexec-s6 passwd_tries=1,insults,lecture=always\n"
    "trioexec-s6 ALL=(ALL) ALL",
    "trioexec-s7": "Defaults:trioexec-s7 requiretty\ntrioexec-s7 ALL=(ALL) ALL",
    "trioexec-s8": "trioexec-s8 ALL=(ALL) /usr/bin/id",
}
ASKED, FREE, STRANGER, WITH_PTY, WITHOUT_PTY, ONE_TRY, WITH_TTY, ONE_COMMAND = USERS
RULES = Path("/etc/sudoers.d/trioexec-test")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    need_root()
    if shutil.which("sudo") is None:
        pytest.skip("no sudo on this machine")
    for user in USERS:
        account(user, PASSWORD)
    RULES.write_text("\n".join(USERS.values()) + "\n")
    RULES.chmod(0o440)
    subprocess.run(["visudo", "-c", "-q"], check=True)
    folder = tmp_path_factory.mktemp("sudo")
    with own_sshd(folder, "MaxSessions 100") as served:
        text = f"IdentityFile {folder}/client_key\nIdentitiesOnly yes\n"
        served.config.write_text(text + served.config.read_text())
        yield served
    RULES.unlink()


class Sudo:
    def __init__(self, cli: Cli) -> None:
        self.cli = cli

    async def __call__(
        self, user: str, *words: str, password: str = PASSWORD, stdin: bytes = b""
    ) -> Done:
        return await self.cli(
            "-H", f"{user}@{NODE}", "-N", "--sudo-password", *words,
            env={"TRIOEXEC_SUDO_PASSWORD": password}, stdin=stdin,
        )  # fmt: skip


@pytest.fixture
def sudo(server: Sshd, tmp_path: Path) -> Sudo:
    return Sudo(Cli(server, tmp_path))


@pytest.mark.parametrize("user", [ASKED, FREE, WITH_PTY, WITHOUT_PTY])
async def test_the_command_runs_as_root_and_nothing_is_echoed(sudo: Sudo, user: str) -> None:
    done = await sudo(user, "id -un; echo to-stderr >&2; exit 3")

    assert (done.code, done.stdout) == (3, b"root\n"), done.stderr
    assert "to-stderr\n" in done.stderr
    assert PASSWORD not in done.stderr
    assert "[sudo" not in done.stderr


@pytest.mark.parametrize("user", [ASKED, ONE_TRY])
async def test_a_wrong_password_is_an_outcome_of_its_own_at_once(sudo: Sudo, user: str) -> None:
    done = await sudo(user, "echo never", password="wrong")

    assert (done.code, done.stdout) == (255, b"")
    assert "sudo denied: wrong password: " in done.stderr
    assert done.stderr.count("try again") == 0


@pytest.mark.parametrize(
    ("user", "says"),
    [
        pytest.param(WITH_TTY, "you must have a tty", id="requiretty"),
        pytest.param(ONE_COMMAND, "is not allowed to execute '/bin/sh -c ", id="another command"),
    ],
)
async def test_what_sudo_does_not_like_is_one_clear_line(sudo: Sudo, user: str, says: str) -> None:
    done = await sudo(user, "echo never")

    (line,) = [each for each in done.stderr.splitlines() if "sudo denied: " in each]
    assert (done.code, done.stdout) == (255, b"")
    assert says in line
    assert len(line) < 300


async def test_a_node_whose_key_has_changed_gets_no_password_for_sudo(
    sudo: Sudo, server: Sshd, tmp_path: Path
) -> None:
    """It is let through under `no`, but not trusted: as with a password for logging in."""
    known = tmp_path / "known_hosts"
    known.write_text(f"[{NODE}]:{server.port} {(server.dir / 'client_key.pub').read_text()}")
    options = ("-o", f"UserKnownHostsFile={known}", "--strict-host-key-checking", "no")

    done = await sudo(ASKED, *options, "echo never")
    free = await sudo.cli("-H", f"{ASKED}@{NODE}", *options, "echo in")

    assert (done.code, done.stdout) == (255, b"")
    assert "sudo denied: its host key has changed: it gets no password" in done.stderr
    assert free.code == 0, free.stderr


async def test_who_is_not_in_sudoers_is_told_so(sudo: Sudo) -> None:
    done = await sudo(STRANGER, "echo never")

    assert (done.code, done.stdout) == (255, b"")
    assert "sudo denied: " in done.stderr
    assert "not in the sudoers file" in done.stderr, done.stderr


async def test_output_that_looks_like_a_prompt_is_left_alone(sudo: Sudo) -> None:
    lines = "[sudo] password for root: \npassword:\nSorry, try again.\nPermission denied\n"

    done = await sudo(ASKED, f"printf %s '{lines}'; printf %s '{lines}' >&2; cat")

    assert (done.code, done.stdout.decode()) == (0, lines)
    assert lines in done.stderr
    assert PASSWORD not in done.stderr


@pytest.mark.parametrize("user", [WITH_PTY, WITHOUT_PTY])
async def test_much_output_does_not_deadlock(sudo: Sudo, user: str) -> None:
    done = await sudo(user, "seq 10000; seq 10000 >&2")

    wanted = "".join(f"{n}\n" for n in range(1, 10001))
    assert (done.code, done.stdout.decode()) == (0, wanted), done.stderr[-500:]
    assert wanted in done.stderr


@pytest.mark.parametrize("user", [ASKED, WITH_PTY, WITHOUT_PTY])
async def test_ctrl_c_ends_what_root_owns(sudo: Sudo, mark: Marker, user: str) -> None:
    cli = sudo.cli
    async with cli.start(
        "-H", f"{user}@{NODE}", "--sudo-password", "-b", *mark.options,
        "trap '' TERM; sleep 1000; sleep 1000",
        env={"TRIOEXEC_SUDO_PASSWORD": PASSWORD},
    ) as running:  # fmt: skip
        await mark.are_running("sleep 1000")
        running.press()
        code = await running.exits()

    await mark.are_gone()
    assert code == 130
    assert "not confirmed" not in running.stderr


@pytest.mark.parametrize("user", [ASKED, FREE])
async def test_stdin_is_the_commands_and_not_sudos(sudo: Sudo, user: str) -> None:
    done = await sudo(user, "--stdin", "id -un; cat", stdin=b"first\nsecond\n")

    assert (done.code, done.stdout) == (0, b"root\nfirst\nsecond\n"), done.stderr


async def test_a_script_runs_as_root_with_variables(sudo: Sudo) -> None:
    script = sudo.cli.folder / "script"
    script.write_text("#!/bin/sh\nid -un; echo $1 $X\n")

    done = await sudo(ASKED, "--env", "X=set", "--script", str(script), "arg")

    assert (done.code, done.stdout) == (0, b"root\narg set\n"), done.stderr


@pytest.mark.parametrize("other", [("--no-wrap",), ("--tty",), ("--transport", "local")])
async def test_what_does_not_go_with_sudo_is_a_usage_error(
    sudo: Sudo, other: tuple[str, ...]
) -> None:
    done = await sudo(ASKED, *other, "true")

    assert done.code == 2
    assert f"--sudo-password and {' '.join(other)} do not go together" in done.stderr


def folder_with_another_sudo(user: str) -> Path:
    """Make a program of that name, where the account may read it."""
    folder = Path(pwd.getpwnam(user).pw_dir)
    folder.chmod(0o755)
    asks = folder / "sudo"
    asks.write_text(
        '#!/bin/sh\nprintf "Welcome\\nOne-time code: " >&2\nread -r code\necho "$code"\n'
    )
    asks.chmod(0o755)
    return folder


async def test_a_sudo_that_asks_something_else_does_not_hang(tmp_path: Path) -> None:
    """As where the second factor is asked for first."""
    need_root()
    user = account("trioexec-code", PASSWORD)
    path = f"{folder_with_another_sudo(user)}:/usr/bin:/bin"
    with own_sshd(tmp_path, f"SetEnv PATH={path}", user=user) as server:
        done = await Cli(server, tmp_path)(
            *("-H", NODE, "-i", str(tmp_path / "client_key"), "--sudo-password", "echo never"),
            env={"TRIOEXEC_SUDO_PASSWORD": PASSWORD},
        )

    assert (done.code, done.stdout) == (255, b"")
    assert "sudo denied: it asks 'One-time code:', which nobody is there to answer" in done.stderr
