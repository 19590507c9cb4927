"""docs/howto/ci-with-nox.md: its noxfile with the real nox, its pipelines step by step."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio
from pytest_trio import trio_fixture

import trioexec
from tests.e2e.ci_rig import (
    EXAMPLES,
    HANG_S,
    Place,
    check_junit,
    github_steps,
    gitlab_steps,
    load,
    open_place,
    runs,
)
from trioexec.settings.check_file import parse_checks

PAGE = EXAMPLES.parents[1] / "howto" / "ci-with-nox.md"
SESSIONS = ["services", "versions", "disk", "machines"]
FINE = dict.fromkeys(("web1", "web2", "web3"), "ok")


@trio_fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with open_place(tmp_path) as opened:
        yield opened


async def test_every_session_passes_where_nothing_is_wrong(place: Place) -> None:
    done = await place.run(["nox", "-s", *SESSIONS], place.with_secrets())

    assert done.code == 0, done.stderr
    assert sorted(place.reports) == sorted(SESSIONS)
    for name in ("services", "versions", "disk"):
        assert check_junit(place.reports[name]) == FINE
    assert "::" not in done.stdout


@pytest.mark.parametrize(
    ("session", "broken", "child"),
    [
        pytest.param("services", "chronyd", "failure", id="a service is down"),
        pytest.param("disk", "disk", "failure", id="a disk is full"),
    ],
)
async def test_one_node_that_fails_fails_its_session_and_no_other(
    place: Place, session: str, broken: str, child: str
) -> None:
    place.break_("web2", broken)
    env = place.with_secrets() | {"GITHUB_ACTIONS": "true"}

    done = await place.run(["nox", "-s", "services", "versions", "disk"], env)

    assert done.code == 1
    for name, path in place.reports.items():
        wanted = FINE | ({"web2": child} if name == session else {})
        assert check_junit(path) == wanted
    failed = re.findall(r"^nox > \* (\w+): failed", done.stderr, re.MULTILINE)
    assert failed == [session]
    annotations = re.findall(r"^::error title=.*::(web2: .*)$", done.stdout, re.MULTILINE)
    assert len(annotations) == 1
    assert "exit 1" in annotations[0]


async def test_another_version_on_one_node_fails_the_session(place: Place) -> None:
    place.break_("web3", "versions")

    done = await place.run(["nox", "-s", "versions"], place.with_secrets())

    assert done.code == 1
    assert "web[1-2] (2)" in done.stdout
    assert "nginx/1.9" in done.stdout


async def test_the_job_has_a_summary_of_every_session(place: Place, tmp_path: Path) -> None:
    place.break_("web2", "disk")
    summary = tmp_path / "summary.md"
    env = place.with_secrets() | {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}

    await place.run(["nox", "-s", "services", "disk"], env)

    headings = [line for line in summary.read_text().splitlines() if line.startswith("### ")]
    assert len(headings) == 2


async def test_an_unknown_host_key_is_refused(place: Place) -> None:
    env = place.with_secrets()
    place.forget_host_key("web3")

    done = await place.run(["nox", "-s", "services"], env)

    assert done.code == 1
    assert check_junit(place.reports["services"]) == FINE | {"web3": "error"}
    assert "host key rejected" in done.stdout


async def test_a_key_with_a_passphrase_is_not_asked_about(place: Place) -> None:
    env = place.with_secrets()
    key = f"{env['CHECKS_SSH']}/key"
    await place.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key], env)

    done = await place.run(["nox", "-s", "services"], env)

    assert done.code == 1
    assert check_junit(place.reports["services"]) == dict.fromkeys(FINE, "error")
    assert "denied" in done.stdout


async def test_the_first_failure_stops_all_where_that_is_asked_for(place: Place) -> None:
    place.break_("web1", "disk")

    done = await place.run(
        ["nox", "-s", "disk", "--", "--fail-fast", "--parallel", "1"], place.with_secrets()
    )

    assert done.code == 1
    assert check_junit(place.reports["disk"]) == {
        "web1": "failure",
        "web2": "skipped",
        "web3": "skipped",
    }


@pytest.mark.parametrize(
    "send",
    [pytest.param(os.killpg, id="everybody is told"), pytest.param(os.kill, id="nox is told")],
)
async def test_a_pipeline_that_is_cancelled_leaves_nothing_and_still_reports(
    place: Place, send: Callable[[int, int], None]
) -> None:
    place.break_("web2", "sleeps")
    pid_file = place.state / "pid"
    with trio.fail_after(HANG_S):
        process = await trio.lowlevel.open_process(
            ["nox", "-s", "disk"],
            cwd=place.path,
            env=place.with_secrets(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not (pid_file.exists() and pid_file.read_text().strip()):
            await trio.sleep(0.05)

        send(process.pid, signal.SIGINT)
        code = await process.wait()

    assert code != 0
    assert not runs(pid_file.read_text().strip())
    assert check_junit(place.reports["disk"])["web2"] == "error"


async def test_the_check_file_is_asked_and_judged(place: Place) -> None:
    place.break_("web2", "nginx")
    place.break_("web3", "versions")
    env = place.with_secrets() | {"GITHUB_ACTIONS": "true"}

    done = await place.run(["nox", "-s", "machines"], env)

    assert done.code == 1
    cases = check_junit(place.reports["machines"])
    assert len(cases) == 12
    assert {name: child for name, child in cases.items() if child != "ok"} == {
        "nginx-is-active: web2": "failure",
        "nginx-is-the-same-everywhere: web3": "failure",
    }
    assert re.search(r"^::error title=nginx-is-active.*::web2: ", done.stdout, re.MULTILINE)
    assert "2 nodes answered 'nginx version: nginx/1.26.1'" in done.stdout


def test_the_check_file_is_one() -> None:
    found = parse_checks((EXAMPLES / "checks.toml").read_text(), "checks.toml")

    assert found.nodes == (), "NODES would say one thing and the file another"
    assert len(found.checks) == 4


@pytest.mark.parametrize(
    ("broken", "code"),
    [pytest.param("", 0, id="nothing is wrong"), pytest.param("disk", 1, id="a disk is full")],
)
async def test_the_steps_of_the_workflow_do_what_they_say(
    place: Place, tmp_path: Path, broken: str, code: int
) -> None:
    place.break_("web1", broken)
    temp = tmp_path / "runner"
    temp.mkdir()
    env = {
        "GITHUB_ACTIONS": "true",
        "RUNNER_TEMP": str(temp),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "NOXSESSION": ",".join(SESSIONS),
    }

    done = await place.run_steps(github_steps(place), env)

    assert done.code == code, done.stderr
    assert sorted(place.reports) == sorted(SESSIONS)
    for path in place.reports.values():
        check_junit(path)
    assert ("::error" in done.stdout) == bool(code)
    assert list(temp.iterdir()) == []


@pytest.mark.parametrize(
    ("broken", "code"),
    [pytest.param("", 0, id="nothing is wrong"), pytest.param("disk", 1, id="a disk is full")],
)
async def test_the_scripts_of_the_gitlab_job_do_what_they_say(
    place: Place, broken: str, code: int
) -> None:
    place.break_("web1", broken)
    steps, variables = gitlab_steps(place)

    done = await place.run_steps(steps, {**variables, "NOXSESSION": ",".join(SESSIONS)})

    assert done.code == code, done.stderr
    assert sorted(place.reports) == sorted(SESSIONS)
    for path in place.reports.values():
        check_junit(path)
    assert "::" not in done.stdout
    assert not place.has_key_left()


def test_the_workflow_is_of_githubs_shape() -> None:
    flow = load("github-actions.yml")

    assert set(flow) == {"name", "on", "permissions", "concurrency", "jobs"}
    assert set(flow["on"]) <= {"schedule", "workflow_dispatch", "push", "pull_request"}
    assert flow["permissions"] == {"contents": "read"}
    (job,) = flow["jobs"].values()
    assert set(job) <= {"runs-on", "timeout-minutes", "environment", "env", "steps"}
    known = {"name", "if", "env", "run", "uses", "with"}
    for step in job["steps"]:
        assert set(step) <= known
        assert ("run" in step) != ("uses" in step)
        assert "run" not in step or "with" not in step
        assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])
        assert "${{" not in step.get("run", ""), "an expression in a script is an injection"
    for expression in re.findall(r"\$\{\{ (.+?) \}\}", str(flow)):
        assert re.fullmatch(r"(secrets|vars|inputs)\.\w+( \|\| '[^']*')?", expression)


def test_the_gitlab_job_is_of_gitlabs_shape() -> None:
    (job,) = load("gitlab-ci.yml").values()

    assert set(job) <= {
        *("image", "rules", "timeout", "resource_group", "interruptible", "variables"),
        *("before_script", "script", "after_script", "artifacts"),
    }
    for name in ("before_script", "script", "after_script"):
        assert all(isinstance(line, str) for line in job[name])
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"] == {"junit": "reports/*.xml"}


def test_the_pipelines_wait_longer_than_the_sessions_may_take() -> None:
    noxfile = (EXAMPLES / "noxfile.py").read_text()
    found = re.search(r'"--deadline", "(\d+)"', noxfile)
    assert found is not None
    longest_s = int(found[1]) * noxfile.count("@nox.session")

    assert load("github-actions.yml")["jobs"]["check"]["timeout-minutes"] * 60 > longest_s
    minutes = re.fullmatch(r"(\d+) minutes", load("gitlab-ci.yml")["machines"]["timeout"])
    assert minutes is not None
    assert int(minutes[1]) * 60 > longest_s


def test_the_pipelines_install_this_version() -> None:
    found = re.search(
        r"^trioexec>=([\d.]+),<([\d.]+)$", (EXAMPLES / "requirements.txt").read_text(), re.MULTILINE
    )
    assert found is not None
    ours, least, below = (
        tuple(int(part) for part in text.split("."))
        for text in (trioexec.__version__, found[1], found[2])
    )

    assert least <= ours < below


def test_the_page_shows_every_file() -> None:
    shown = set(re.findall(r"\{literalinclude\} \.\./examples/ci/(\S+)", PAGE.read_text()))

    assert shown == {path.name for path in EXAMPLES.iterdir() if path.is_file()}
