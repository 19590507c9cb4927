"""The way to a node: how ssh reaches it, and what keeps or shares connections."""

from typing import Annotated, Literal

from msgspec import Struct

from trioexec.cli.declared import option
from trioexec.cli.options.numbers import MAX_DESCRIPTOR, UNSET
from trioexec.cli.texts import choice, directive, listed, number, span, text
from trioexec.model.nodes import MAX_PORT

__all__ = ["SshOptions", "TransportOptions"]

MAX_ALIVE_S = 86_400
MAX_ALIVE_COUNT = 1000
MAX_WORKERS = 256


class SshOptions(Struct, frozen=True, kw_only=True):
    """How ssh reaches a node; what is not said here comes from ssh_config."""

    user: Annotated[
        str,
        option("-l", "--user", panel="SSH", metavar="USER", read=text, help="Log in as this user."),
    ] = ""
    port: Annotated[
        int,
        option(
            "-p",
            "--port",
            panel="SSH",
            metavar="PORT",
            read=number(1, MAX_PORT),
            help="For nodes that name none themselves.",
        ),
    ] = UNSET
    identity: Annotated[
        tuple[str, ...],
        option(
            "-i",
            "--identity",
            panel="SSH",
            metavar="FILE",
            read=text,
            help="Private key to offer. Repeatable.",
        ),
    ] = ()
    ssh_config: Annotated[
        str,
        option(
            "-F",
            "--ssh-config",
            panel="SSH",
            metavar="FILE",
            read=text,
            help="Use this file instead of ~/.ssh/config; none: no file.",
        ),
    ] = ""
    jump: Annotated[
        str,
        option(
            "-J",
            "--jump",
            panel="SSH",
            metavar="HOST",
            read=listed,
            help="Go through [user@]host[:port]; several with commas; none: directly.",
        ),
    ] = ""
    ssh_option: Annotated[
        tuple[tuple[str, str], ...],
        option(
            "-o",
            "--ssh-option",
            panel="SSH",
            metavar="K=V",
            read=directive,
            help="As after ssh -o. Repeatable.",
        ),
    ] = ()
    ipv4: Annotated[
        bool, option("-4", "--ipv4", panel="SSH", exclusive="family", help="IPv4 addresses only.")
    ] = False
    ipv6: Annotated[
        bool, option("-6", "--ipv6", panel="SSH", exclusive="family", help="IPv6 addresses only.")
    ] = False
    strict_host_key_checking: Annotated[
        Literal["yes", "no", "accept-new"] | None,
        option(
            "--strict-host-key-checking",
            panel="SSH",
            metavar="yes|no|accept-new",
            read=choice,
            help="Whether unknown host keys are refused, ignored or learned; changed ones are "
            "refused.",
        ),
    ] = None
    password: Annotated[
        bool,
        option(
            "--password",
            panel="SSH",
            from_env=False,
            help="Ask for a login password once, before the first connection.",
        ),
    ] = False
    password_fd: Annotated[
        int,
        option(
            "--password-fd",
            panel="SSH",
            metavar="N",
            read=number(0, MAX_DESCRIPTOR),
            from_env=False,
            help="Read the login password from this descriptor, one line.",
        ),
    ] = UNSET
    key_passphrase_fd: Annotated[
        int,
        option(
            "--key-passphrase-fd",
            panel="SSH",
            metavar="N",
            read=number(0, MAX_DESCRIPTOR),
            from_env=False,
            help="Read the passphrase of encrypted keys from this descriptor, one line.",
        ),
    ] = UNSET
    server_alive_interval: Annotated[
        int,
        option(
            "--server-alive-interval",
            panel="SSH",
            metavar="S",
            read=number(0, MAX_ALIVE_S, zero="never"),
            help="Ask a silent node every so many seconds whether it is there; 0: never.",
        ),
    ] = UNSET
    server_alive_count_max: Annotated[
        int,
        option(
            "--server-alive-count-max",
            panel="SSH",
            metavar="N",
            read=number(1, MAX_ALIVE_COUNT),
            help="So many answers may be missing before the node counts as lost.",
        ),
    ] = UNSET


class TransportOptions(Struct, frozen=True, kw_only=True):
    """The way to the nodes."""

    transport: Annotated[
        Literal["ssh", "local"],
        option(
            "--transport",
            panel="SSH",
            metavar="ssh|local",
            read=choice,
            help="local runs every node's command on this machine.",
        ),
    ] = "ssh"
    persist: Annotated[
        float,
        option(
            "--persist",
            panel="SSH",
            exclusive="processes holding",
            metavar="S",
            read=span,
            help="Leave connections open for so long after the run; later runs with the same "
            "options use them by themselves. trioexec hold lists them.",
        ),
    ] = 0.0
    no_hold: Annotated[
        bool,
        option(
            "--no-hold",
            panel="SSH",
            exclusive="holding",
            help="Connect anew, also where --persist holds a connection.",
        ),
    ] = False
    workers: Annotated[
        int,
        option(
            "--workers",
            panel="SSH",
            exclusive="processes",
            metavar="N",
            read=number(0, MAX_WORKERS, zero="by cores and nodes"),
            help="Connect from so many processes; 0: as many as the nodes are worth.",
        ),
    ] = 0
