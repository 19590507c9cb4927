"""What we would use equals what ``ssh -G`` prints: the same files, asked on both sides."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.e2e.openssh_cases import CASES, Case
from trioexec.model.errors import ConfigError
from trioexec.transports.ssh.config import (
    ConfigFile,
    Facts,
    HostSettings,
    SshConfig,
    assemble,
    with_openssh_defaults,
)

SSH = shutil.which("ssh")
LIMIT_S = 60

Options = Mapping[str, list[str]]


ALGORITHMS = {
    "ciphers": ("cipher", "ciphers"),
    "macs": ("mac", "macs"),
    "kexalgorithms": ("kex", "kex_algorithms"),
    "hostkeyalgorithms": ("HostKeyAlgorithms", "host_key_algorithms"),
    "pubkeyacceptedalgorithms": ("PubkeyAcceptedAlgorithms", "pubkey_accepted_algorithms"),
    "casignaturealgorithms": ("key-sig", "ca_signature_algorithms"),
}


@pytest.fixture(scope="module")
def ssh() -> str:
    if SSH is None:
        if os.environ.get("CI"):
            pytest.fail("CI must install openssh-client: these tests may not skip")
        pytest.skip("no ssh on this machine")
    return SSH


@pytest.fixture(scope="module")
def algorithms(ssh: str) -> dict[str, tuple[list[str], list[str]]]:
    """What this ssh offers by default, and what it knows."""
    plain = subprocess.run(
        [ssh, "-F", "none", "-G", "127.0.0.1"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    known = {
        key: subprocess.run(
            [ssh, "-Q", query], capture_output=True, text=True, timeout=LIMIT_S, check=True
        ).stdout.split()
        for key, (query, _) in ALGORITHMS.items()
    }
    printed = _printed(plain.stdout)
    return {key: (printed[key][0].split(","), known[key]) for key in ALGORITHMS}


def _write(case: Case, tmp_path: Path) -> Path:
    for name, text in case.files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{dir}", str(tmp_path)))
        path.chmod(0o600)
    config = tmp_path / "config"
    config.write_text(case.config.replace("{dir}", str(tmp_path)))
    return config


def _ask_ssh(ssh: str, case: Case, config: Path) -> subprocess.CompletedProcess[str]:
    command = [ssh, "-F", str(config), "-G"]
    if case.user is not None:
        command += ["-l", case.user]
    if case.port is not None:
        command += ["-p", str(case.port)]
    for option in case.options:
        command += ["-o", option.replace("{dir}", str(config.parent))]
    return subprocess.run(
        [*command, case.name],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env=os.environ | {"TRIOEXEC_TEST": "from the environment"},
    )


def _printed(text: str) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        options.setdefault(key, []).append(value)
    return options


def _ask_us(case: Case, config: Path) -> HostSettings:
    facts = Facts.of_this_process()
    facts = Facts(
        user=facts.user,
        uid=facts.uid,
        home=facts.home,
        hostname=facts.hostname,
        environ=os.environ | {"TRIOEXEC_TEST": "from the environment"},
    )
    ours = SshConfig.load(
        [ConfigFile(path=config, required=True)],
        facts=facts,
        options=[each.replace("{dir}", str(config.parent)) for each in case.options],
    )
    settings = ours.lookup(case.name, user=case.user, port=case.port)
    return with_openssh_defaults(settings, facts)


def _flag(value: object) -> list[str]:
    return ["yes" if value else "no"]


def _maybe(value: object) -> list[str]:
    return [] if value is None else [str(value)]


def _hops(settings: HostSettings) -> list[str]:
    if not settings.proxy_jump:
        return []
    return [
        ",".join(
            (f"{hop.user}@" if hop.user else "") + hop.host + (f":{hop.port}" if hop.port else "")
            for hop in settings.proxy_jump
        )
    ]


RENDERED: dict[str, Callable[[HostSettings], list[str]]] = {
    "addressfamily": lambda s: _maybe(s.address_family),
    "batchmode": lambda s: _flag(s.batch_mode),
    "bindaddress": lambda s: _maybe(s.bind_address),
    "canonicaldomains": lambda s: list(s.canonical_domains or ["none"]),
    "canonicalizefallbacklocal": lambda s: _flag(s.canonicalize_fallback_local),
    "canonicalizemaxdots": lambda s: _maybe(s.canonicalize_max_dots),
    "checkhostip": lambda s: _flag(s.check_host_ip),
    "compression": lambda s: _flag(s.compression),
    "connectionattempts": lambda s: _maybe(s.connection_attempts),
    "connecttimeout": lambda s: [str(s.connect_timeout_s or "none")],
    "globalknownhostsfile": lambda s: [" ".join(s.global_known_hosts_files or ())],
    "gssapiauthentication": lambda s: _flag(s.gssapi_authentication),
    "gssapidelegatecredentials": lambda s: _flag(s.gssapi_delegate_credentials),
    "hashknownhosts": lambda s: _flag(s.hash_known_hosts),
    "hostkeyalias": lambda s: _maybe(s.host_key_alias),
    "hostname": lambda s: [s.hostname],
    "identitiesonly": lambda s: _flag(s.identities_only),
    "identityagent": lambda s: _maybe(s.identity_agent),
    "kbdinteractiveauthentication": lambda s: _flag(s.kbd_interactive_authentication),
    "nohostauthenticationforlocalhost": lambda s: _flag(s.no_host_authentication_for_localhost),
    "passwordauthentication": lambda s: _flag(s.password_authentication),
    "port": lambda s: _maybe(s.port),
    "preferredauthentications": lambda s: [
        ",".join(s.preferred_authentications) for _ in [0] if s.preferred_authentications
    ],
    "proxycommand": lambda s: [s.proxy_command] if s.proxy_command else [],
    "proxyjump": _hops,
    "requesttty": lambda s: _maybe(s.request_tty),
    "requiredrsasize": lambda s: _maybe(s.required_rsa_size),
    "revokedhostkeys": lambda s: _maybe(s.revoked_host_keys),
    "sendenv": lambda s: list(s.send_env or ()),
    "serveralivecountmax": lambda s: _maybe(s.server_alive_count_max),
    "serveraliveinterval": lambda s: _maybe(s.server_alive_interval_s),
    "setenv": lambda s: [f"{name}={value}" for name, value in s.set_env or ()],
    "tcpkeepalive": lambda s: _flag(s.tcp_keep_alive),
    "user": lambda s: _maybe(s.user),
    "userknownhostsfile": lambda s: [" ".join(s.user_known_hosts_files or ())],
}


def _normal(theirs: Options, settings: HostSettings) -> dict[str, list[str]]:
    """Take out of what ssh prints only what says the same in other words."""
    facts = Facts.of_this_process()
    options = {key: list(theirs.get(key, [])) for key in RENDERED}
    # A second pass of ssh appends what it had already.
    options["sendenv"] = list(dict.fromkeys(options["sendenv"]))
    if settings.proxy_command:
        # Printed as written; what becomes of it is another test.
        options["proxycommand"] = [settings.proxy_command for _ in options["proxycommand"]]
    options["userknownhostsfile"] = [
        each.replace("~", facts.home or "~") for each in options["userknownhostsfile"]
    ]
    for key in ("globalknownhostsfile", "userknownhostsfile"):
        options[key] = [each.replace("none", "") for each in options[key]]
    return options


@pytest.mark.parametrize("case", CASES)
def test_we_use_what_ssh_would_use(
    ssh: str, case: Case, tmp_path: Path, algorithms: dict[str, tuple[list[str], list[str]]]
) -> None:
    config = _write(case, tmp_path)

    done = _ask_ssh(ssh, case, config)
    settings = _ask_us(case, config)

    assert done.returncode == 0, done.stderr
    theirs = _printed(done.stdout)
    assert {key: theirs[key] for key in case.says} == case.says
    assert {key: render(settings) for key, render in RENDERED.items()} == _normal(theirs, settings)
    assert {"true": "yes", "false": "no"}.get(
        theirs["pubkeyauthentication"][0], theirs["pubkeyauthentication"][0]
    ) == settings.pubkey_authentication
    strict = {"true": "yes", "false": "no"}
    printed = theirs["stricthostkeychecking"][0]
    assert strict.get(printed, printed) == settings.strict_host_key_checking
    printed = theirs["canonicalizehostname"][0]
    assert strict.get(printed, printed) == settings.canonicalize_hostname
    # These two are printed as they were written; tests of their own look at what ssh does with them.
    home = Facts.of_this_process().home or ""
    assert [each.replace("~", home) for each in theirs["identityfile"]] == list(
        settings.identity_files or ()
    )
    assert theirs.get("certificatefile", []) == list(settings.certificate_files or ())
    for key, (_, attribute) in ALGORITHMS.items():
        default, known = algorithms[key]
        ours = assemble(key, getattr(settings, attribute), default, known)
        assert list(ours) == theirs[key][0].split(","), key


def test_paths_of_identities_are_expanded_as_ssh_expands_them(ssh: str, tmp_path: Path) -> None:
    case = Case(
        "User u\nPort 7\nHostName %h.example\n"
        "IdentityFile ~/no_%h_%n_%r_%p_%u_%%\nIdentityFile {dir}/no_%k_%l_%i\n"
        "IdentityFile /no/${TRIOEXEC_TEST}/%C\nCertificateFile ~root/no_%L_%d\n"
    )
    config = _write(case, tmp_path)

    done = subprocess.run(
        [ssh, "-v", "-F", str(config), "-o", "ProxyCommand=false", "web1"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env=os.environ | {"TRIOEXEC_TEST": "from the environment"},
    )
    settings = _ask_us(case, config)

    tried = re.findall(r"identity file (.+) type -?\d+", done.stderr)
    assert [path for path in tried if not path.endswith("-cert")] == list(
        settings.identity_files or ()
    )
    assert re.findall(r"certificate file (.+) type -?\d+", done.stderr) == list(
        settings.certificate_files or ()
    )


def test_the_proxy_command_is_expanded_as_ssh_expands_it(ssh: str, tmp_path: Path) -> None:
    case = Case('User u\nPort 7\nHostName %h.example\nProxyCommand = false "%h:%p" %n  %r %% # x\n')
    config = _write(case, tmp_path)

    done = subprocess.run(
        [ssh, "-v", "-F", str(config), "web1"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    settings = _ask_us(case, config)

    assert f"exec {settings.proxy_command}" in re.findall(
        r"Executing proxy command: (.+?)\r?\n", done.stderr
    )


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case("Prot 22\n"), id="an unknown directive"),
        pytest.param(Case("Host other\n Prot 22\n"), id="an unknown directive that does not apply"),
        pytest.param(Case("Port\n"), id="no argument"),
        pytest.param(Case("Port 22 23\n"), id="two arguments"),
        pytest.param(Case("Port 70000\n"), id="no port"),
        pytest.param(Case("Port ==22\n"), id="two equals signs"),
        pytest.param(Case('User "joe\n'), id="an open quote"),
        pytest.param(Case("Compression maybe\n"), id="no flag"),
        pytest.param(Case("ConnectTimeout soon\n"), id="no time"),
        pytest.param(Case("ServerAliveCountMax many\n"), id="no number"),
        pytest.param(Case("Match\n"), id="an empty Match"),
        pytest.param(Case("Match weather fine\n"), id="no criterion"),
        pytest.param(Case("Match host\n"), id="a criterion without argument"),
        pytest.param(Case("Match all host x\n"), id="all with others"),
        pytest.param(Case("SetEnv A\n"), id="SetEnv without value"),
        pytest.param(Case("SendEnv A=b\n"), id="SendEnv with value"),
        pytest.param(Case("UserKnownHostsFile /a none\n"), id="none with others"),
        pytest.param(Case("ProxyJump a@b@:c\n"), id="no jump host"),
        pytest.param(Case("HostName %x\n"), id="an unknown token"),
        pytest.param(Case("HostName %p\n"), id="a token that is not for HostName"),
        pytest.param(Case("UserKnownHostsFile ${NOT_SET_AT_ALL}\n"), id="an unset variable"),
        pytest.param(Case("Include {dir}/config\n"), id="a file that includes itself"),
        pytest.param(Case("CanonicalizeMaxDots -1\n"), id="a negative number"),
        pytest.param(Case("Port 0\n"), id="port 0"),
        pytest.param(Case("\ufeffPort 7\n"), id="a byte order mark"),
        pytest.param(Case("IgnoreUnknown *,!bar\nfoo 1\nbar 2\n"), id="IgnoreUnknown, negated"),
        pytest.param(Case("ProxyJump a,,b\n"), id="a hop is missing"),
        pytest.param(Case('"Port"=7\n'), id="an equals sign after a keyword in quotes"),
        pytest.param(Case("", options=("Host=x",)), id="-o Host"),
        pytest.param(Case("", options=("Nonsense",)), id="-o nonsense"),
        pytest.param(Case("", options=("Prot=2",)), id="-o with an unknown directive"),
    ],
)
def test_what_ssh_refuses_is_an_error(ssh: str, case: Case, tmp_path: Path) -> None:
    config = _write(case, tmp_path)
    config.chmod(0o600)

    done = _ask_ssh(ssh, case, config)

    assert done.returncode != 0
    with pytest.raises(ConfigError) as raised:
        _ask_us(case, config)
    assert len(str(raised.value).splitlines()) == 2
