"""The checks, each in an environment of its own: ``nox`` runs those that CI runs.

Tests need an sshd; `dev.py test` sees to it, and without one they say so.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "docs", "wheel", "ci"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
SOURCES = ["trioexec", "tests", "docs", "noxfile.py", "dev.py"]
ASYNC_RULES = "ASYNC1,ASYNC2,ASYNC3,ASYNC4"
"""flake8-async, but for the rules that are off by default: 9xx wants a checkpoint on every path."""

ASYNC_EXCEPT = "ASYNC106,ASYNC114,ASYNC124"
"""How asyncio is imported is ruff's business; the others object to our Protocols' shapes."""

E2E_IN_CI = [
    f"tests/e2e/test_{name}.py"
    for name in (
        *("exit_codes", "signals", "nothing_left", "output", "faults", "group_codes", "leaving"),
        *("local", "many_nodes", "process_session", "shells", "sudo", "ctrl_c_at_a_terminal"),
        *("authentication", "host_keys_against_openssh", "ssh_config_against_openssh", "hold"),
        "watchdog",
    )
]
COVERAGE = "95"
"""Per cent of branches."""

TYPED_EXAMPLES = ["docs/examples/service.py", "docs/examples/ci/noxfile.py"]
LAYERS_OF_TESTS = ["tests/unit", "tests/ssh", "tests/e2e"]


def group(name: str) -> list[str]:
    """Give the requirements of a dependency group."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def install(session: nox.Session, *groups: str) -> None:
    """Install the project as it lies here, and what the session needs beside it."""
    wanted = [requirement for name in groups for requirement in group(name)]
    session.install("-e", ".[tui]", *wanted)


def existing(*paths: str) -> list[str]:
    """Keep the paths that are there."""
    return [path for path in paths if Path(path).exists()]


