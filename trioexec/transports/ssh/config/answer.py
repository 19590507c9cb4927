"""One look-up under way: what was said so far, what Match may ask, and the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trioexec.model.errors import ConfigError
from trioexec.model.nodes import DEFAULT_PORT
from trioexec.transports.ssh.addresses import canonical_address
from trioexec.transports.ssh.config.directives import APPENDING, OF_THE_NODE, PROXY
from trioexec.transports.ssh.config.facts import (
    COMMAND_TOKENS,
    HOST_TOKENS,
    KEYS_TOKENS,
    PATH_TOKENS,
    Facts,
    Tokens,
    expand_user,
)
from trioexec.transports.ssh.config.parser import Block, Said
from trioexec.transports.ssh.config.settings import Hop, HostSettings, NotHonoured
from trioexec.transports.ssh.config.words import Place
from trioexec.transports.ssh.known_hosts import host_and_port
from trioexec.transports.ssh.patterns import matches

__all__ = ["Answer"]


class Answer:
    """The look-up under way: what was said up to here, and the answers that Match asks for."""

    def __init__(
        self,
        name: str,
        *,
        facts: Facts,
        succeeds: Callable[[str, Place], bool],
        user: str | None,
        port: int | None,
        is_hop: bool = False,
    ) -> None:
        self.name: str = name
        self.original = name
        self.final = False
        self._facts = facts
        self._succeeds = succeeds
        self._is_hop = is_hop
        self._said: dict[str, Said] = {}
        self._lists: dict[str, list[Said]] = {}
        self._not_honoured: dict[str, Place] = {}
        self._hostname: str | None = None
        typed = Place("command line", 0)
        if user is not None:
            self._said["user"] = Said("user", user, typed)
        if port is not None:
            self._said["port"] = Said("port", port, typed)

    def take(self, block: Block) -> None:
        """Add what a block says, where nothing was said before it."""
        self._hostname = None
        for said in block.said:
            if self._is_hop and said.field in OF_THE_NODE and said.place.is_command_line:
                continue
            if said.field in APPENDING:
                self._append(said)
            elif said.field == PROXY and self._value(PROXY) == ("jump", ()):
                if said.value[0] == "command":
                    self._said[PROXY] = said
            else:
                self._said.setdefault(said.field, said)
        for directive, place in block.not_honoured:
            self._not_honoured.setdefault(directive, place)

    def _append(self, said: Said) -> None:
        have = self._lists.setdefault(said.field, [])
        if said.field != "send_env":
            if all(each.value != said.value for each in have):
                have.append(said)
            return
        for word in said.value:
            if word.startswith("-"):
                have[:] = [each for each in have if not matches(each.value, word[1:])]
            elif all(each.value != word for each in have):
                have.append(Said(said.field, word, said.place))

    def _value(self, field: str) -> Any:  # noqa: ANN401 - as many types as fields
        said = self._said.get(field)
        return None if said is None else said.value

    def hostname(self) -> str:
        """What ``Match host`` sees."""
        # Thousands of blocks may ask; the answer changes when HostName is said, and not often.
        if self._hostname is None:
            self._hostname = self._host().lower()
        return self._hostname

    def _host(self) -> str:
        said = self._said.get("hostname")
        if said is None or self.final:
            return self.name
        return self._expanded(said, lambda text: self._tokens(self.name).expand(text, HOST_TOKENS))

    def remote_user(self) -> str:
        """What ``Match user`` sees."""
        return self._value("user") or self._facts.user

    def local_user(self) -> str:
        """What ``Match localuser`` sees."""
        return self._facts.user

    def tag(self) -> str:
        """What ``Match tagged`` sees."""
        return self._value("tag") or ""

    def command(self) -> str:
        """What ``Match command`` sees."""
        return self._facts.command

    def run(self, command: str, place: Place) -> bool:
        """Answer ``Match exec``."""
        said = Said("Match exec", command, place)
        expanded = self._expanded(
            said, lambda text: self._tokens(self._host()).expand(text, PATH_TOKENS)
        )
        return self._succeeds(expanded, place)

    def canonicalizes(self) -> bool:
        """Tell whether CanonicalizeHostname makes for a second pass."""
        return self._value("canonicalize_hostname") not in (None, "no")

    def settle_hostname(self, canonical: str | None) -> None:
        """End the first pass: from here on, ``Host`` lines see the name to connect to."""
        host = canonical or self._host()
        self.name = canonical_address(host) or host.lower()
        self._hostname = None

    def _tokens(self, host: str) -> Tokens:
        proxy = self._value(PROXY)
        alias = (self._value("host_key_alias") or "").lower()
        port = self._value("port") or DEFAULT_PORT
        return Tokens(
            facts=self._facts,
            host=host,
            original=self.original,
            port=port,
            user=self.remote_user(),
            alias=alias or self.original,
            known_as=alias or host_and_port(host, port),
            jump=proxy[1][-1].host if proxy and proxy[0] == "jump" and proxy[1] else "",
        )

    @staticmethod
    def _expanded(said: Said, expand: Callable[[str], str]) -> str:
        try:
            return expand(said.value)
        except ValueError as exc:
            raise ConfigError(f"{said.place}: {exc}.\nCorrect it.") from None

    def settings(self) -> HostSettings:
        """Make the answer."""
        values: dict[str, Any] = {key: said.value for key, said in self._said.items()}
        tokens = self._tokens(self.name)
        values |= {"name": self.original, "hostname": self.name}
        self._put_proxy(values, tokens)
        self._put_lists(values, tokens)
        if (alias := values.get("host_key_alias")) is not None:
            values["host_key_alias"] = alias.lower()
        if (said := self._said.get("identity_agent")) is not None:
            values["identity_agent"] = self._path(said, tokens)
        if (said := self._said.get("revoked_host_keys")) is not None:
            values["revoked_host_keys"] = self._path(said, tokens) or None
        for field in ("user_known_hosts_files", "global_known_hosts_files"):
            if (said := self._said.get(field)) is not None:
                files = [Said(field, each, said.place) for each in said.value]
                values[field] = tuple(
                    self._path(each, tokens) if field.startswith("user") else each.value
                    for each in files
                )
        if (said := self._said.get("known_hosts_command")) is not None:
            words = (Said(said.field, each, said.place) for each in said.value)
            values["known_hosts_command"] = tuple(
                self._expanded(word, lambda text: tokens.expand(text, KEYS_TOKENS))
                for word in words
            )
        values["not_honoured"] = tuple(
            NotHonoured(directive=directive, place=place)
            for directive, place in self._not_honoured.items()
        )
        return HostSettings(**values)

    def _put_lists(self, values: dict[str, Any], tokens: Tokens) -> None:
        if (names := self._lists.get("send_env")) is not None:
            values["send_env"] = tuple(each.value for each in names)
        for field in ("identity_files", "certificate_files"):
            if (files := self._lists.get(field)) is not None:
                values[field] = tuple(
                    self._path(each, tokens) for each in files if each.value.lower() != "none"
                )

    def _put_proxy(self, values: dict[str, Any], tokens: Tokens) -> None:
        said = self._said.get(PROXY)
        if said is None:
            return
        del values[PROXY]
        kind, value = said.value

        def expand(text: str) -> str:
            return self._expanded(
                Said(PROXY, text, said.place), lambda it: tokens.expand(it, COMMAND_TOKENS)
            )

        if kind == "command":
            values["proxy_command"] = expand(value)
        else:
            values["proxy_jump"] = tuple(
                Hop(expand(hop.host), hop.user and expand(hop.user), hop.port) for hop in value
            )

    def _path(self, said: Said, tokens: Tokens) -> str:
        facts = self._facts

        def expand(text: str) -> str:
            # Variables last, on their own pass in OpenSSH too: values are not expanded again.
            return _expand_path(text, tokens, facts)

        return self._expanded(said, expand)


def _expand_path(text: str, tokens: Tokens, facts: Facts) -> str:
    if "%" not in text and "$" not in text:
        return expand_user(text, facts.home)
    # Cut at the variables first, so that what they hold is never read as tokens.
    pieces = text.split("${")
    out = [tokens.expand(expand_user(pieces[0], facts.home), PATH_TOKENS)]
    for piece in pieces[1:]:
        name, bracket, rest = piece.partition("}")
        out.append(facts.expand_environment("${" + name + bracket))
        out.append(tokens.expand(rest, PATH_TOKENS))
    return "".join(out)
