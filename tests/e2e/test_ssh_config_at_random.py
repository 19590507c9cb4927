"""As `test_ssh_config_against_openssh`, with files that nobody would write and ssh can read."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.e2e.test_ssh_config_against_openssh import (
    RENDERED,
    Case,
    _ask_ssh,
    _ask_us,
    _normal,
    _printed,
    _write,
)

SSH = shutil.which("ssh")
FILES = 100

NAMES = ("web1", "web2", "db1", "web1.example", "x.y.example", "DB1")
PATTERNS = (
    *("web1", "web*", "*1", "*", "*.example", "w?b1", "db*", "*b*", "x.y.*", "host-a", "*a", "ho*"),
    *("!web1", "!web*", "!*.example", "Web1", "*.EXAMPLE", "?*"),
)
DIRECTIVES = (
    *(
        "Port 5",
        "Port 6",
        "User u1",
        "User u2",
        "User u3",
        "HostName host-a",
        "HostName %h.example",
    ),
    *("IdentityFile /k1", "IdentityFile /k2", "SendEnv A -B", "SendEnv B -A", "SetEnv A=1"),
    *("ProxyJump j1,j2", "ProxyJump none", "ProxyCommand nc %h", "ProxyCommand none"),
    *("HostKeyAlias x", "UserKnownHostsFile /kh/%h_%n_%r_%p_%k", "ConnectTimeout 4"),
)
CRITERIA = ("host", "host", "originalhost", "user", "final", "canonical", "exec")


class Author:
    """Writes a configuration by chance, always the same one for a number."""

    def __init__(self, number: int) -> None:
        self._chance = random.Random(number)  # noqa: S311 - no secret

    def case(self) -> Case:
        pick = self._chance.choice
        return Case(
            self._file(0),
            name=pick(NAMES),
            user=pick((None, None, "u1")),
            port=pick((None, None, 55)),
            options=pick(((), (), ("Port=44",), ("User=u2",), ("HostName=host-a",))),
            files={f"{depth}{i}": self._file(depth + 1) for depth in (0, 1) for i in (1, 2)},
        )

    def _file(self, depth: int) -> str:
        lines = []
        for _ in range(self._chance.randint(1, 6)):
            kind = self._chance.random()
            if kind < 0.45:
                lines.append(self._condition())
            elif kind < 0.6 and depth < 2:
                lines.append(f"Include {{dir}}/{depth}{self._chance.randint(1, 2)}")
            else:
                lines.append(f"  {self._chance.choice(DIRECTIVES)}")
        return "\n".join(lines) + "\n"

    def _condition(self) -> str:
        if self._chance.random() < 0.5:
            return f"Host {self._patterns(' ')}"
        criteria = [self._criterion() for _ in range(self._chance.randint(1, 2))]
        return f"Match {' '.join(criteria)}"

    def _criterion(self) -> str:
        name = self._chance.choice(CRITERIA)
        negation = self._chance.choice(("", "", "!"))
        match name:
            case "final":
                return name  # negated, it means another thing to each OpenSSH
            case "canonical":
                return negation + name
            case "user":
                return f"{negation}user {self._chance.choice(('u1', 'u2,u3', 'root', '!u1,*'))}"
            case "exec":
                return f'{negation}exec "test %h = host-a"'
        return f"{negation}{name} {self._patterns(',')}"

    def _patterns(self, between: str) -> str:
        return between.join(self._chance.choices(PATTERNS, k=self._chance.randint(1, 3)))


@pytest.mark.skipif(SSH is None, reason="no ssh on this machine")
def test_we_use_what_ssh_would_use_whatever_is_written(tmp_path: Path) -> None:
    assert SSH is not None
    for number in range(FILES):
        case = Author(number).case()
        config = _write(case, tmp_path)

        done = _ask_ssh(SSH, case, config)
        settings = _ask_us(case, config)

        assert done.returncode == 0, (case, done.stderr)
        ours = {key: render(settings) for key, render in RENDERED.items()}
        assert ours == _normal(_printed(done.stdout), settings), (number, case)
