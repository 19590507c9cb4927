# ruff: noqa: S314 - the documents are ours
"""The files of docs/examples/ci, and machines for them: SSH servers in this process.

What the machines are asked is answered by programs of ours, first on their PATH; a file
`broken/NODE` says what is wrong with a node.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
import xmlschema
import yaml

from trioexec.model.junit import CLASS_NAME
from trioexec.testing import ScriptedNode, SshFleet, open_ssh_fleet

__all__ = ["EXAMPLES", "Done", "Place", "Step", "check_junit", "github_steps", "gitlab_steps"]
__all__ += ["load", "open_place", "runs"]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "ci"
HANG_S = 240

NAMES = ("web1", "web2", "web3")

_SCHEMAS = ROOT / "tests" / "unit" / "schemas"
_CASE_OUTPUT = re.compile(r"      <system-(out|err)>.*?</system-\1>\n", re.DOTALL)

_PROGRAMS = {
    "systemctl": """\
case "$*" in
  *--failed*) ;;
  "is-active --quiet $broken") exit 3 ;;
  "is-active $broken") echo inactive; exit 3 ;;
  "is-active --quiet "*) ;;
  *) echo active ;;
esac
""",
    "nginx": '[ "$broken" = versions ] && echo nginx version: nginx/1.9 >&2 && exit\n'
    "echo nginx version: nginx/1.26.1 >&2\n",
    "openssl": "echo OpenSSL 3.0.14\n",
    "df": """\
[ "$broken" = sleeps ] && echo $$ > "$state/pid" && exec sleep 1000
echo Filesystem 1024-blocks Used Available Capacity Mounted on
[ "$broken" = disk ] && echo /dev/sda1 100 97 3 97% / || echo /dev/sda1 100 42 58 42% /
""",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing a pipeline does in a shell."""

    run: str
    env: Mapping[str, str] = field(default_factory=dict)
    always: bool = False
    """Also when a step before it has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A checkout of the examples, with machines that its pipeline can reach."""

    path: Path
    state: Path
    fleet: SshFleet

    @property
    def reports(self) -> dict[str, Path]:
        return {path.stem: path for path in (self.path / "reports").glob("*.xml")}

    @property
    def secrets(self) -> dict[str, str]:
        """What a project's settings hold, in the words of the pipelines."""
        return {
            "CHECKS_SSH_KEY": self.fleet.client_key.read_text().strip(),
            "CHECKS_KNOWN_HOSTS": self.fleet.known_hosts.read_text(),
        }

    def break_(self, node: str, what: str) -> None:
        (self.state / node).write_text(what)

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE")}
        return {
            "PATH": f"{self.path}/.bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.state),
            "XDG_STATE_HOME": str(self.state),
            "LC_ALL": "C.UTF-8",
            **kept,
        }

    def with_secrets(self) -> dict[str, str]:
        """What the noxfile finds when the pipeline has written the secrets."""
        folder = self.state / "ssh"
        folder.mkdir(exist_ok=True)
        shutil.copy(self.fleet.client_key, folder / "key")  # and its mode
        shutil.copy(self.fleet.known_hosts, folder / "known_hosts")
        return {**self.environment(), "CHECKS_SSH": str(folder)}

    def forget_host_key(self, node: str) -> None:
        """Take a node out of what `with_secrets` has written."""
        known_hosts = self.state / "ssh" / "known_hosts"
        lines = known_hosts.read_text().splitlines(keepends=True)
        known_hosts.write_text("".join(line for line in lines if f",{node} " not in line))

    def has_key_left(self) -> bool:
        """Whether what a pipeline has written of its secrets is still there."""
        return any(self.path.parent.rglob("key"))

    async def run(self, words: Iterable[str], env: Mapping[str, str]) -> Done:
        with trio.fail_after(HANG_S):
            done = await trio.run_process(
                list(words),
                cwd=self.path,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
        return Done(code=done.returncode, stdout=done.stdout.decode(), stderr=done.stderr.decode())

    async def run_steps(self, steps: Iterable[Step], env: Mapping[str, str]) -> Done:
        """Run them as a runner does: each in a shell of its own, the rest left out after a failure."""
        env_file = self.state / "github_env"
        env_file.touch()
        env = {**self.environment(), **env, "GITHUB_ENV": str(env_file)}
        code, said, complaints = 0, "", ""
        for step in steps:
            if code and not step.always:
                continue
            added = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
            words = ["/bin/sh", "-e", "-c", step.run]
            done = await self.run(words, {**env, **added, **step.env})
            code = code or done.code
            said, complaints = said + done.stdout, complaints + done.stderr
        return Done(code=code, stdout=said, stderr=complaints)


@contextlib.asynccontextmanager
async def open_place(tmp_path: Path) -> AsyncIterator[Place]:
    """Have a checkout whose machines answer; nothing is broken yet."""
    programs, state, checkout = tmp_path / "programs", tmp_path / "state", tmp_path / "checkout"
    programs.mkdir()
    state.mkdir()
    shutil.copytree(EXAMPLES, checkout)
    for name, text in _PROGRAMS.items():
        _write_program(
            programs / name, f'state={state}\nbroken=$(cat "$state/$HOSTNAME" 2>&-)\n{text}'
        )
    (checkout / ".bin").mkdir()
    for name in ("trioexec", "nox"):
        _write_program(checkout / ".bin" / name, f'exec {sys.executable} -m {name} "$@"\n')
    # What is asked is asked there; what sh itself is, is the machine's.
    env = {"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin"}
    nodes = [ScriptedNode(name=name, runs_commands=True, env=env) for name in NAMES]
    async with open_ssh_fleet(nodes, user="deploy") as fleet:
        hosts = "".join(
            f"Host {node.name}\n  HostName {node.host}\n  Port {node.port}\n"
            for node in fleet.nodes
        )
        config = checkout / "ssh_config"
        config.write_text(hosts + config.read_text())
        yield Place(path=checkout, state=state, fleet=fleet)


def _write_program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)


