"""Whether a host key is the node's: OpenSSH's policies over known_hosts, without asking anybody.

`HostKeys` is shared by all nodes that use the same files under the same policy; the
files are read once a run.  A host that is known is answered from memory, without a lock.

How a connection uses it (`checked` is asyncssh's side of this):

1. ``store = HostKeyStore(facts)``, one a run; ``trust = store.trust_for(settings)`` a node,
   with the settings after `with_openssh_defaults`.  It reads files: not on the event loop.
2. ``options.server_host_key_algs = trust.algorithms()`` on the node's own copy of the
   prepared options (a known host is asked for the kind of key that is recorded), and
   ``options.known_hosts = ([], [], [])``, so that asyncssh reads no file.
3. ``checked.CheckedConnection(loop, options, wait="auth", trust=trust)`` in the place of
   ``asyncssh.SSHClientConnection``.  It validates keys and certificates, and raises
   `asyncssh.HostKeyNotVerifiable` with the text for people.
4. After it, however it went, ``connection.verdict``: `Verdict.warning` is worth a line, and
   `Verdict.note` one with ``-v``.

Under ``StrictHostKeyChecking ask`` a new key is refused: nobody is asked in mid-run.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from trioexec.model.errors import why
from trioexec.transports.ssh.hostkey_text import fingerprint, line_for, rsa_bits
from trioexec.transports.ssh.known_hosts import (
    Entry,
    KnownHosts,
    UntrustedFileError,
    key_type,
)
from trioexec.transports.ssh.known_hosts_file import LOCK_LIMIT_S, LockBusyError, locked
from trioexec.transports.ssh.revoked_keys import RevokedKeys
from trioexec.transports.ssh.verdict import HostCertificate, Peer, Policy, Verdict, refused

__all__ = ["HostCertificate", "HostKeys", "Peer", "Policy", "Verdict"]


COMMAND: Final = Path("KnownHostsCommand")
"""Where the lines stand that it printed."""


CA_ALGORITHMS: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""What authorities may sign with where nothing else is said."""


