from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import cast

import asyncssh  # noqa: TID251
import pytest
from asyncssh.packet import SSHPacket  # noqa: TID251

from trioexec.model.outcomes import Denied, HostKeyRejected, Unreachable
from trioexec.model.substitute import SubstituteError
from trioexec.transports.ssh.dial import DialError
from trioexec.transports.ssh.failures import (
    LONGEST,
    behind,
    log_failure,
    of_the_node,
    outcome_of,
)
from trioexec.transports.ssh.wrapper import quote


@pytest.mark.parametrize(
    ("exc", "text"),
    [
        pytest.param(asyncssh.PermissionDenied("no"), "denied: no", id="denied"),
        pytest.param(asyncssh.HostKeyNotVerifiable("x"), "host key rejected: x", id="host key"),
        pytest.param(
            asyncssh.KeyExchangeFailed("No matching MAC"),
            "unreachable: no common algorithm: No matching MAC",
            id="algorithms",
        ),
        pytest.param(
            asyncssh.KeyExchangeFailed("hash mismatch"),
            "unreachable: key exchange failed: hash mismatch",
            id="kex",
        ),
        pytest.param(
            asyncssh.ProtocolError("?"), "unreachable: handshake failed: ?", id="protocol"
        ),
        pytest.param(
            asyncssh.ConnectionLost("Connection lost"), "unreachable: connection lost", id="lost"
        ),
        pytest.param(
            asyncssh.DisconnectError(11, "a\nb\tc"), "unreachable: disconnected: a b c", id="lines"
        ),
        pytest.param(DialError("no way"), "unreachable: no way", id="dial"),
        pytest.param(SubstituteError("%u is bad"), "unreachable: %u is bad", id="words"),
        pytest.param(
            BrokenPipeError(errno.EPIPE, "Broken pipe"),
            "unreachable: connection lost",
            id="broken pipe",
        ),
        pytest.param(
            ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
            "unreachable: connection lost: connection reset by peer",
            id="reset",
        ),
        pytest.param(
            asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "SSH connection closed"),
            "unreachable: connection lost",
            id="lost while a channel was opened",
        ),
        pytest.param(
            asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "no"),
            "unreachable: the node opens no session (MaxSessions?): no",
            id="no session",
        ),
        pytest.param(
            OSError(errno.EMFILE, "Too many open files"),
            "unreachable: too many open files",
            id="ours",
        ),
    ],
)
def test_an_error_becomes_one_line(exc: Exception, text: str) -> None:
    assert outcome_of(exc).text == text


def test_a_reason_of_the_nodes_is_cut() -> None:
    outcome = outcome_of(asyncssh.DisconnectError(11, "x" * 10_000))

    assert len(outcome.text) < LONGEST + 100


def test_a_bug_is_raised() -> None:
    with pytest.raises(KeyError):
        outcome_of(KeyError("bug"))
    with pytest.raises(KeyError):
        behind("hop", KeyError("bug"))


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (asyncssh.PermissionDenied("no"), Denied),
        (asyncssh.HostKeyNotVerifiable("no"), HostKeyRejected),
        (DialError("no"), Unreachable),
    ],
)
def test_behind_a_hop_the_kind_stays_and_the_hop_is_named(exc: Exception, kind: type) -> None:
    failure = behind("bastion", exc)

    assert type(failure.outcome) is kind
    assert failure.outcome.reason == "jump host bastion: no"
    assert failure.__cause__ is exc


def raised_by(function: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as raised:
        function()
    return raised.value


def test_what_a_nodes_data_raises_in_asyncssh_is_the_nodes_failure() -> None:
    wrong = raised_by(SSHPacket(b"").get_byte)

    error = of_the_node(wrong)

    assert not isinstance(wrong, asyncssh.Error)
    assert (
        outcome_of(error).text
        == "unreachable: handshake failed: PacketDecodeError: Incomplete packet"
    )
    assert error.__cause__ is wrong
    later = outcome_of(error, remote="not confirmed")
    assert later.reason == "protocol error: PacketDecodeError: Incomplete packet"


def test_what_our_own_code_raises_is_a_bug_though_asyncssh_has_called_it() -> None:
    ours = raised_by(lambda: quote(cast("str", 1)))
    theirs = asyncssh.ConnectionLost("gone")

    assert of_the_node(ours) is ours
    assert of_the_node(theirs) is theirs


def test_the_whole_chain_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trioexec")

    log_failure("web1", behind("bastion", DialError("no\nway")))

    assert caplog.messages == [
        "web1: NodeFailureError: unreachable: jump host bastion: no way <- DialError: no way"
    ]
