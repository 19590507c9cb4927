"""``--log-file`` and ``--otel`` of the real command line, also where it is interrupted."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.e2e.rig import Cli, Marker


def logged(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_the_log_of_an_interrupted_run_is_whole_and_the_next_is_appended(
    cli: Cli, mark: Marker
) -> None:
    log = cli.folder / "run.log"
    words = ("-b", "--log-file", "run.log", "-H", "127.0.1.[1-2]", "--parallel", "1")
    async with cli.start(*words, *mark.options, "echo secret; sleep 1000") as run:
        await run.prints(b"secret\n")

        run.press()

        assert await run.exits() == 130
    first = logged(log)
    done = await cli("--log-file", "run.log", "-H", "127.0.1.3", "true")

    lines = logged(log)
    assert done.code == 0, done.stderr
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert first[-1]["event"] == "run_finished"
    assert (first[-1]["exit_code"], first[-1]["stopped"]) == (130, "interrupt")
    assert [line["text"] for line in first if line["event"] == "node_finished"] == [
        "stopped (interrupt)",
        "not started (interrupt)",
    ]
    assert "secret\\n" not in log.read_text()
    assert lines[: len(first)] == first
    assert len({line["run"] for line in lines}) == 2
    await mark.are_gone()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        pytest.param(".", "is a directory", id="directory"),
        pytest.param("none/run.log", "no such file or directory", id="no directory"),
    ],
)
async def test_a_log_that_cannot_be_written_is_a_usage_error(
    cli: Cli, path: str, says: str
) -> None:
    since = len(cli.sshd.log)

    done = await cli("--log-file", path, "-H", "127.0.1.1", "true")

    assert done.code == 2
    assert done.stderr.startswith(f"trioexec: --log-file {path}: {says}.\n")
    assert cli.sshd.logins(since) == 0


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("ping", "127.0.1.[1-2]"), id="ping"),
        pytest.param(("-S", "-H", "127.0.1.[1-2]", "exit 3"), id="run"),
    ],
)
async def test_spans_of_a_run_go_where_the_environment_says(
    cli: Cli, words: tuple[str, ...]
) -> None:
    name, *rest = words
    options = ("--otel", "-q")
    line = (name, *options, *rest) if name == "ping" else (*options, *words)

    done = await cli(*line, env={"OTEL_TRACES_EXPORTER": "console"})

    spans = [json.loads(text) for text in done.stderr.splitlines()]
    (run,) = (span for span in spans if span["name"] == "trioexec run")
    nodes = [span for span in spans if span["name"] == "trioexec node"]
    assert {span["attributes"]["trioexec.node"] for span in nodes} == {"127.0.1.1", "127.0.1.2"}
    assert {span["parent_id"] for span in nodes} == {run["context"]["span_id"]}
    assert run["attributes"]["trioexec.exit_code"] == done.code
