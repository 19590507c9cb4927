"""What we would use equals what ``ssh -G`` prints: the same files, asked on both sides."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

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


@dataclass(frozen=True)
class Case:
    config: str
    """``{dir}`` stands for the folder of the files."""
    name: str = "web1"
    options: tuple[str, ...] = ()
    user: str | None = None
    port: int | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    says: Mapping[str, list[str]] = field(default_factory=dict)
    """What ssh -G must contain, so that a case that tests nothing is seen."""


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


CASES = [
    pytest.param(Case(""), id="an empty file"),
    pytest.param(
        Case("Host web1\n User a\nHost *\n User b\n", says={"user": ["a"]}), id="first value wins"
    ),
    pytest.param(
        Case("Host *\n User b\nHost web1\n User a\n Port 23\n", says={"user": ["b"]}),
        id="first value wins though the second is more exact",
    ),
    pytest.param(Case("User a\nHost other\n User b\n"), id="before any Host line"),
    pytest.param(Case("Host w?b1\n Port 1\nHost web\n Port 2\n"), id="a question mark is one char"),
    pytest.param(Case("Host web?\n Port 1\n", name="web"), id="a question mark is not none"),
    pytest.param(Case("Host db web* x\n Port 7\n", says={"port": ["7"]}), id="several patterns"),
    pytest.param(Case("Host web* !web1\n Port 7\n", says={"port": ["22"]}), id="negation"),
    pytest.param(Case("Host !web1 web*\n Port 7\n"), id="negation in front"),
    pytest.param(Case("Host !web2\n Port 7\n"), id="nothing but a negation"),
    pytest.param(Case("Host web[1-3]\n Port 7\n"), id="brackets mean themselves"),
    pytest.param(Case("Host a,web1\n Port 7\n"), id="no comma lists on Host lines"),
    pytest.param(Case("Host WEB1\n Port 7\n"), id="Host patterns know case"),
    pytest.param(Case("Host WEB1\n Port 7\n", name="WEB1"), id="a name typed in capitals"),
    pytest.param(
        Case("Host short\n HostName long.example\nHost long.example\n User x\n", name="short"),
        id="looked up by the name typed",
    ),
    pytest.param(
        Case("Host *\n HostName %h.example\n", says={"hostname": ["web1.example"]}),
        id="HostName with a token",
    ),
    pytest.param(Case("HostName %h%%h\n"), id="HostName with a percent sign"),
    pytest.param(Case("HOSTNAME Foo.Example\npOrT 9\n"), id="keywords know no case, hosts lose it"),
    pytest.param(Case("Port=23\nUser = joe\nConnectTimeout =  9\n"), id="equals signs"),
    pytest.param(Case("  Port\t23  \n\tUser\tjoe\t\r\n"), id="tabs and carriage returns"),
    pytest.param(
        Case("# c\n\n   # d\nPort 23 # e\nUser joe#e\n", says={"port": ["23"]}), id="comments"
    ),
    pytest.param(Case('User "joe"\nPort "23"\n'), id="quotes"),
    pytest.param(
        Case(
            'UserKnownHostsFile "/a b/c" /d\\ e \'/f "g\'\n',
            says={"userknownhostsfile": ['/a b/c /d e /f "g']},
        ),
        id="quotes, escapes and several files",
    ),
    pytest.param(Case('SetEnv A=1 "B=two words" C="x"y A=2\nSetEnv D=4\n'), id="SetEnv"),
    pytest.param(Case("SendEnv LANG LC_*\nSendEnv -LANG X\n"), id="SendEnv adds and removes"),
    pytest.param(
        Case("Host web1\n IdentityFile /a\nHost *\n IdentityFile /b\n IdentityFile /a\n"),
        id="identities of all blocks",
    ),
    pytest.param(Case("CertificateFile /a\nCertificateFile /b\n"), id="certificates"),
    pytest.param(Case("Match all\n Port 7\n"), id="Match all"),
    pytest.param(Case("Match !all\n Port 7\n"), id="Match not all"),
    pytest.param(Case("Match host web*\n Port 7\n"), id="Match host"),
    pytest.param(Case("Match host WEB1\n Port 7\n", name="Web1"), id="Match host knows no case"),
    pytest.param(Case("Match host a,web*,!web1\n Port 7\n"), id="Match host with a list"),
    pytest.param(
        Case("HostName real.example\nMatch host real.*\n Port 7\n", says={"port": ["7"]}),
        id="Match host sees HostName",
    ),
    pytest.param(
        Case("HostName real.example\nMatch originalhost web1\n Port 7\n", says={"port": ["7"]}),
        id="Match originalhost does not",
    ),
    pytest.param(Case("User a\nMatch user a,b\n Port 7\n"), id="Match user"),
    pytest.param(Case("Match user a\n Port 7\n", user="a"), id="Match user given"),
    pytest.param(Case("Match localuser root,nobody\n Port 7\n"), id="Match localuser"),
    pytest.param(
        Case(
            'Match exec "test %h = web1"\n Port 7\nMatch exec false\n User x\n',
            says={"port": ["7"]},
        ),
        id="Match exec",
    ),
    pytest.param(Case('Match !exec "exit 3"\n Port 7\n'), id="Match not exec"),
    pytest.param(
        Case('Match host other exec "touch {dir}/ran"\n Port 7\n'), id="Match exec is not reached"
    ),
    pytest.param(
        Case(
            "Port 99\nUser u\nMatch exec \"test '%n %p %r %u' = 'web1 99 u root'\"\n ConnectTimeout 9\n"
        ),
        id="Match exec with tokens",
    ),
    pytest.param(Case("Match host=web1 user=a\n Port 7\n", user="a"), id="Match with equals signs"),
    pytest.param(
        Case(
            "HostName Foo.Example\nMatch final host foo.example\n Port 7\nHost foo.example\n User z\n"
        ),
        id="Match final reads again, with the name found",
    ),
    pytest.param(Case("Match !final\n Port 7\n"), id="Match not final"),
    pytest.param(Case("Match canonical\n User q\n"), id="Match canonical where nothing is"),
    pytest.param(
        Case("Match final all\n Port 7\nHost web1\n Port 8\n", says={"port": ["8"]}),
        id="Match final comes last",
    ),
    pytest.param(
        Case("CanonicalizeHostname yes\nMatch canonical\n Port 7\n", name="127.0.0.1"),
        id="CanonicalizeHostname reads again",
    ),
    pytest.param(
        Case(
            "Include {dir}/*.inc\nUser last\n",
            files={"b.inc": "User b\n", "a.inc": "User a\nPort 9\n"},
        ),
        id="Include with a glob, in order",
    ),
    pytest.param(
        Case(
            "Host other\n Include {dir}/x\nHost *\n Port 5\n",
            files={"x": "User a\nHost *\n User b\n"},
        ),
        id="Include in a block that does not apply",
    ),
    pytest.param(
        Case(
            "Host web1\n Include {dir}/x\n User after\nHost *\n Port 5\n",
            files={"x": "Host other\n Port 4\nHost web*\n ConnectTimeout 9\n"},
            says={"user": ["after"], "connecttimeout": ["9"]},
        ),
        id="Include keeps the block round it",
    ),
    pytest.param(
        Case("Include {dir}/x\n", files={"x": "Include {dir}/sub/*\n", "sub/y": "Port 6\n"}),
        id="Include in Include",
    ),
    pytest.param(Case("Include {dir}/nothing*\nPort 6\n"), id="Include of nothing"),
    pytest.param(Case("Port 5\n", options=("Port=6", "User joe")), id="-o in front of the file"),
    pytest.param(Case("Port 5\n", options=("port 6", "Port 7")), id="the first -o wins"),
    pytest.param(Case("Port 5\nUser a\n", port=6, user="b"), id="-l and -p"),
    pytest.param(
        Case("IdentityFile /b\nSendEnv B\n", options=("IdentityFile=/a", "SendEnv A")),
        id="-o adds to lists",
    ),
    pytest.param(
        Case(
            "UserKnownHostsFile ~/k_%k_%h_%n_%p_%r_%u_%i_%L_%l_%d_%%\nHostName h.%h\nPort 7\nUser u\n"
        ),
        id="all tokens of paths",
    ),
    pytest.param(Case("UserKnownHostsFile /k_%C\nPort 7\nUser u\n"), id="the hash token"),
    pytest.param(
        Case("UserKnownHostsFile ${TRIOEXEC_TEST}/x /y${TRIOEXEC_TEST}\n"), id="variables in paths"
    ),
    pytest.param(Case("HostKeyAlias Alias\nUserKnownHostsFile /x_%k\n"), id="HostKeyAlias"),
    pytest.param(Case("UserKnownHostsFile none\nGlobalKnownHostsFile none\n"), id="no known hosts"),
    pytest.param(Case("UserKnownHostsFile /a\nUserKnownHostsFile /b /c\n"), id="one line of files"),
    pytest.param(Case("ProxyJump a@b:2,c\nProxyCommand x\n"), id="ProxyJump before ProxyCommand"),
    pytest.param(Case("ProxyCommand x %h:%p\nProxyJump a\n"), id="ProxyCommand before ProxyJump"),
    pytest.param(
        Case("Host web1\n ProxyJump none\nHost *\n ProxyJump a\n ProxyCommand b\n"),
        id="ProxyJump none hides the others",
    ),
    pytest.param(
        Case("ProxyJump none\nProxyCommand none\nProxyCommand x\n"), id="none of both is a value"
    ),
    pytest.param(Case("ProxyCommand none\nProxyJump a\n"), id="ProxyCommand none hides the others"),
    pytest.param(Case("ProxyJump ssh://a@b:9\n"), id="ProxyJump as a URI"),
    pytest.param(Case("IdentityAgent ~/%h/agent\nUser u\n"), id="IdentityAgent"),
    pytest.param(Case("IdentityAgent none\n"), id="no agent"),
    pytest.param(Case("IdentityAgent SSH_AUTH_SOCK\n"), id="the agent of the environment"),
    pytest.param(Case("ConnectTimeout 1m30s\nServerAliveInterval 2h\n"), id="times with units"),
    pytest.param(Case("ConnectTimeout none\nConnectTimeout 5\n"), id="none leaves the time open"),
    pytest.param(
        Case(
            "PubkeyAuthentication no\nPasswordAuthentication FALSE\nChallengeResponseAuthentication True\n"
        ),
        id="flags in all spellings",
    ),
    pytest.param(Case("StrictHostKeyChecking accept-new\n"), id="accept-new"),
    pytest.param(Case("StrictHostKeyChecking off\n"), id="off is no"),
    pytest.param(
        Case(
            "AddressFamily inet6\nBindAddress ::1\nCompression yes\nRequestTTY force\nCheckHostIP yes\n"
            "IdentitiesOnly yes\nHashKnownHosts yes\nServerAliveCountMax 9\nTCPKeepAlive no\n"
            "PreferredAuthentications publickey,password\n"
            "RequiredRSASize 3072\nRevokedHostKeys /r\n"
        ),
        id="one of everything",
    ),
    pytest.param(
        Case("Ciphers +aes256-cbc,3des-cbc\nMACs -umac*\n"), id="algorithms added, removed"
    ),
    pytest.param(
        Case("KexAlgorithms ^ecdh-sha2-nistp521\nHostKeyAlgorithms ssh-ed25519,rsa-sha2-512\n"),
        id="algorithms in front, replaced",
    ),
    pytest.param(
        Case("PubkeyAcceptedAlgorithms +ssh-rsa\nCASignatureAlgorithms ^rsa-sha2-256\n"),
        id="signatures",
    ),
    pytest.param(
        Case("IgnoreUnknown Use*,Foo\nUseSomething yes\nfoo bar baz\nPort 6\n"), id="IgnoreUnknown"
    ),
    pytest.param(Case("Foo 1\nPort 6\n", options=("IgnoreUnknown=foo",)), id="IgnoreUnknown of -o"),
    pytest.param(Case("Protocol 2\nForwardAgent yes\nControlMaster auto\n"), id="not honoured"),
    pytest.param(Case("Host ::1\n Port 7\n", name="::1"), id="an IPv6 address"),
    pytest.param(
        Case("UserKnownHostsFile /x_%h\n", name="127.1", says={"hostname": ["127.0.0.1"]}),
        id="an address in a short form",
    ),
    pytest.param(
        Case("HostName 2001:db8:0:0::1\n", says={"hostname": ["2001:db8::1"]}),
        id="an IPv6 address in a long form",
    ),
    pytest.param(Case("Port ssh\n", says={"port": ["22"]}), id="the port of a service"),
    pytest.param(Case("ServerAliveCountMax 0\nServerAliveInterval 0\n"), id="zeroes"),
    pytest.param(
        Case("Include {dir}\nInclude {dir}/*.d\nPort 6\n", files={"x.d/y": "Port 5\n"}),
        id="Include of folders",
    ),
    pytest.param(
        Case("Include {dir}/*.conf\n", files={".h.conf": "Port 1\n", "b.conf": "User b\n"}),
        id="Include leaves hidden files",
    ),
    pytest.param(
        Case(
            "Include {dir}/f1\n",
            files={
                f"f{i}": f"Include {{dir}}/f{i + 1}\n" if i < 15 else "Port 7\n"
                for i in range(1, 16)
            },
            says={"port": ["7"]},
        ),
        id="Include as deep as may be",
    ),
    pytest.param(
        Case(
            "Match host zzz\n Include {dir}/a\n User z\nHost *\n Port 9\n",
            files={"a": "Port 1\nMatch all\n Port 2\nHost *\n User q\n"},
            says={"port": ["9"], "user": ["root"]},
        ),
        id="Match all in an Include that does not apply",
    ),
    pytest.param(Case('Include "{dir}/a b"\n', files={"a b": "Port 1\n"}), id="Include quoted"),
    pytest.param(Case("Host web1 # !web1\n Port 7\n", says={"port": ["7"]}), id="Host, comment"),
    pytest.param(Case('Host = "web1"\n Port 7\n', says={"port": ["7"]}), id="Host, equals, quotes"),
    pytest.param(Case('Host "web1 web2"\n Port 7\n'), id="a blank in quotes is no list"),
    pytest.param(Case('"Port" 7\n', says={"port": ["7"]}), id="a keyword in quotes"),
    pytest.param(Case("Match host web1 all\n Port 7\n"), id="all in the end"),
    pytest.param(Case("Match host !web2\n Port 7\n"), id="Match with nothing but a negation"),
    pytest.param(
        Case("HostName X.Y\nMatch final host x.y user q\n Port 9\nMatch host x.y\n User q\n"),
        id="the second reading knows what the first one said",
    ),
    pytest.param(
        Case('HostName foo.%h\nMatch exec "test %h = foo.web1"\n Port 7\n', says={"port": ["7"]}),
        id="Match exec sees HostName",
    ),
    pytest.param(Case('Match exec "test %% = %%"\n Port 7\n'), id="Match exec, a percent sign"),
    pytest.param(Case("ProxyJump a,b # c\n"), id="ProxyJump, comment"),
    pytest.param(Case('ProxyCommand "nc %h %p"\n'), id="ProxyCommand in quotes"),
    pytest.param(
        Case("ProxyJump j\nProxyCommand x\n", options=("ProxyCommand=none",)),
        id="-o ProxyCommand none hides ProxyJump",
    ),
    pytest.param(Case("SetEnv A=1\nHost *\n SetEnv B=2\n"), id="SetEnv of one line only"),
    pytest.param(Case("SendEnv A B -A C\nSendEnv -*\n"), id="SendEnv takes all away"),
    pytest.param(
        Case("User=a#b\n", options=("HostKeyAlias=a #b",)), id="a sharp sign is no comment"
    ),
    pytest.param(Case("Match user bob\n Port 7\n", options=("User=bob",)), id="-o for Match"),
    pytest.param(Case("Host real\n Port 7\n", options=("HostName=real",)), id="-o HostName"),
    pytest.param(Case("KexAlgorithms -*sha1*,diffie*\n"), id="algorithms taken away by patterns"),
]


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