def build(session: nox.Session, folder: Path) -> tuple[Path, Path]:
    """Build the source archive, and the wheel from that; the session has `build`."""
    for old in folder.glob("*"):
        old.unlink()
    session.run("python", "-m", "build", "--outdir", str(folder), silent=True)
    (archive,), (built,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return archive, built


def smoke(session: nox.Session, built: str, tmp: Path, *beside: str) -> Path:
    """Try an installation in an environment of its own, and return where that is."""
    empty = tmp / "venv"
    session.run("python", "-m", "venv", "--clear", str(empty))
    bin_ = empty / "bin"
    session.run(str(bin_ / "pip"), "install", "--quiet", built, *beside, external=True)
    program = str((bin_ / "trioexec").resolve())
    with session.chdir(tmp):  # where nothing of this tree is importable
        session.run(program, "--version", external=True)
        session.run(program, "nodes", "--count", "web[1-20]", external=True)
        session.run(program, "--transport", "local", "-H", "a,b", "true", external=True)
        session.run(program, "demo", "--nodes", "3", "-S", "true", external=True)
    return empty


@nox.session
def lint(session: nox.Session) -> None:
    """Format, lint, and the rules of async code."""
    session.install(*group("lint"))
    session.run("ruff", "format", "--check", *SOURCES)
    session.run("ruff", "check", *SOURCES)
    session.run("flake8", f"--select={ASYNC_RULES}", f"--extend-ignore={ASYNC_EXCEPT}", "trioexec")


@nox.session
def types(session: nox.Session) -> None:
    """Type-check, strictly; what users see of our types, by two checkers."""
    install(session, "types", "test")
    session.run("mypy")
    session.run("mypy", "--strict", "tests/typing", *TYPED_EXAMPLES)
    # pyright itself, from PyPI with all that it needs: `pyright` there fetches it from elsewhere.
    session.run("basedpyright", "--project", "tests/typing")
    session.run("python", "tests/typing/complete.py")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests without coverage; arguments go to pytest."""
    install(session, "test")
    session.run("pytest", *(session.posargs or existing(*LAYERS_OF_TESTS)))


@nox.session
def e2e(session: nox.Session) -> None:
    """Run the real command line against a real sshd."""
    install(session, "test")
    session.run("pytest", "tests/e2e", *session.posargs)


@nox.session
def cover(session: nox.Session) -> None:
    """Run all tests, and gate on their branch coverage; long."""
    install(session, "test")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *LAYERS_OF_TESTS)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", f"--fail-under={COVERAGE}")


@nox.session
def ci(session: nox.Session) -> None:
    """Run what has to pass on every change, in minutes, with a gate on the branch coverage.

    That is all unit and in-process tests, and beside them, since they wait more than they
    work, the end-to-end tests of the promises: exit codes, signals, nothing left, faults,
    keys.  The others (the screen, the journal, checks, pdsh, routes) come with `cover`.
    """
    install(session, "test")
    session.run("coverage", "erase")
    log = Path(session.create_tmp()) / "e2e.log"
    python = str(Path(session.bin) / "python")
    with log.open("wb") as said:
        beside = subprocess.Popen(
            [python, "-m", "coverage", "run", "-m", "pytest", *E2E_IN_CI],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": f"{session.bin}{os.pathsep}{os.environ['PATH']}"},
        )
    try:
        # A folder of their own: both look for what a test leaves behind.
        with tempfile.TemporaryDirectory(prefix="trioexec-tests-") as apart:
            others = ("coverage", "run", "-m", "pytest", "tests/unit", "tests/ssh")
            session.run(*others, env={"TMPDIR": apart})
        beside.wait()
    finally:
        beside.terminate()
        beside.wait()
        session.log(log.read_text(errors="replace"))
    if beside.returncode:
        session.error("the end-to-end tests failed; see above")
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", f"--fail-under={COVERAGE}")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel, and test it where nothing of this tree is importable.

    Without arguments a smoke test, ``nox -s wheel -- tests`` runs all tests on it.
    """
    tmp = Path(session.create_tmp())
    session.install("build")
    _, built = build(session, tmp / "dist")
    empty = smoke(session, f"{built}[tui]", tmp, *(group("test") if session.posargs else ()))
    if session.posargs:
        here = [str(Path(path).resolve()) for path in session.posargs]
        config = str(Path("pyproject.toml").resolve())
        with session.chdir(tmp):
            # Our own folder is not on the path there: what is imported is the wheel.
            session.run(
                str((empty / "bin" / "python").resolve()),
                *("-P", "-m", "pytest", "-c", config, "-o", "pythonpath=", *here),
                external=True,
            )


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests on the oldest versions that pyproject.toml admits."""
    session.install("uv")
    session.run(
        *("uv", "pip", "install", "--quiet", "--resolution", "lowest-direct"),
        *("--python", str(Path(session.virtualenv.bin) / "python")),
        *("-e", ".[tui]", *group("test")),
    )
    session.run("pytest", *(session.posargs or existing("tests/unit", "tests/ssh")))


@nox.session
def release(session: nox.Session) -> None:
    """Build into dist/, check what was built, and try both archives in empty environments.

    Uploads nothing.  Before it: ``python docs/changelog.py VERSION DATE``, and the version in
    ``trioexec/__init__.py``.
    """
    session.install("build", "twine", "check-wheel-contents", "uv")
    archive, built = build(session, Path("dist"))
    session.run("twine", "check", "--strict", str(archive), str(built))
    session.run("check-wheel-contents", str(built))
    for path in (built, archive):
        smoke(session, str(path.resolve()), Path(session.create_tmp()))


@nox.session
def lock(session: nox.Session) -> None:
    """Write requirements.lock: every version with its hashes, and no word of where from."""
    session.install("uv")
    session.run(
        *("uv", "export", "--quiet", "--all-extras", "--all-groups", "--no-emit-project"),
        *("--no-header", "--format", "requirements-txt", "--output-file", "requirements.lock"),
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; warnings are errors."""
    install(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure us against our peers; writes docs/reference/benchmarks.md, and fails nothing."""
    programs = sorted(Path("tests/bench").glob("__main__.py"))
    if not programs:
        session.skip("tests/bench has no __main__.py yet")
    install(session, "test")
    if os.geteuid() == 0:
        packages = ("pdsh", "clustershell", "pssh")
        session.run("apt-get", "install", "-y", "-qq", *packages, external=True, silent=True)
    session.install("parallel-ssh", "uvloop")
    session.run("python", "-m", "tests.bench", *session.posargs)
