"""Files of settings for ssh, each with what its own `-G` says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest


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