def runs(pid: str) -> bool:
    """Whether a process is there, and no zombie whose parent has yet to look."""
    try:
        state = Path("/proc", pid, "stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def check_junit(path: Path) -> dict[str, str]:
    """Hold a file to both schemas; give each case's child, ``ok`` where there is none.

    Cases are named by their node, those of a check file ``CHECK: NODE``.
    """
    text = path.read_text()
    xmlschema.XMLSchema(_SCHEMAS / "junit-jenkins.xsd").validate(text)
    xmlschema.XMLSchema(_SCHEMAS / "junit-windyroad.xsd").validate(_CASE_OUTPUT.sub("", text))
    found = {}
    for case in ET.fromstring(text).iter("testcase"):
        children = [child.tag for child in case if not child.tag.startswith("system-")]
        kind, node = case.attrib["classname"], case.attrib["name"]
        found[node if kind == CLASS_NAME else f"{kind}: {node}"] = children[0] if children else "ok"
    return found


def load(name: str) -> dict[str, Any]:
    """Read a pipeline; YAML 1.1 takes GitHub's `on` for true."""
    loaded = yaml.safe_load((EXAMPLES / name).read_text())
    return {("on" if key is True else str(key)): value for key, value in loaded.items()}


def github_steps(place: Place) -> list[Step]:
    """Give the job's steps that are commands, with what the expressions in them come to."""
    job = load("github-actions.yml")["jobs"]["check"]
    values = {
        "secrets.CHECKS_SSH_KEY": place.secrets["CHECKS_SSH_KEY"],
        "vars.CHECKS_KNOWN_HOSTS": place.secrets["CHECKS_KNOWN_HOSTS"],
        "inputs.nodes || 'web[1-3]'": "web[1-3]",
    }

    def resolve(env: Mapping[str, str]) -> dict[str, str]:
        return {
            name: re.sub(r"\$\{\{ (.+?) \}\}", lambda found: values[found[1]], text)
            for name, text in env.items()
        }

    return [
        Step(
            run=step["run"],
            env=resolve({**job.get("env", {}), **step.get("env", {})}),
            always=step.get("if") == "always()",
        )
        for step in job["steps"]
        if "run" in step and step.get("name") != "Install"
    ]


def gitlab_steps(place: Place) -> tuple[list[Step], dict[str, str]]:
    """Give what the job does, one script and what comes after it, and its variables."""
    job = load("gitlab-ci.yml")["machines"]
    files = {}
    for name, text in place.secrets.items():
        files[name] = str(place.state / name)
        Path(files[name]).write_text(text + "\n")
    variables = {**files, "CI_JOB_ID": "1"}
    for name, text in job["variables"].items():
        inside = str(text).replace("$CI_JOB_ID", variables["CI_JOB_ID"])
        variables[name] = inside.replace("/tmp", str(place.state))
    return [
        Step(run="\n".join(job["script"])),
        Step(run="\n".join(job["after_script"]), always=True),
    ], variables
