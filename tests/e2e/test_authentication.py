"""Every way to log in, on a real sshd with a real agent; each secret asked for once and never shown."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.rig import Cli
from tests.e2e.ssh_rig import CONNECT, account, keygen, need_root, own_sshd, run_at_terminal
from tests.e2e.sshd_rig import Sshd

PASSPHRASE = "tr0ub4dor and three"
PASSWORD = "correct-horse-battery"
ACCOUNT = "trioexec-pw"
NODE = "127.0.1.1"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with own_sshd(tmp_path) as served:
        yield served


@pytest.fixture
def trioexec(server: Sshd, tmp_path: Path) -> Cli:
    return Cli(server, tmp_path)


@contextmanager
def agent(folder: Path, *keys: Path) -> Iterator[dict[str, str]]:
    path = folder / "agent"
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    env = {"SSH_AUTH_SOCK": str(path)}
    try:
        while not path.exists():
            assert process.poll() is None
        for key in keys:
            subprocess.run(
                ["ssh-add", "-q", str(key)], check=True, capture_output=True, env=os.environ | env
            )
        yield env
    finally:
        process.terminate()
        process.wait()


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def certify(folder: Path, key: Path, user: str) -> Path:
    ca = keygen(folder / "ca")
    subprocess.run(
        ["ssh-keygen", "-q", "-s", str(ca), "-I", "test", "-n", user, f"{key}.pub"], check=True
    )
    return key.with_name(f"{key.name}-cert.pub")


async def test_a_key_of_the_agent_is_used(trioexec: Cli, tmp_path: Path) -> None:
    with agent(tmp_path, tmp_path / "client_key") as env:
        done = await trioexec("-H", NODE, "echo in", env=env)

    assert (done.code, done.stdout) == (0, b"127.0.1.1: in\n"), done.stderr


async def test_nodes_ask_one_agent_once(trioexec: Cli, tmp_path: Path) -> None:
    with agent(tmp_path, tmp_path / "client_key") as env:
        done = await trioexec("-H", "127.0.1.[1-20]", "true", env=env)

    assert done.code == 0, done.stderr


async def test_of_several_key_files_the_right_one_is_found(trioexec: Cli, tmp_path: Path) -> None:
    wrong = [keygen(tmp_path / f"wrong{n}") for n in range(3)]
    words = [word for key in wrong for word in ("-i", str(key))]

    done = await trioexec("-H", NODE, *words, "-i", str(tmp_path / "client_key"), "true")

    assert done.code == 0, done.stderr


@pytest.mark.parametrize("count", [1, 8])
async def test_an_agent_with_only_wrong_keys_does_not_stop_named_files(
    trioexec: Cli, tmp_path: Path, count: int
) -> None:
    """Also where it has more of them than MaxAuthTries, which is 6."""
    wrong = [keygen(tmp_path / f"wrong{n}") for n in range(count)]

    with agent(tmp_path, *wrong) as env:
        done = await trioexec("-H", NODE, "-i", str(tmp_path / "client_key"), "true", env=env)

    assert done.code == 0, done.stderr


async def test_too_many_wrong_keys_are_a_denial_that_says_so(trioexec: Cli, tmp_path: Path) -> None:
    wrong = [keygen(tmp_path / f"wrong{n}") for n in range(8)]

    with agent(tmp_path, *wrong) as env:
        done = await trioexec("-H", NODE, "true", env=env)

    assert done.code == 255
    assert re.search(r"denied: .* tried publickey with \d keys", done.stderr), done.stderr
    assert "too many authentication failures" in done.stderr


async def test_a_public_key_file_names_the_agents_key(trioexec: Cli, tmp_path: Path) -> None:
    wrong = [keygen(tmp_path / f"wrong{n}") for n in range(8)]

    with agent(tmp_path, *wrong, tmp_path / "client_key") as env:
        done = await trioexec(
            "-H", NODE, "-i", str(tmp_path / "client_key.pub"), "-oIdentitiesOnly=yes", "true",
            env=env,
        )  # fmt: skip

    assert done.code == 0, done.stderr


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("-t", "ed25519"), id="OpenSSH"),
        pytest.param(("-t", "rsa", "-b", "2048", "-m", "PEM"), id="PEM"),
        pytest.param(("-t", "ecdsa", "-m", "PKCS8"), id="PKCS8"),
    ],
)
async def test_the_passphrase_of_an_encrypted_key_is_asked_for_once_at_the_terminal(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    key = keygen(tmp_path / "client_key", *options, passphrase=PASSPHRASE)
    with own_sshd(tmp_path) as server:
        done, shown = await run_at_terminal(
            Cli(server, tmp_path),
            *("-H", "127.0.1.[1-5]", "-i", str(key), "--progress", "always", "echo in"),
            answers={"Passphrase for key": PASSPHRASE},
        )

    assert done.code == 0, done.stderr
    assert done.stdout.count(b": in\n") == 5
    assert shown.count("Passphrase for key") == 1
    assert PASSPHRASE not in shown + done.stderr


async def test_a_passphrase_comes_from_the_environment_or_a_descriptor(tmp_path: Path) -> None:
    key = keygen(tmp_path / "client_key", passphrase=PASSPHRASE)
    with own_sshd(tmp_path) as server:
        cli = Cli(server, tmp_path)

        by_env = await cli("-H", NODE, "-i", str(key), "echo ${TRIOEXEC_KEY_PASSPHRASE-unset}",
                           env={"TRIOEXEC_KEY_PASSPHRASE": PASSPHRASE})  # fmt: skip
        by_descriptor = await cli(
            "-H", NODE, "-i", str(key), "--key-passphrase-fd", "0", "true",
            stdin=PASSPHRASE.encode() + b"\n",
        )  # fmt: skip
        wrong = await cli(
            "-H", NODE, "-i", str(key), "true", env={"TRIOEXEC_KEY_PASSPHRASE": "wrong"}
        )
        nobody = await cli("-H", NODE, "-i", str(key), "true")

    assert (by_env.code, by_env.stdout) == (0, b"127.0.1.1: unset\n"), by_env.stderr
    assert by_descriptor.code == 0, by_descriptor.stderr
    assert (wrong.code, "the passphrase is wrong" in wrong.stderr) == (2, True), wrong.stderr
    assert nobody.code == 255
    assert "client_key: its passphrase is not known" in nobody.stderr


@pytest.mark.parametrize("where", ["beside", "named", "agent"])
async def test_a_certificate_lets_in_where_the_key_alone_does_not(
    tmp_path: Path, where: str
) -> None:
    key = keygen(tmp_path / "mine")
    settings = "TrustedUserCAKeys {dir}/ca.pub\nAuthorizedKeysFile none"
    user = os.environ.get("USER", "root")
    certificate = certify(tmp_path, key, user)
    env: dict[str, str] = {}
    words = ["-i", str(key)]
    with own_sshd(tmp_path, settings, user=user) as server:
        cli = Cli(server, tmp_path)
        if where == "agent":
            with agent(tmp_path, key) as env:
                certificate.unlink()
                done = await cli("-H", NODE, "true", env=env)
        else:
            if where == "named":
                certificate = certificate.rename(tmp_path / "elsewhere.pub")
                words += ["-o", f"CertificateFile={certificate}"]
            done = await cli("-H", NODE, *words, "true")

    assert done.code == 0, done.stderr


async def test_a_key_file_that_others_may_read_is_refused(trioexec: Cli, tmp_path: Path) -> None:
    (tmp_path / "client_key").chmod(0o644)

    done = await trioexec("-H", NODE, "-i", str(tmp_path / "client_key"), "true")

    assert done.code == 2
    assert "others may read it" in done.stderr


async def test_a_key_file_that_is_not_there_is_a_usage_error(trioexec: Cli) -> None:
    done = await trioexec("-H", NODE, "-i", "/nonexistent/key", "true")

    assert (done.code, "-i /nonexistent/key: no such file" in done.stderr) == (2, True)


@pytest.fixture(scope="module")
def with_password() -> str:
    need_root()
    return account(ACCOUNT, PASSWORD)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param("PasswordAuthentication yes", id="password"),
        pytest.param("UsePAM yes\nKbdInteractiveAuthentication yes", id="keyboard-interactive"),
        pytest.param(
            "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication yes", id="both"
        ),
    ],
)
async def test_a_password_is_asked_for_once_and_shared_by_all_nodes(
    tmp_path: Path, with_password: str, settings: str
) -> None:
    with own_sshd(tmp_path, settings, user=with_password) as server:
        done, shown = await run_at_terminal(
            Cli(server, tmp_path),
            *("-H", "127.0.1.[1-5]", "--password", "--progress", "always", "echo in"),
            answers={"Password for the nodes": PASSWORD},
        )

    assert done.code == 0, done.stderr + server.log
    assert done.stdout.count(b": in\n") == 5
    assert shown.count("Password for the nodes") == 1
    assert PASSWORD not in shown + done.stderr


async def test_a_question_that_nobody_can_answer_is_named(tmp_path: Path) -> None:
    need_root()
    user = account("trioexec-expired", PASSWORD)
    subprocess.run(["chage", "-d", "0", user], check=True)  # noqa: ASYNC221
    with own_sshd(tmp_path, "UsePAM yes\nKbdInteractiveAuthentication yes", user=user) as server:
        done = await Cli(server, tmp_path)(
            "-H", NODE, "echo never", env={"TRIOEXEC_PASSWORD": PASSWORD}
        )

    assert (done.code, done.stdout) == (255, b"")
    assert "tried keyboard-interactive " in done.stderr
    assert "; it asked '" in done.stderr, done.stderr
    assert "assword:', which nobody is there to answer" in done.stderr


async def test_after_wrong_keys_the_password_is_tried(tmp_path: Path, with_password: str) -> None:
    wrong = keygen(tmp_path / "wrong")
    with own_sshd(tmp_path, "PasswordAuthentication yes", user=with_password) as server:
        cli = Cli(server, tmp_path)

        by_env = await cli("-H", NODE, "-i", str(wrong), "echo ${TRIOEXEC_PASSWORD-unset}",
                           env={"TRIOEXEC_PASSWORD": PASSWORD})  # fmt: skip
        by_descriptor = await cli(
            "-H", NODE, "-i", str(wrong), "--password-fd", "0", "true",
            stdin=PASSWORD.encode() + b"\n",
        )  # fmt: skip

    assert (by_env.code, by_env.stdout) == (0, b"127.0.1.1: unset\n"), by_env.stderr
    assert by_descriptor.code == 0, by_descriptor.stderr


async def test_no_secret_is_in_anything_that_a_failing_run_says(
    tmp_path: Path, with_password: str
) -> None:
    secrets = {
        "TRIOEXEC_PASSWORD": "s3cret-login",
        "TRIOEXEC_SUDO_PASSWORD": "s3cret-sudo",
        "TRIOEXEC_KEY_PASSPHRASE": "s3cret-key",
    }
    key = keygen(tmp_path / "mine", passphrase=secrets["TRIOEXEC_KEY_PASSPHRASE"])
    settings = "PasswordAuthentication yes\nLogLevel DEBUG3"
    said = ""
    with own_sshd(tmp_path, settings, user=with_password) as server:
        cli = Cli(server, tmp_path)
        for mode in ((), ("--json",), ("--output-dir", str(tmp_path / "out")), ("-g",)):
            done = await cli(
                *("-H", f"{NODE},127.0.0.1:1", "-i", str(key), "-v", "--sudo-password", *mode),
                *("--junit", str(tmp_path / "junit.xml"), "env"),
                env={**secrets, "XDG_STATE_HOME": str(tmp_path / "state")},
            )
            assert done.code == 255, done.stderr
            assert "PermissionDenied" in done.stderr
            said += done.stderr + done.stdout.decode()
    files = _files(tmp_path) - {key}
    written = b"".join(path.read_bytes() for path in files)

    assert any("state" in str(path) for path in files), "no journal"
    assert [each for each in secrets.values() if each in said] == []
    assert [each for each in secrets.values() if each.encode() in written] == []


async def test_no_secret_is_in_the_command_line_or_environment_of_our_processes(
    tmp_path: Path, with_password: str
) -> None:
    """A ProxyCommand sees what every process of ours sees."""
    with own_sshd(tmp_path, "PasswordAuthentication yes", user=with_password) as server:
        seen = tmp_path / "seen"
        proxy = f"sh -c 'env >{seen}; exec {CONNECT} %h %p'"

        done = await Cli(server, tmp_path)(
            "-H", NODE, "-o", f"ProxyCommand={proxy}", "true", env={"TRIOEXEC_PASSWORD": PASSWORD}
        )

    assert done.code == 0, done.stderr
    assert "HOME=" in seen.read_text()
    assert PASSWORD not in seen.read_text()