class HostKeys:
    """The host keys of a set of files, under one policy."""

    broken: str = ""
    """Why no key can be trusted at all: a file that is there and cannot be read."""

    def __init__(
        self,
        *,
        user_files: tuple[Path, ...] | None,
        global_files: tuple[Path, ...] = (),
        policy: Policy = "accept-new",
        hash_known_hosts: bool = False,
        revoked_file: Path | None = None,
        required_rsa_bits: int = 1024,
        ca_algorithms: tuple[str, ...] = CA_ALGORITHMS,
    ) -> None:
        """Read the files.  New keys go to the first of `user_files`; None: there is no home."""
        self.user_files = user_files
        self.global_files = global_files
        self.policy = policy
        self.hash_known_hosts = hash_known_hosts
        self.revoked_file = revoked_file
        self.required_rsa_bits = required_rsa_bits
        self.ca_algorithms = ca_algorithms
        self._accepted: dict[str, bytes] = {}
        self._locks_hang = False
        self._has_warned = False
        try:
            self._known = KnownHosts([*(user_files or ()), *global_files])
            self._revoked = RevokedKeys(revoked_file)
        except UntrustedFileError as exc:
            self.broken = str(exc)

    def is_current(self) -> bool:
        """Tell whether who reads the files now would judge as this does."""
        if self.broken or self._accepted or self.revoked_file is not None:
            return False
        return self._known.is_current()

    def take(self, lines: str) -> None:
        """Take the lines that KnownHostsCommand printed."""
        if lines and not self.broken:
            self._known.take(lines, COMMAND)

    def check(self, peer: Peer, key: bytes) -> Verdict:
        """Decide on a plain key, and record it where the policy says so."""
        verdict = self._at_once(key) or self._judge(peer, key)
        if verdict.kind != "new":
            return verdict
        if self.policy in ("yes", "ask"):
            return self._unknown(peer, key)
        return self._learn(peer, key)

    def check_certificate(
        self, peer: Peer, certificate: HostCertificate, *, now_s: float | None = None
    ) -> Verdict:
        """Decide on a certificate; where its authority is a stranger, on the key inside."""
        refusal = self._at_once(certificate.key, certificate.ca) or self._revoked_line(
            peer, certificate.key, certificate.ca
        )
        if refusal is not None:
            return refusal
        if not self._is_authority(peer, certificate.ca):
            return self.check(peer, certificate.key)
        fault = certificate.fault(
            peer.principal, self.ca_algorithms, time.time() if now_s is None else now_s
        )
        if not fault:
            return Verdict(kind="certified", trusted=True)
        # An authority answers for this host, so that its key is not to be learned unseen.
        if self.policy == "no" or self._judge(peer, certificate.key).kind == "known":
            return self.check(peer, certificate.key)
        return refused(
            f"the host certificate of {peer.name} {fault}",
            "Have the host's certificate renewed, or record its key with ssh-keyscan.",
        )

    def check_recorded(self, peer: Peer, key: bytes) -> Verdict | None:
        """Refuse a key that differs from what is recorded, and learn nothing: for CheckHostIP."""
        verdict = self._judge(peer, key)
        return None if verdict.trusted or verdict.kind == "new" else verdict

    def types_for(self, peer: Peer) -> tuple[frozenset[str], bool]:
        """Tell which types of keys are recorded for a host, and whether an authority is."""
        if self.broken:
            return frozenset(), False
        types: frozenset[str] = frozenset()
        authority = False
        for name in peer.names:
            types = types or self._known.types(name)
            authority = authority or any(self._known.marked(name, "cert-authority"))
        return types, authority

    def _at_once(self, *keys: bytes) -> Verdict | None:
        """Refuse what no line of known_hosts could make good."""
        if self.broken:
            return refused(
                f"host keys cannot be checked: {self.broken}",
                "Make it a readable file, or name another with -o UserKnownHostsFile.",
            )
        for key in keys:
            if self._revoked.has(key):
                return Verdict(
                    kind="revoked",
                    trusted=False,
                    reason=f"the key {fingerprint(key)} is revoked in {self.revoked_file}",
                    remedy="Give the host a new key.",
                )
            bits = rsa_bits(key)
            if bits is not None and bits < self.required_rsa_bits:
                wanted = self.required_rsa_bits
                return refused(
                    f"the host key is RSA of {bits} bits, and {wanted} are required",
                    "Give the host another key: ssh-keygen -A on the host.",
                )
        return None

    def _revoked_line(self, peer: Peer, *keys: bytes) -> Verdict | None:
        for name in peer.names:
            for entry in self._known.marked(name, "revoked"):
                if entry.blob in keys:
                    return Verdict(
                        kind="revoked",
                        trusted=False,
                        reason=f"the host key of {peer.name} is revoked in {entry.place}",
                        remedy="Give the host a new key, and record that one.",
                    )
        return None

    def _is_authority(self, peer: Peer, ca: bytes) -> bool:
        return any(
            entry.blob == ca
            for name in peer.names
            for entry in self._known.marked(name, "cert-authority")
        )

    def _judge(self, peer: Peer, key: bytes) -> Verdict:
        """Compare a key with what is recorded."""
        refusal = self._revoked_line(peer, key)
        if refusal is not None:
            return refusal
        if self._known.has(peer.name, key):
            return Verdict(kind="known", trusted=True)
        recorded = self._known.find(peer.name)
        others = [each for each in recorded if not each.marker and each.blob is not None]
        if others:
            return self._changed(peer, key, others)
        # A line without port is good for all ports but those that have lines of their own.
        if any(self._known.has(name, key) for name in peer.names[1:]):
            return Verdict(kind="known", trusted=True)
        return self._judge_unrecorded(peer, key)

    def _judge_unrecorded(self, peer: Peer, key: bytes) -> Verdict:
        """Compare a key with what was accepted in this run, though no file took it."""
        accepted = self._accepted.get(peer.name)
        if accepted is None:
            return Verdict(kind="new", trusted=False)
        if accepted == key:
            return Verdict(kind="known", trusted=True)
        return refused(
            f"{peer.name} has shown two host keys in one run: {fingerprint(accepted)}"
            f" and {fingerprint(key)}",
            "Find out which one is the host's, and record it.",
        )

    def _changed(self, peer: Peer, key: bytes, others: Sequence[Entry]) -> Verdict:
        same = [each for each in others if each.key_type == key_type(key)]
        known = (same or others)[0]
        what = "has changed" if same else "is of a kind that is not recorded"
        reason = (
            f"the host key of {peer.name} {what}: it is {fingerprint(key)},"
            f" {known.place} has {fingerprint(known.blob or b'')}"
        )
        if self.policy == "no":
            return Verdict(kind="changed", trusted=True, note=reason, secrets=False)
        if known.file == COMMAND:
            remedy = "Ask whoever keeps what that program says; or somebody may be listening."
            return Verdict(kind="changed", trusted=False, reason=reason, remedy=remedy)
        command = f"ssh-keygen -f {shlex.quote(str(known.file))} -R {shlex.quote(peer.name)}"
        return Verdict(
            kind="changed",
            trusted=False,
            reason=reason,
            remedy=f"If it has a new key for sure: {command}; if not, somebody may be listening.",
        )

    def _unknown(self, peer: Peer, key: bytes) -> Verdict:
        said = "" if self.policy == "yes" else " (trioexec does not ask)"
        return refused(
            f"the host key of {peer.name} is not known: {fingerprint(key)}",
            f"StrictHostKeyChecking is {self.policy}{said}: record the key with ssh-keyscan, "
            "or use --strict-host-key-checking accept-new.",
        )

    def _learn(self, peer: Peer, key: bytes) -> Verdict:
        """Record a new key, unless somebody else did meanwhile."""
        if not peer.can_be_recorded:
            return refused(
                f"{peer.name!r} is not a name that can be recorded with a key",
                "Give it a plain HostKeyAlias in ssh_config.",
            )
        if self.user_files is None:
            return refused(
                f"the host key of {peer.name} is new, and there is no home to record it in",
                "Name a file with -o UserKnownHostsFile.",
            )
        if not self.user_files or self.user_files[0].is_char_device():
            return self._accept(peer, key, "there is no file to record it in")
        try:
            return self._record(peer, key, self.user_files[0])
        except OSError as exc:
            # As OpenSSH: a file that cannot be written does not keep us from the host.
            self._locks_hang |= isinstance(exc, LockBusyError)
            where = f"{self.user_files[0]}: {why(exc)}"
            warning = "" if self._has_warned else f"new host keys are not recorded: {where}"
            self._has_warned = True
            return self._accept(peer, key, where, warning)
        except UntrustedFileError as exc:
            self.broken = str(exc)
            return self.check(peer, key)

    def _record(self, peer: Peer, key: bytes, path: Path) -> Verdict:
        # Whoever hangs with the lock is waited for once, not once a node.
        with locked(path, wait_s=0 if self._locks_hang else LOCK_LIMIT_S) as file:
            self._known.catch_up()
            verdict = self._judge(peer, key)
            if verdict.kind != "new":
                return verdict
            file.append(line_for(peer.name, key, hashed=self.hash_known_hosts))
            self._known.catch_up()
        note = f"recorded the key {fingerprint(key)} of {peer.name} in {path}"
        return Verdict(kind="new", trusted=True, note=note)

    def _accept(self, peer: Peer, key: bytes, why: str, warning: str = "") -> Verdict:
        self._accepted[peer.name] = key
        note = f"the new key {fingerprint(key)} of {peer.name} was not recorded: {why}"
        return Verdict(kind="new", trusted=True, note=note, warning=warning)
